//! `synapse run list`.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::json;
use synapse_sdk::errors::Result;
use synapse_sdk::words::Word;

use super::super::output::{Output, duration, table};
use crate::home::Home;
use crate::record::{self, RunSummary, Status};

/// List the latest runs, newest first
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse run list
  synapse run list --limit 5 --json
  synapse run list --plugin classifier --action train --status failed --status crashed")]
pub(crate) struct ListArgs {
    /// How many
    #[arg(short = 'n', long, default_value_t = 20)]
    limit: usize,
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

impl ListArgs {
    pub(super) fn execute(&self, home: &Home, output: &mut Output) -> Result<()> {
        let runs = record::list_where(home, self.limit, |run| self.chooses(run));
        output.document(&json!({ "runs": runs }), |columns| {
            if runs.is_empty() {
                return self.nothing().to_owned();
            }
            let rows: Vec<Vec<String>> = runs.iter().map(row).collect();
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
        match (&self.plugin, &self.action, &self.status[..]) {
            (None, None, []) => "no runs yet: `synapse plugin run` leaves one\n",
            _ => "no such runs: `synapse run list` shows all\n",
        }
    }
}

fn row(run: &RunSummary) -> Vec<String> {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let took = run.ms.map_or_else(|| "-".to_owned(), |ms| duration(ms / 1e3));
    let status = match run.incomplete {
        Some(_) => format!("{}, incomplete", run.status),
        None => run.status.to_string(),
    };
    vec![run.id.clone(), status, or_dash(&run.plugin), or_dash(&run.action), took]
}
