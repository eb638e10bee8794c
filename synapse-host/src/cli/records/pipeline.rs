//! `synapse run show` of a pipeline's run.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use synapse_sdk::errors::{Result, WorkerCrashed};
use synapse_sdk::events::{Event, EventBody, Level};
use synapse_sdk::{ErrorKind, PluginError};

use super::super::exit_code;
use super::super::output::{Output, Shown, duration, table};
use crate::home::Home;
use crate::pipeline::{ShownNode, ShownRun, show};
use crate::record::{Status, find};

/// Between two looks at the journal.
const LOOK: Duration = Duration::from_millis(200);

/// The pipeline's run that `wanted` means, if it means one.
pub(super) fn meant(home: &Home, wanted: &str) -> Option<String> {
    let pipeline = find(&home.pipelines(), wanted).ok()?;
    match find(&home.runs(), wanted) {
        // `last` is the newest of all.
        Ok(run) => (wanted == "last" && pipeline > run).then_some(pipeline),
        Err(_) => Some(pipeline),
    }
}

pub(super) fn execute(home: &Home, id: &str, follow: bool, output: &mut Output) -> Result<ExitCode> {
    let mut run = show(home, id)?;
    if !follow {
        output.document(&run.to_json(), |columns| describe(&run, columns))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut told = Vec::new();
    loop {
        tell(&run, &mut told, output);
        if run.run.status != Status::Running {
            break;
        }
        thread::sleep(LOOK);
        run = show(home, id)?;
    }
    match failure(&run) {
        None => {
            output.document(&run.to_json(), |columns| describe(&run, columns))?;
            Ok(ExitCode::SUCCESS)
        }
        Some(error) => {
            output.error(&error);
            Ok(ExitCode::from(exit_code(&error)))
        }
    }
}

/// Tells how nodes stand that stood otherwise before.
fn tell(run: &ShownRun, told: &mut Vec<(String, Option<u32>)>, output: &mut Output) {
    for (index, node) in run.nodes.iter().enumerate() {
        let now = (node.status.clone(), node.attempts);
        match told.get_mut(index) {
            Some(then) if *then == now => continue,
            Some(then) => *then = now,
            None => told.push(now),
        }
        if output.shown() == Shown::Json {
            let data =
                json!({ "node": node.name, "status": node.status, "attempt": node.attempts, "ms": node.ms });
            let data = data.to_string().into();
            let body = EventBody::Log { name: "node".into(), level: Level::Info, data, file: None };
            output.event(&Event::now(None, body));
        } else {
            let took = node.ms.map(|ms| format!(" in {}", duration(ms / 1e3)));
            output.note(&format!("{} {}{}", node.name, node.status, took.unwrap_or_default()));
        }
    }
}

/// The error that a run which did not succeed ended with.
fn failure(run: &ShownRun) -> Option<PluginError> {
    let id = &run.run.id;
    let resume = format!("`synapse pipeline resume {id}` goes on where it ended");
    let kind = match run.run.status {
        Status::Succeeded => return None,
        Status::Crashed | Status::Running => {
            let message = format!("the process of run {id} is gone, and its journal has no end");
            return Some(WorkerCrashed::new(message).hint(resume));
        }
        Status::Cancelled => ErrorKind::Cancelled,
        Status::TimedOut => ErrorKind::TimedOut,
        _ => ErrorKind::Execution,
    };
    let failed = run.nodes.iter().find(|node| node.error.is_some());
    let why = failed.and_then(|node| {
        let error = error_of(node)?;
        Some(error.context(format!("node `{}` failed", node.name)))
    });
    let error =
        why.unwrap_or_else(|| PluginError::new(kind, format!("run {id} ended as {}", run.run.status)));
    let hints: Vec<String> = error.hint_text().map(str::to_owned).into_iter().chain([resume]).collect();
    Some(error.hint(hints.join("; ")))
}

fn error_of(node: &ShownNode) -> Option<PluginError> {
    Some(PluginError::from_json(node.error.as_ref()?.to_string().as_bytes()))
}

fn describe(run: &ShownRun, columns: Option<usize>) -> String {
    let mut text = String::new();
    let mut field = |name: &str, value: &str| text.push_str(&format!("{name:<10}{value}\n"));
    field("run", &run.run.id);
    field("status", run.run.status.as_str());
    field("pipeline", &run.run.name);
    field("file", &run.file);
    field("started", run.run.started.as_deref().unwrap_or("-"));
    if let Some(ms) = run.run.ms {
        field("took", &duration(ms / 1e3));
    }
    field("folder", &run.folder.display().to_string());
    if !run.inputs.is_empty() {
        field("inputs", &Value::Object(run.inputs.clone()).to_string());
    }
    text.push('\n');
    let rows: Vec<Vec<String>> = run.nodes.iter().map(row).collect();
    text.push_str(&table(&["NODE", "STATUS", "TIME", ""], &rows, columns));
    if run.run.status != Status::Succeeded && run.run.status != Status::Running {
        text.push_str(&format!("\n`synapse pipeline resume {}` goes on where it ended\n", run.run.id));
    }
    text
}

fn row(node: &ShownNode) -> Vec<String> {
    let mut notes = Vec::new();
    notes
        .extend(node.attempts.filter(|attempts| *attempts > 1).map(|attempts| format!("attempt {attempts}")));
    notes.extend(node.rolled_back.then(|| "rolled back".to_owned()));
    notes.extend(error_of(node).map(|error| error.to_string()));
    let took = node.ms.map_or_else(String::new, |ms| duration(ms / 1e3));
    vec![node.name.clone(), node.status.clone(), took, notes.join(", ")]
}
