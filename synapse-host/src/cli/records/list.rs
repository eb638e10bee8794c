//! `synapse run list`.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::{Value, json};
use synapse_sdk::errors::Result;
use synapse_sdk::words::Word;

use super::super::output::{Output, duration, table};
use crate::home::Home;
use crate::pipeline::{self, PipelineRun};
use crate::record::{self, RunSummary, Status};

/// List the latest runs of actions and of pipelines, newest first
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse run list
  synapse run list --limit 5 --json
  synapse run list --kind pipeline
  synapse run list --plugin classifier --action train --status failed --status crashed")]
pub(crate) struct ListArgs {
    /// How many
    #[arg(short = 'n', long, default_value_t = 20)]
    limit: usize,
    /// Only runs of this kind
    #[arg(short, long, value_enum)]
    kind: Option<Kind>,
    /// Only runs of the plugin with this code
    #[arg(short, long, value_name = "CODE")]
    plugin: Option<String>,
    /// Only runs of this action
    #[arg(short, long)]
    action: Option<String>,
    /// Only runs that stand so; may be given several times
    #[arg(short, long, value_parser = status_parser())]
    status: Vec<Status>,
}

fn status_parser() -> impl TypedValueParser<Value = Status> {
    let words = Status::ALL.iter().map(|status| status.as_str());
    PossibleValuesParser::new(words).try_map(|word| word.parse::<Status>())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// An action of a plugin
    Plugin,
    /// A pipeline
    Pipeline,
}

/// A run in one line: its id, which sorts by time, as JSON, and as a row.
type Listed = (String, Value, Vec<String>);

impl ListArgs {
    pub(super) fn execute(&self, home: &Home, output: &mut Output) -> Result<()> {
        let mut runs: Vec<Listed> = Vec::new();
        if self.kind != Some(Kind::Pipeline) {
            let plugins = record::list_where(home, self.limit, |run| self.chooses(run));
            for run in plugins {
                runs.push((run.id.clone(), serde_json::to_value(&run)?, row(&run)));
            }
        }
        // Those of pipelines are of no one plugin or action.
        if self.kind != Some(Kind::Plugin) && self.plugin.is_none() && self.action.is_none() {
            let stands = |status: &Status| self.status.is_empty() || self.status.contains(status);
            let pipelines = pipeline::list(home, self.limit, |run| stands(&run.status));
            runs.extend(pipelines.iter().map(|run| (run.id.clone(), run.to_json(), pipeline_row(run))));
        }
        runs.sort_by(|left, right| right.0.cmp(&left.0));
        runs.truncate(self.limit);
        let documents: Vec<&Value> = runs.iter().map(|(_, document, _)| document).collect();
        output.document(&json!({ "runs": documents }), |columns| {
            if runs.is_empty() {
                return self.nothing().to_owned();
            }
            let rows: Vec<Vec<String>> = runs.iter().map(|(.., row)| row.clone()).collect();
            table(&["ID", "STATUS", "PLUGIN", "ACTION", "TOOK"], &rows, columns)
        })
    }

    fn chooses(&self, run: &RunSummary) -> bool {
        let is = |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
        is(&self.plugin, &run.plugin)
            && is(&self.action, &run.action)
            && (self.status.is_empty() || self.status.contains(&run.status))
    }

    fn nothing(&self) -> &'static str {
        match (self.kind, &self.plugin, &self.action, &self.status[..]) {
            (None, None, None, []) => "no runs yet: `synapse plugin run` leaves one\n",
            _ => "no such runs: `synapse run list` shows all\n",
        }
    }
}

fn row(run: &RunSummary) -> Vec<String> {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let took = took(run.ms);
    let status = match run.incomplete {
        Some(_) => format!("{}, incomplete", run.status),
        None => run.status.to_string(),
    };
    vec![run.id.clone(), status, or_dash(&run.plugin), or_dash(&run.action), took]
}

fn pipeline_row(run: &PipelineRun) -> Vec<String> {
    vec![run.id.clone(), run.status.to_string(), "(pipeline)".to_owned(), run.name.clone(), took(run.ms)]
}

fn took(ms: Option<f64>) -> String {
    ms.map_or_else(|| "-".to_owned(), |ms| duration(ms / 1e3))
}
