//! Runs from their start to their end.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use synapse_sdk::errors::{Cancelled, ErrorKind, ExecutionError, TimedOut, WorkerCrashed};
use synapse_sdk::{Env, PluginError};

use super::super::writer::FILE;
use super::super::{Recorder, RunEnd, Status, list, list_where, load};
use super::*;

#[test]
fn a_run_is_read_as_it_was_written() {
    let (_folder, home) = home();
    let env = Env::from([("TOKEN", "secret")]);
    let mut recorder = Recorder::create(&home, &start(NOON, r#"{"name":"Ada"}"#, &env)).unwrap();
    recorder.events(&[message("one"), message("two")]);
    let id = recorder.id().to_owned();
    let end = RunEnd { outcome: Ok(r#"{"n":1.50}"#), metrics: r#"{"loss":0.5}"#, ms: 12.25 };
    assert_eq!(recorder.finish(&end), None);

    let run = load(&home, &id).unwrap();
    assert_eq!(run.env, env);
    assert_eq!(run.result.as_ref().unwrap().get(), r#"{"n":1.50}"#, "numbers stay as they were written");
    let event = |text: &str| {
        json!({"event": "message", "datetime": "2026-01-31T12:00:00.000000Z", "level": "info",
               "data": {"content": text}})
    };
    assert_eq!(
        serde_json::to_value(&run).unwrap(),
        json!({
            "run": {"id": id, "kind": "plugin", "status": "succeeded", "plugin": "greeter", "action": "greet",
                    "mode": "local", "started": "2026-01-31T12:00:00.000000Z", "ms": 12.25},
            "version": "1.0.0",
            "target": "/plugins/greeter",
            "library": "/plugins/libgreeter.so",
            "sha256": "ba78",
            "folder": std::env::current_dir().unwrap(),
            "request": {"action": "greet"},
            "params": {"name": "Ada"},
            "result": {"n": 1.5},
            "metrics": {"loss": 0.5},
            "events": [event("one"), event("two")],
        })
    );
}

#[test]
fn the_list_has_the_newest_first_and_no_more_than_asked_for() {
    let (_folder, home) = home();
    let ids: Vec<String> = [30, 10, 20].map(|seconds| done(&home, seconds)).into();
    let listed: Vec<String> = list(&home, 2).into_iter().map(|run| run.id).collect();
    assert_eq!(listed, [ids[0].clone(), ids[2].clone()]);
    assert_eq!(
        serde_json::to_value(&list(&home, 1)[0]).unwrap(),
        json!({"id": ids[0], "kind": "plugin", "status": "succeeded", "plugin": "greeter", "action": "greet",
               "mode": "local", "started": "2026-01-31T12:00:30.000000Z", "ms": 1.5})
    );
}

#[test]
fn the_kind_of_the_error_says_how_a_run_ended() {
    let (_folder, home) = home();
    let cases = [
        (ExecutionError::new("no"), Status::Failed),
        (Cancelled::new("no"), Status::Cancelled),
        (TimedOut::new("no"), Status::TimedOut),
        (WorkerCrashed::new("no"), Status::Crashed),
    ];
    for (seconds, (error, status)) in (0..).zip(cases) {
        let recorder = begin(&home, seconds);
        recorder.finish(&RunEnd { outcome: Err(&error), metrics: "{}", ms: 1.0 });
        let run = load(&home, "last").unwrap();
        assert_eq!(run.run.status, status);
        assert!(run.result.is_none());
        let read = PluginError::from_json(run.error.unwrap().get().as_bytes());
        assert_eq!((read.kind(), read.message()), (error.kind(), "no"));
    }
}

#[test]
fn a_status_is_the_same_word_in_text_and_in_json() {
    let all = [
        Status::Running,
        Status::Succeeded,
        Status::Failed,
        Status::Cancelled,
        Status::TimedOut,
        Status::Crashed,
        Status::Damaged,
    ];
    for status in all {
        assert_eq!(serde_json::to_value(status).unwrap(), Value::from(status.as_str()));
    }
}

#[test]
fn a_run_without_end_is_running_as_long_as_its_process_is_there() {
    let (_folder, home) = home();
    let mut recorder = begin(&home, 0);
    recorder.events(&[message("so far")]);
    let run = load(&home, recorder.id()).unwrap();
    assert_eq!((run.run.status, run.run.ms, run.events.len()), (Status::Running, None, 1));

    kill(recorder);
    let run = load(&home, "last").unwrap();
    assert_eq!((run.run.status, run.run.ms, run.events.len()), (Status::Crashed, None, 1));
    assert_eq!(list(&home, 1)[0].status, Status::Crashed);
}

#[test]
fn a_run_whose_end_nobody_waited_for_says_so() {
    let (_folder, home) = home();
    drop(begin(&home, 0));
    let run = load(&home, "last").unwrap();
    assert_eq!(run.run.status, Status::Failed);
    let error = PluginError::from_json(run.error.unwrap().get().as_bytes());
    assert_eq!(error.message(), "nobody waited for the end of this run");
}

#[test]
fn a_list_holds_what_was_chosen_and_of_that_the_newest() {
    let (_folder, home) = home();
    let crashed: Vec<String> = (0..3).map(|seconds| abandoned(&home, seconds)).collect();
    done(&home, 3);
    let chosen = list_where(&home, 2, |run| run.status == Status::Crashed);
    let chosen: Vec<String> = chosen.into_iter().map(|run| run.id).collect();
    assert_eq!(chosen, [crashed[2].clone(), crashed[1].clone()]);
}

#[test]
fn a_signal_handler_can_end_the_record_even_behind_half_a_line() {
    let (_folder, home) = home();
    let recorder = begin(&home, 0);
    write_to(recorder.as_raw_fd(), br#"{"event":"mess"#);
    let end = br#"{"type":"end","status":"crashed","error":{"kind":"worker_crashed","message":"segmentation fault"}}"#;
    write_to(recorder.as_raw_fd(), &[b"\n", &end[..], b"\n"].concat());
    assert_eq!(list(&home, 1)[0].status, Status::Crashed);
    let run = load(&home, "last").unwrap();
    assert_eq!((run.run.status, run.damaged_lines), (Status::Crashed, 1));
    let error = PluginError::from_json(run.error.unwrap().get().as_bytes());
    assert_eq!(error.kind(), ErrorKind::WorkerCrashed);
    assert_eq!(error.message(), "segmentation fault");
}

fn write_to(descriptor: RawFd, bytes: &[u8]) {
    let mut file = File::options().append(true).open(format!("/proc/self/fd/{descriptor}")).unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn only_the_owner_may_look_in() {
    let (_folder, home) = home();
    let recorder = begin(&home, 0);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(recorder.folder()), 0o700);
    assert_eq!(mode(&recorder.folder().join(FILE)), 0o600);
}

#[test]
fn runs_that_start_at_once_have_records_of_their_own() {
    const THREADS: usize = 8;
    const EACH: usize = 40;
    let (_folder, home) = home();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..EACH).for_each(|_| drop(done(&home, 0))));
        }
    });
    let runs = list(&home, usize::MAX);
    let different: HashSet<&String> = runs.iter().map(|run| &run.id).collect();
    assert_eq!(different.len(), THREADS * EACH);
    assert!(runs.iter().all(|run| run.status == Status::Succeeded));
}

#[test]
fn text_that_is_not_json_is_kept_and_line_breaks_do_not_split_a_line() {
    let (_folder, home) = home();
    let mut recorder = begin_with(&home, 0, "{oops");
    let body = EventBody::Metrics { values: "{\n  \"loss\": 0.5\r\n}".into() };
    recorder.events(&[Event { time: NOON, step: None, body }, message("a\nb")]);
    recorder.finish(&RunEnd { outcome: Ok("{\n\"a\":\"x\\ny\"}"), metrics: "{}", ms: 1.0 });
    let run = load(&home, "last").unwrap();
    assert_eq!(run.damaged_lines, 0);
    let run = serde_json::to_value(&run).unwrap();
    assert_eq!(run["params"], "{oops");
    assert_eq!(run["events"][0]["data"], json!({"loss": 0.5}));
    assert_eq!(run["events"][1]["data"]["content"], "a\nb");
    assert_eq!(run["result"], json!({"a": "x\ny"}));
}
