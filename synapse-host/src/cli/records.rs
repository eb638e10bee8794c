//! `synapse run list` and `synapse run show`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use synapse_sdk::PluginError;
use synapse_sdk::errors::{NotFoundError, Result};

use super::Common;
use super::output::{Output, duration, table};
use crate::home::Home;
use crate::record::{self, FullRun, RunSummary};

#[derive(Subcommand, Debug)]
pub(crate) enum RunCommand {
    List(ListArgs),
    Show(ShowArgs),
}

/// List the latest runs, newest first
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  synapse run list\n  synapse run list --limit 5 --json")]
pub(crate) struct ListArgs {
    /// How many
    #[arg(short = 'n', long, default_value_t = 20)]
    limit: usize,
}

/// Show what a run was given, what it reported, and what it gave
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  synapse run show last\n  synapse run show 20261122-1 --json")]
pub(crate) struct ShowArgs {
    /// The run's id, the beginning of it, or `last`
    #[arg(value_name = "ID")]
    id: String,
}

impl RunCommand {
    pub(crate) fn execute(self, _common: &Common, output: &mut Output) -> Result<()> {
        let home = Home::from_env().ok_or_else(|| {
            NotFoundError::new("there is no folder where runs could be recorded").hint("set SYNAPSE_HOME")
        })?;
        match self {
            Self::List(args) => list(&record::list(&home, args.limit), output),
            Self::Show(args) => show(&record::load(&home, &args.id)?, output),
        }
    }
}

fn list(runs: &[RunSummary], output: &mut Output) -> Result<()> {
    output.document(&json!({ "runs": runs }), |columns| {
        if runs.is_empty() {
            return "no runs yet: `synapse plugin run` leaves one\n".to_owned();
        }
        let rows: Vec<Vec<String>> = runs.iter().map(row).collect();
        table(&["ID", "STATUS", "PLUGIN", "ACTION", "TOOK"], &rows, columns)
    })
}

fn row(run: &RunSummary) -> Vec<String> {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let took = run.ms.map_or_else(|| "-".to_owned(), |ms| duration(ms / 1e3));
    vec![run.id.clone(), run.status.to_string(), or_dash(&run.plugin), or_dash(&run.action), took]
}

fn show(run: &FullRun, output: &mut Output) -> Result<()> {
    let document = serde_json::to_value(run)?;
    output.document(&document, |_| describe(run, &document))
}

/// A run as a person reads it: what it was, what it said, how it ended.
fn describe(run: &FullRun, document: &Value) -> String {
    let mut text = String::new();
    let summary = &run.run;
    let mut field = |name: &str, value: &str| text.push_str(&format!("{name:<9}{value}\n"));
    field("run", &summary.id);
    field("status", summary.status.as_str());
    field("plugin", summary.plugin.as_deref().unwrap_or("-"));
    field("action", summary.action.as_deref().unwrap_or("-"));
    field("started", summary.started.as_deref().unwrap_or("-"));
    if let Some(ms) = summary.ms {
        field("took", &duration(ms / 1e3));
    }
    for part in ["params", "metrics", "result"] {
        if let Some(value) = document.get(part) {
            field(part, &value.to_string());
        }
    }
    if let Some(error) = &run.error {
        let error = PluginError::from_json(error.get().as_bytes());
        field("error", &error.to_string());
        if let Some(hint) = error.hint_text() {
            field("hint", hint);
        }
    }
    if !run.events.is_empty() {
        text.push_str("\nevents\n");
    }
    for (index, event) in document["events"].as_array().into_iter().flatten().enumerate() {
        if let Some(gap) = run.gap.filter(|gap| gap.after == index) {
            text.push_str(&format!("  … {} events are not recorded …\n", gap.dropped));
        }
        text.push_str(&event_line(event));
    }
    text
}

fn event_line(event: &Value) -> String {
    let word = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
    let time: String = word("datetime").chars().skip(11).take(12).collect();
    let said = match event["data"]["content"].as_str() {
        Some(content) => content.escape_debug().to_string(),
        None => event["data"].to_string(),
    };
    let names = [word("step"), word("event"), word("level")];
    let names: Vec<&str> = names.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    format!("  {time}  {}  {said}\n", names.join(" "))
}
