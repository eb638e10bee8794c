//! `synapse run show`.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;
use synapse_sdk::PluginError;
use synapse_sdk::errors::Result;

use super::super::output::{Output, duration};
use super::{follow, pipeline};
use crate::home::Home;
use crate::record::{self, FullRun};

/// Show what a run was given, what it reported, and what it gave; of a
/// pipeline's run, its nodes
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse run show last
  synapse run show 20261122-1 --json
  synapse run show last --follow        as if it had been started here")]
pub(crate) struct ShowArgs {
    /// The run's id, the beginning of it, or `last`
    #[arg(value_name = "ID")]
    id: String,
    /// Show the events as they come until the run ends, then its result; the
    /// exit code is the run's
    #[arg(short, long)]
    follow: bool,
}

impl ShowArgs {
    pub(super) fn execute(&self, home: &Home, output: &mut Output) -> Result<ExitCode> {
        if let Some(id) = pipeline::meant(home, &self.id) {
            return pipeline::execute(home, &id, self.follow, output);
        }
        if self.follow {
            return follow::execute(home, &self.id, output);
        }
        let run = record::load(home, &self.id)?;
        let document = serde_json::to_value(&run)?;
        output.document(&document, |_| describe(&run, &document))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// A run as a person reads it: what it was, what it said, how it ended.
fn describe(run: &FullRun, document: &Value) -> String {
    let mut text = String::new();
    let mut field = |name: &str, value: &str| text.push_str(&format!("{name:<10}{value}\n"));
    describe_start(run, &mut field);
    if let Some(why) = &run.run.incomplete {
        field("record", &format!("incomplete: {why}"));
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
    describe_events(run, document, &mut text);
    text
}

fn describe_start(run: &FullRun, field: &mut impl FnMut(&str, &str)) {
    let summary = &run.run;
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    field("run", &summary.id);
    field("status", summary.status.as_str());
    let version = run.version.as_deref().unwrap_or_default();
    field("plugin", format!("{} {version}", or_dash(&summary.plugin)).trim_end());
    if let Some(target) = &run.target {
        field("from", target);
    }
    field("action", &or_dash(&summary.action));
    field("mode", &or_dash(&summary.mode));
    field("started", &or_dash(&summary.started));
    if let Some(ms) = summary.ms {
        field("took", &duration(ms / 1e3));
    }
}

fn describe_events(run: &FullRun, document: &Value, text: &mut String) {
    let events = document["events"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !events.is_empty() || !run.gaps.is_empty() {
        text.push_str("\nevents\n");
    }
    let mut gaps = run.gaps.iter().peekable();
    for (index, event) in events.iter().map(Some).chain([None]).enumerate() {
        while let Some(gap) = gaps.next_if(|gap| gap.after <= index) {
            text.push_str(&format!("  … {} …\n", follow::missing(gap.dropped)));
        }
        text.push_str(&event.map(event_line).unwrap_or_default());
    }
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
