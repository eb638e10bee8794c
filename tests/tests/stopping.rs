//! Runs that are told to stop: by signals and by time.

use std::time::{Duration, Instant};

use serde_json::json;
use synapse_tests::{Running, Synapse};

/// Long before the action would end by itself.
const SOON: Duration = Duration::from_secs(60);

fn started(synapse: &Synapse, words: &str, says: &str) -> Running {
    let mut running = synapse.act("misbehave", words).start();
    running.until_it_says(says);
    running
}

#[test]
fn an_interrupt_cancels_an_action_that_reports_progress() {
    let synapse = Synapse::new();
    let running = started(&synapse, "waits --json", "waiting");
    let asked = Instant::now();
    running.signal(libc::SIGINT);
    let error = running.wait().code(130).error();
    assert!(asked.elapsed() < SOON);
    assert_eq!(error["kind"], "cancelled");
    let record = synapse.last_run();
    assert_eq!((&record["run"]["status"], &record["error"]), (&json!("cancelled"), &error));
}

#[test]
fn an_interrupt_is_answered_with_what_another_one_does() {
    let synapse = Synapse::new();
    let running = started(&synapse, "waits", "waiting");
    running.signal(libc::SIGINT);
    running
        .wait()
        .code(130)
        .prints("")
        .says("once more ends it at once")
        .says("error: the run was cancelled");
}

#[test]
fn a_second_interrupt_ends_an_action_that_does_not_listen() {
    let synapse = Synapse::new();
    let mut running = started(&synapse, "spins", "spinning");
    running.signal(libc::SIGINT);
    running.until_it_says("once more ends it at once");
    let asked = Instant::now();
    running.signal(libc::SIGINT);
    let ended = running.wait().code(130);
    assert!(asked.elapsed() < SOON);
    ended.says("the action did not stop when it was told to").does_not_say("ended this process");
    assert_eq!(synapse.last_run()["run"]["status"], "cancelled");
}

#[test]
fn an_interrupt_ends_an_action_that_does_not_listen_after_the_grace_time() {
    let synapse = Synapse::new();
    let running = started(&synapse, "spins --grace 100ms --json", "spinning");
    running.signal(libc::SIGINT);
    let error = running.wait().code(130).error();
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("ctx.set_progress")), "{error}");
    assert_eq!(synapse.last_run()["run"]["status"], "cancelled");
}

#[test]
fn an_interrupt_drops_a_waiting_future() {
    let synapse = Synapse::new();
    let running = started(&synapse, "never", "never ready");
    running.signal(libc::SIGINT);
    running.wait().code(130).says("error: the run was cancelled");
}

#[test]
fn a_termination_ends_with_the_code_for_it() {
    let synapse = Synapse::new();
    let running = started(&synapse, "waits", "waiting");
    running.signal(libc::SIGTERM);
    running.wait().code(143);
    assert_eq!(synapse.last_run()["run"]["status"], "cancelled");
}

#[test]
fn a_termination_ends_an_action_that_does_not_listen_after_the_grace_time() {
    let synapse = Synapse::new();
    let running = started(&synapse, "spins --grace 100ms", "spinning");
    running.signal(libc::SIGTERM);
    running.wait().code(143).says("ctx.set_progress");
    assert_eq!(synapse.last_run()["run"]["status"], "cancelled");
}

#[test]
fn a_timeout_stops_an_action_that_reports_progress() {
    let synapse = Synapse::new();
    let error = synapse.act("misbehave", "waits --timeout 200ms --json").run().code(1).error();
    assert_eq!(
        (&error["kind"], &error["message"]),
        (&json!("timed_out"), &json!("the run took longer than 200ms"))
    );
    let record = synapse.last_run();
    assert_eq!((&record["run"]["status"], &record["error"]), (&json!("timed_out"), &error));
}

#[test]
fn a_timeout_gives_up_an_action_that_does_not_listen() {
    let synapse = Synapse::new();
    let words = "spins --timeout 200ms --grace 200ms";
    let ended = synapse.act("misbehave", words).run().code(1);
    ended.says("ctx.set_progress").does_not_say("ended this process");
    let error = synapse.act("misbehave", words).words("--json").run().code(1).error();
    assert_eq!(error["kind"], "timed_out");
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("ctx.set_progress")), "{error}");
    let record = synapse.last_run();
    assert_eq!((&record["run"]["status"], &record["error"]), (&json!("timed_out"), &error));
}

#[test]
fn a_run_under_way_is_listed_as_running_and_a_killed_one_as_crashed() {
    let synapse = Synapse::new();
    let running = started(&synapse, "waits", "waiting");
    assert_eq!(synapse.last_run()["run"]["status"], "running");
    running.signal(libc::SIGKILL);
    running.wait();
    assert_eq!(synapse.last_run()["run"]["status"], "crashed");
}
