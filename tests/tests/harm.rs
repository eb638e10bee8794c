//! What an action does to the process that it shares with `synapse`: told as
//! far as that can be, never a success, never a hang.
//!
//! There is no descriptor of a protocol here, no limit of memory, and no worker
//! to be killed or stopped: those stand in `isolated.rs`. Panics, crashes and
//! results are in `faults.rs`, signals and time-outs in `stopping.rs`.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use synapse_host::{Mode, RunRequest, run_plugin, run_plugin_blocking};
use synapse_sdk::ErrorKind;
use synapse_sdk::errors::Result;
use synapse_tests::{Synapse, aborting_library, library};

/// Long before the action would end by itself.
const SOON: Duration = Duration::from_secs(60);

/// What the record says of the newest run.
fn status(synapse: &Synapse) -> Value {
    synapse.last_run()["run"]["status"].clone()
}

#[test]
fn a_panic_in_a_thread_is_the_actions_own_matter() {
    let ended = Synapse::new().act("misbehave", "panics_in_thread --json").run().code(0);
    assert_eq!(ended.document()["result"], true);
    ended.says("in a thread");
}

#[test]
fn an_exit_with_a_code_does_not_pass_for_the_commands_own() {
    let synapse = Synapse::new();
    let ended = synapse.act("misbehave", "exits_with -P n=3").run().code(1).prints("");
    ended
        .says("the action `exits_with` of plugin `misbehave` ended this process: a call of exit")
        .says("last step: leave, 75 %");
    assert_eq!(status(&synapse), "crashed");
}

#[test]
fn a_hundred_megabytes_on_each_stream_are_no_result() {
    let synapse = Synapse::new();
    let call = synapse.act("misbehave", "floods -P n=100 --json");
    let ended = call.through("\"$@\" 2>/dev/null").run().code(0);
    assert_eq!(ended.document()["result"], "printed");
}

#[test]
fn closing_descriptors_takes_no_result() {
    let synapse = Synapse::new();
    let ended = synapse.act("misbehave", "closes_descriptors --json").run().code(0);
    assert_eq!(ended.document()["result"], "closed");
    assert_eq!(status(&synapse), "succeeded");
}

#[test]
fn closing_descriptors_takes_neither_the_last_word_nor_the_record() {
    let synapse = Synapse::new();
    let ended = synapse.act("misbehave", "closes_descriptors_and_aborts --json").run().code(134);
    let last = ended.stderr.lines().last().unwrap_or_default();
    let error = serde_json::from_str::<Value>(last).expect("a line of JSON")["error"].clone();
    assert_eq!((&error["kind"], &error["details"]["step"]), (&json!("worker_crashed"), &json!("close")));
    let record = synapse.last_run();
    assert_eq!((&record["run"]["status"], &record["error"]), (&json!("crashed"), &error));
    let events = record["events"].as_array().expect("events");
    assert!(events.iter().any(|event| event["data"]["content"] == "closed"), "{events:?}");
}

#[test]
fn a_child_that_is_left_behind_is_not_waited_for() {
    // It holds what this test reads from, so it is ended by the script.
    let script = r#""$@" 2>/dev/null >"$SYNAPSE_HOME/out"; code=$?
        kill -9 "$(sed 's/.*"result":\([0-9]*\).*/\1/' "$SYNAPSE_HOME/out")" || exit 99
        cat "$SYNAPSE_HOME/out"; exit $code"#;
    let begun = Instant::now();
    let ended = Synapse::new().act("misbehave", "forks --json").through(script).run().code(0);
    assert!(begun.elapsed() < SOON);
    assert!(ended.document()["result"].as_u64().is_some_and(|child| child > 1), "{ended}");
}

#[test]
fn a_copy_that_comes_back_from_the_action_says_nothing() {
    let ended = Synapse::new().act("misbehave", "forks_and_returns --json").run().code(0);
    assert_eq!(ended.document()["result"], true);
    assert_eq!(ended.stderr.matches("twice?").count(), 1, "{ended}");
    ended.does_not_say("error");
}

#[test]
fn a_thread_that_is_left_behind_is_not_waited_for() {
    let begun = Instant::now();
    let ended = Synapse::new().act("misbehave", "leaves_thread --json").run().code(0);
    assert!(begun.elapsed() < SOON);
    assert_eq!(ended.document()["result"], "left");
}

#[test]
fn sixty_four_megabytes_go_in_and_out() {
    let synapse = Synapse::new();
    let megabytes = 64 << 20;
    let ended = synapse.act("misbehave", "large_result -P n=64 --json --no-record").run().code(0);
    assert!(ended.stdout.len() > megabytes);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("params.json");
    fs::write(&file, format!("{{\"text\":\"{}\"}}", "x".repeat(megabytes))).expect("a file");
    let call = synapse.act("misbehave", "length --json --no-record --params-file").arg(&file);
    assert_eq!(call.run().code(0).document()["result"], megabytes);
}

#[test]
fn memory_that_the_system_does_not_give_is_told() {
    let synapse = Synapse::new();
    let call = synapse.act("misbehave", "allocates -P n=3000").through("ulimit -d 1500000; exec \"$@\"");
    let ended = call.run().code(134).prints("");
    // Its beginning is written apart, and what the action reported may come between.
    ended.says("3145728000 bytes failed").says("last step: allocate, 50 %");
    assert_eq!(status(&synapse), "crashed");
}

#[test]
fn a_plugin_whose_panics_abort_ends_no_process_but_a_worker() {
    let (synapse, aborting) = (Synapse::new(), aborting_library("misbehave"));
    let run = |words: &str| synapse.call("plugin run").arg(&aborting).words(words).run();
    run("nested").code(0).says("built with panic = \"abort\": it runs isolated");
    let error = run("panics --json").code(1).error();
    assert_eq!((&error["kind"], &error["details"]["signal"]), (&json!("worker_crashed"), &json!(6)));
    assert!(error["message"].as_str().is_some_and(|text| text.contains("abort (SIGABRT)")), "{error}");
    assert_eq!(synapse.last_run()["run"]["mode"], "isolated");
    assert_eq!(status(&synapse), "crashed");
    run("nested").code(0);
    // A program that asks for a run in its own process is refused.
    let refused = run_plugin_blocking(RunRequest::new(&*aborting, "nested")).expect_err("it would end us");
    assert_eq!(refused.kind(), ErrorKind::IncompatiblePlugin);
}

#[test]
fn a_thousand_calls_are_outstanding_at_once() -> Result<()> {
    let plugin = library("misbehave");
    let naps = |number: u64| {
        run_plugin(RunRequest::new(&*plugin, "naps").mode(Mode::Local).params(&json!({ "n": number % 7 })))
    };
    let runs = (0..1000).map(naps).collect::<Result<Vec<_>>>()?;
    for (number, run) in runs.into_iter().enumerate() {
        assert_eq!(run.result()?.value()?, number % 7);
    }
    Ok(())
}
