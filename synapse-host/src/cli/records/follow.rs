//! `synapse run show --follow`.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use serde_json::json;
use synapse_sdk::errors::{Result, WorkerCrashed};
use synapse_sdk::{ErrorKind, PluginError};

use super::super::exit_code;
use super::super::output::Output;
use crate::home::Home;
use crate::record::{self, FullRun, Seen, Status};

/// Between two looks at what was added. A look at a file of which nothing is new
/// costs microseconds.
const LOOK: Duration = Duration::from_millis(50);

/// Shows a run as if it had been started here, to its end.
pub(super) fn execute(home: &Home, wanted: &str, output: &mut Output) -> Result<ExitCode> {
    let mut run = record::follow(home, wanted)?;
    while let Some(seen) = run.poll()? {
        if seen.is_empty() {
            thread::sleep(LOOK);
        }
        for seen in seen {
            match seen {
                Seen::Event(event) => output.event(&event),
                Seen::Missing(count) => output.note(&missing(count)),
            }
        }
    }
    let run = record::load(home, run.id())?;
    match failure(&run) {
        None => {
            output.result(&serde_json::to_value(&run)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(error) => {
            output.error(&error);
            Ok(ExitCode::from(exit_code_of(&run, &error)))
        }
    }
}

/// What is said where events are missing.
pub(super) fn missing(count: u64) -> String {
    match count {
        1 => "1 event is not recorded".to_owned(),
        count => format!("{count} events are not recorded"),
    }
}

fn failure(run: &FullRun) -> Option<PluginError> {
    if let Some(error) = &run.error {
        return Some(PluginError::from_json(error.get().as_bytes()));
    }
    let id = &run.run.id;
    match run.run.status {
        Status::Succeeded => None,
        Status::Crashed | Status::Running => Some(
            WorkerCrashed::new(format!("the process of run {id} is gone, and its record has no end"))
                .details(json!({ "run": id }))
                .hint("it was killed, or its machine went down; `synapse run rerun` runs it again"),
        ),
        // A full disk left no room for the error.
        status => {
            let kind = match status {
                Status::Cancelled => ErrorKind::Cancelled,
                Status::TimedOut => ErrorKind::TimedOut,
                _ => ErrorKind::Execution,
            };
            Some(PluginError::new(kind, format!("run {id} ended as {status}; its record does not say why")))
        }
    }
}

/// A crash in the run's own process ended that with the signal's code; of one in
/// a worker the process only told.
fn exit_code_of(run: &FullRun, error: &PluginError) -> u8 {
    let own_process = run.run.mode.as_deref() == Some("local");
    let signal = error.details_json()["signal"].as_u64().and_then(|signal| u8::try_from(signal).ok());
    match (error.kind(), signal) {
        (ErrorKind::WorkerCrashed, Some(signal)) if own_process => 128 + signal,
        _ => exit_code(error),
    }
}
