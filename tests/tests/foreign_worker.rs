//! `synapse` as the host of a worker that knows only `docs/worker-protocol.md`
//! (`examples/foreign_worker.rs`).

use std::fs;

use serde_json::json;
use synapse_tests::{Invocation, MapCase, Synapse, example};

fn by_the_book(call: Invocation) -> Invocation {
    call.words("--isolated --json").env("SYNAPSE_WORKER", example("foreign_worker"))
}

#[test]
fn its_events_results_and_errors_are_taken() {
    let synapse = Synapse::new();
    let call = synapse.act("misbehave", "echo --params").arg(r#"{"a":[1,2]}"#);
    let ended = by_the_book(call).run().code(0);
    assert_eq!(ended.document()["result"], json!({ "a": [1, 2] }));
    let events = ended.events();
    assert_eq!(
        (&events[0]["data"]["content"], &events[0]["level"]),
        (&json!("spoken by the book"), &json!("warning"))
    );
    let time = events[0]["datetime"].as_str().unwrap_or_default();
    assert!(time.starts_with("2023-11-14T22:13:20"), "{time}");
    let error = by_the_book(synapse.act("misbehave", "prints")).run().code(4).error();
    assert_eq!((&error["kind"], &error["message"]), (&json!("action_not_found"), &json!("not in the book")));
}

#[test]
fn its_questions_are_answered() {
    let synapse = Synapse::new();
    let ended = by_the_book(synapse.act("misbehave", "state --job-id book")).run().code(0);
    assert_eq!(ended.document()["result"], json!([0, "kept"]));
}

#[test]
fn it_is_cancelled_and_its_end_is_told() {
    let synapse = Synapse::new();
    let mut running = by_the_book(synapse.act("misbehave", "waits --grace 60s")).start();
    running.until_it_says("waiting");
    running.signal(libc::SIGINT);
    assert_eq!(running.wait().code(130).error()["message"], "stopped by the book");
    let error = by_the_book(synapse.act("misbehave", "exits")).run().code(1).error();
    assert_eq!((&error["kind"], &error["details"]["exit_code"]), (&json!("worker_crashed"), &json!(7)));
}

#[test]
fn it_is_sent_no_more_rows_than_it_takes() {
    let case = MapCase::of_rows((0..40).map(|n| json!({ "n": n })));
    let ended = by_the_book(case.map("echo --concurrency 1 --timeout 1m")).run().code(0);
    assert_eq!(ended.document()["map"]["succeeded"], 40);
    assert_eq!(fs::read_to_string(case.out()).map(|text| text.lines().count()).ok(), Some(40));
}
