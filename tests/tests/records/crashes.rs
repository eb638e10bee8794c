//! What is left of a run whose process ends in the middle.

use serde_json::json;
use synapse_tests::Synapse;

use super::{act, messages, ticking};

#[test]
fn nothing_said_before_a_crash_is_lost() {
    let synapse = Synapse::new();
    act(&synapse, "chatty -P count=20000 -P crash=true --quiet").run().code(139);
    let record = synapse.last_run();
    assert_eq!(record["run"]["status"], "crashed");
    let expected: Vec<String> = (0..20_000).map(|number| format!("{number} ")).collect();
    assert!(messages(&record) == expected, "{} events", messages(&record).len());
    assert_eq!(record["error"]["details"]["signal"], 11);
}

#[test]
fn of_a_long_output_the_last_events_before_a_crash_are_there() {
    let synapse = Synapse::new();
    act(&synapse, "chatty -P count=9000 -P bytes=1000 -P crash=true --quiet").run().code(139);
    let record = synapse.last_run();
    assert_eq!(record["run"]["status"], "crashed");
    assert!(messages(&record).last().is_some_and(|text| text.starts_with("8999 ")));
    let dropped = record["gaps"][0]["dropped"].as_u64().expect("a gap");
    assert_eq!(messages(&record).len() as u64 + dropped, 9000);
}

#[test]
fn a_killed_run_keeps_what_it_said_until_shortly_before() {
    let synapse = Synapse::new();
    let (mut running, _) = ticking(&synapse);
    running.until_it_says("tick 10");
    running.signal(libc::SIGKILL);
    running.wait();
    let record = synapse.last_run();
    assert_eq!(record["run"]["status"], "crashed");
    // What was shown had been recorded before.
    assert!(messages(&record).len() > 10, "{record:#}");
}

#[test]
fn a_termination_is_named_in_the_record() {
    let synapse = Synapse::new();
    let (running, _) = ticking(&synapse);
    running.signal(libc::SIGTERM);
    let error = running.wait().code(143).error();
    assert_eq!(error["details"], json!({ "signal": libc::SIGTERM }));
    let record = synapse.last_run();
    assert_eq!((&record["run"]["status"], &record["error"]), (&json!("cancelled"), &error));
}

#[test]
fn a_termination_of_an_action_that_does_not_listen_is_named_as_well() {
    let synapse = Synapse::new();
    let mut running = synapse.act("misbehave", "spins --grace 100ms --json").start();
    running.until_it_says("spinning");
    running.signal(libc::SIGTERM);
    running.wait().code(143);
    assert_eq!(synapse.last_run()["error"]["details"]["signal"], libc::SIGTERM);
}
