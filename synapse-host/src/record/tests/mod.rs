#![expect(clippy::unwrap_used, reason = "tests")]

mod damage;
mod following;
mod limits;
mod lookup;
mod pruning;
mod whole_runs;

use std::path::Path;

use synapse_sdk::Env;
use synapse_sdk::events::{Event, EventBody, Level};
use tempfile::TempDir;

use super::{Recorder, RunEnd, RunStart, list};
use crate::home::Home;

/// 2026-01-31, 12:00:00 UTC.
const NOON: u64 = 1_769_860_800_000_000_000;
const SECOND: u64 = 1_000_000_000;
const DONE: RunEnd<'_> = RunEnd { outcome: Ok("1"), metrics: "{}", ms: 1.5 };

fn home() -> (TempDir, Home) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::at(folder.path().join("home"));
    (folder, home)
}

fn start<'a>(started: u64, params: &'a str, env: &'a Env) -> RunStart<'a> {
    RunStart {
        plugin: "greeter",
        version: "1.0.0",
        action: "greet",
        mode: "local",
        target: "/plugins/greeter",
        library: Some(Path::new("/plugins/libgreeter.so")),
        sha256: Some("ba78"),
        request: Some(r#"{"action":"greet"}"#),
        started,
        env,
        params,
    }
}

/// A record that began `seconds` after noon.
fn begin(home: &Home, seconds: u64) -> Recorder {
    begin_with(home, seconds, r#"{"name":"Ada"}"#)
}

fn begin_with(home: &Home, seconds: u64, params: &str) -> Recorder {
    Recorder::create(home, &start(NOON + seconds * SECOND, params, &Env::new())).unwrap()
}

/// A run that began `seconds` after noon and succeeded; its id.
fn done(home: &Home, seconds: u64) -> String {
    let recorder = begin(home, seconds);
    let id = recorder.id().to_owned();
    assert_eq!(recorder.finish(&DONE), None);
    id
}

/// A run that began `seconds` after noon, whose process is gone; its id.
fn abandoned(home: &Home, seconds: u64) -> String {
    let recorder = begin(home, seconds);
    let id = recorder.id().to_owned();
    kill(recorder);
    id
}

/// Leaves the record as it is when its process is killed.
fn kill(mut recorder: Recorder) {
    recorder.ended = true;
}

fn message(text: &str) -> Event<'_> {
    Event { time: NOON, step: None, body: EventBody::Message { level: Level::Info, text: text.into() } }
}

fn ids(home: &Home) -> Vec<String> {
    list(home, usize::MAX).into_iter().map(|run| run.id).collect()
}
