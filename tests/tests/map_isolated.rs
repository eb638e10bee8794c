//! `synapse plugin map --isolated`: what goes wrong costs its row only.

use std::fs;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use synapse_host::map::{MapRequest, RowOutcome, map};
use synapse_host::{Mode, RunRequest, worker};
use synapse_tests::{MapCase, goes_away, library, synapse};

/// Rows of which each tenth has these fields too.
fn tenth(count: u64, fields: &Value) -> MapCase {
    MapCase::of_rows((0..count).map(|n| {
        let mut row = json!({ "n": n });
        if let Some((row, fields)) = row.as_object_mut().zip(fields.as_object()).filter(|_| n % 10 == 7) {
            row.extend(fields.clone());
        }
        row
    }))
}

#[test]
fn rows_give_what_they_give_in_process() {
    let case = tenth(300, &json!({ "failures": 1 }));
    let run = |words: &str| {
        case.map("row --retries 1 --overwrite").words(words).run().code(0);
        case.lines()
    };
    assert_eq!(run("--isolated --concurrency 3"), run(""));
    let case = MapCase::new("{\"n\":1}\n{n:2}\n[3]\n{\"n\":-1}\n");
    let run = |words: &str| {
        case.map("row --overwrite").words(words).run().code(1).says("[row 1] in.jsonl:2: ");
        case.lines()
    };
    assert_eq!(run("--isolated"), run(""));
}

#[test]
fn a_crash_costs_its_row_only() {
    let case = tenth(200, &json!({ "crashes": 9 }));
    let ended = case.map("row --isolated --concurrency 2").run().code(1);
    ended.says("20 of 200 rows failed").says("[row 7] row 7 is about to crash").says("(SIGABRT)");
    let failed: Vec<_> = case.lines().iter().filter(|line| line.get("error").is_some()).cloned().collect();
    let rows: Vec<_> = failed.iter().filter_map(|line| line["row"].as_u64()).collect();
    assert_eq!(rows, (0..20).map(|ten| ten * 10 + 7).collect::<Vec<_>>());
    assert_eq!(case.succeeded().len(), 180);
    let error = &failed[0]["error"];
    assert_eq!((&error["kind"], &error["details"]["signal"]), (&json!("worker_crashed"), &json!(6)));
    assert_eq!(error["details"]["last_output"], json!(["row 7 is about to crash"]));
    // The same command goes on with those that failed.
    let ended = case.map("row --isolated --retries 9 --json").run().code(0);
    assert_eq!(ended.document()["map"]["skipped"], 180);
    assert_eq!(case.succeeded().len(), 200);
}

#[test]
fn a_row_that_crashed_is_tried_again_with_its_state() {
    let case = tenth(100, &json!({ "crashes": 2 }));
    case.map("row --isolated --retries 2").run().code(0);
    assert_eq!(case.line(7)["result"], json!({ "n": 7, "attempt": 3, "failed_before": true }));
    assert_eq!(case.line(8)["result"], json!({ "n": 8, "attempt": 1, "failed_before": false }));
    assert_eq!(case.succeeded(), (0..100).collect::<Vec<_>>());
}

#[test]
fn every_row_may_crash() {
    let case = MapCase::of_rows((0..30).map(|_| json!({})));
    for action in ["segv", "overflows", "exits", "aborts"] {
        let ended = case.map(action).words("--isolated --overwrite").run().code(1);
        ended.says("30 of 30 rows failed");
    }
    let step = &case.line(3)["error"]["details"]["step"];
    assert_eq!(step, "load");
}

#[test]
fn a_row_whose_time_is_over_ends_with_its_worker() {
    let case = tenth(20, &json!({ "hangs": 9 }));
    let words = "row --isolated --timeout 300ms --grace 100ms --concurrency 2";
    case.map(words).run().code(1).says("2 of 20 rows failed");
    let error = &case.line(17)["error"];
    assert_eq!(
        (&error["kind"], &error["message"]),
        (&json!("timed_out"), &json!("the row took longer than 300ms"))
    );
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("its worker was ended")), "{error}");
    assert_eq!(case.succeeded().len(), 18);
}

#[test]
fn the_time_of_a_row_begins_with_it_and_not_when_it_is_sent() {
    // All of them together take longer than one of them may.
    let case = MapCase::of_rows((0..300).map(|n| json!({ "n": n, "sleep": 10 })));
    case.map("row --isolated --timeout 2s --concurrency 1").run().code(0);
    assert_eq!(case.succeeded().len(), 300);
}

#[test]
fn a_row_that_hangs_costs_no_row_that_was_sent_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let notes = folder.path().join("notes");
    let row = |n: u64| json!({ "n": n, "notes": &notes, "hangs": u64::from(n % 1000 == 700) });
    let case = MapCase::of_rows((0..3000).map(row));
    let words = "row --isolated --timeout 300ms --grace 100ms --retries 1 --concurrency 1";
    case.map(words).run().code(0);
    assert_eq!(case.succeeded(), (0..3000).collect::<Vec<_>>());
    assert_eq!(case.line(1700)["result"]["attempt"], 2);
    // Each of the others was begun once.
    let begun = fs::read_to_string(&notes).expect("notes");
    let mut begun: Vec<u64> = begun.lines().filter_map(|line| line.parse().ok()).collect();
    begun.sort_unstable();
    let mut expected: Vec<_> = (0..3000).chain([700, 1700, 2700]).collect();
    expected.sort_unstable();
    assert_eq!(begun, expected);
}

#[test]
fn a_map_that_was_stopped_for_a_while_loses_no_row_that_ended_meanwhile() {
    let row = |n: u64| json!({ "n": n, "sleep": 1, "hangs": u64::from(n == 250) * 9 });
    let case = MapCase::of_rows((0..500).map(row));
    let running = case.map("row --isolated --timeout 1s --grace 100ms --concurrency 1").start();
    case.wait_for_lines(20);
    running.signal(libc::SIGSTOP);
    thread::sleep(Duration::from_millis(1500));
    running.signal(libc::SIGCONT);
    // A time-out still acts.
    running.wait().code(1).says("1 of 500 rows failed");
    assert_eq!(case.line(250)["error"]["kind"], "timed_out");
    assert_eq!(case.succeeded().len(), 499);
}

#[test]
fn a_row_that_listens_is_stopped_when_its_time_is_over() {
    let case = MapCase::of_rows([json!({ "n": 0, "sleep": 100_000 }), json!({ "n": 1 })]);
    case.map("row --isolated --timeout 500ms --grace 60s --concurrency 1").run().code(1);
    let error = &case.line(0)["error"];
    assert_eq!((&error["kind"], error.get("hint")), (&json!("timed_out"), None));
    assert_eq!(case.line(1)["result"]["n"], 1);
}

#[test]
fn rows_behind_a_slow_one_are_run_by_other_workers() {
    // The first rows are quick, so many are sent ahead; then one is not.
    let rows = (0..2000).map(|n| json!({ "n": if n == 300 { 3000 } else { 0 } }));
    let case = MapCase::of_rows(rows);
    let running = case.map("naps --isolated --unordered --concurrency 2").start();
    case.wait_for_lines(1990);
    let before = case.succeeded();
    assert!(before.iter().filter(|row| **row > 300).count() > 1600, "{}", before.len());
    assert!(!before.contains(&300), "the slow row ended first");
    running.wait().code(0);
    assert_eq!(case.succeeded().len(), 2000);
}

#[test]
fn ctrl_c_keeps_what_is_done_and_the_same_command_goes_on() {
    for (signal, code) in [(libc::SIGINT, 130), (libc::SIGTERM, 143)] {
        let case = MapCase::of_rows((0..300).map(|n| json!({ "n": n, "sleep": 3 })));
        let running = case.map("row --isolated --grace 60s").start();
        case.wait_for_lines(10);
        running.signal(signal);
        running.wait().code(code).says("the same command goes on from there");
        let done = case.succeeded().len() as u64;
        assert!((10..300).contains(&done), "{done}");
        let ended = case.map("row --isolated --json").run().code(0);
        assert_eq!(ended.document()["map"]["skipped"], done);
        assert_eq!(case.succeeded().len(), 300);
    }
}

#[test]
fn rows_that_do_not_stop_end_with_their_workers() {
    let stopped = |grace: &str, again: bool| {
        let case = MapCase::of_rows([json!({}), json!({})]);
        let mut running = case.map("loops --isolated --verbose --concurrency 2").words(grace).start();
        running.until_it_says("looping");
        running.signal(libc::SIGINT);
        if again {
            running.until_it_says("once more ends it at once");
            running.signal(libc::SIGINT);
        }
        running.wait().code(130);
        assert!(case.lines().is_empty(), "a row that was stopped has a line");
    };
    stopped("--grace 100ms", false);
    stopped("--grace 60s", true);
}

#[test]
fn a_map_that_was_killed_leaves_no_worker_behind() {
    let case = MapCase::of_rows([json!({}), json!({})]);
    let mut running = case.map("tells_process --isolated --verbose --concurrency 2").start();
    running.until_it_says("[row 0] process");
    running.until_it_says("[row 1] process");
    let said = running.said();
    let processes: Vec<u64> = said
        .split("process ")
        .skip(1)
        .filter_map(|rest| rest.split_whitespace().next()?.parse().ok())
        .collect();
    assert_eq!(processes.len(), 2, "{said}");
    assert_ne!(processes[0], processes[1]);
    running.signal(libc::SIGKILL);
    let _ = running.wait();
    for process in processes {
        goes_away(process);
    }
}

#[test]
fn warnings_and_what_is_printed_are_shown_with_their_row() {
    let case = MapCase::of_rows([json!({ "n": 0 }), json!({ "n": 1, "speaks": true })]);
    let ended = case.map("row --isolated --concurrency 1").run().code(0);
    ended.says("warning [row 1] worth showing\n").does_not_say("not worth showing");
    let case = MapCase::of_rows([json!({})]);
    case.map("prints --isolated").run().code(0).says("[row 0] printed on stdout").says("printed on stderr");
}

#[test]
fn limits_hold_for_rows() {
    let case = MapCase::of_rows([json!({ "n": 8 }), json!({ "n": 900 }), json!({ "n": 8 })]);
    case.map("allocates --isolated --memory 200MB --concurrency 1").run().code(1);
    assert_eq!(case.succeeded(), [0, 2]);
    let message = case.line(1)["error"]["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.contains("beyond its limit of 200 MB"), "{message}");
    case.map("row --overwrite --cpus 1")
        .run()
        .says("have no effect on a run in this process; add --isolated");
}

#[test]
fn huge_rows_and_results_come_through_whole() {
    let long = "x".repeat(20 << 20);
    let case = MapCase::of_rows([json!({ "n": 0 }), json!({ "long": long }), json!({ "n": 2 })]);
    case.map("echo --isolated --concurrency 1").run().code(0);
    assert_eq!(case.succeeded(), [0, 1, 2]);
    assert_eq!(case.line(1)["result"]["long"].as_str().map(str::len), Some(20 << 20));
}

#[test]
fn what_is_wrong_with_the_action_is_told_before_any_row_runs() {
    let case = MapCase::of_rows([json!({})]);
    case.map("rwo --isolated").run().code(4).says("did you mean `row`?");
    case.map("row --isolated --cpus -1").run().code(2);
}

#[test]
fn programs_map_in_workers() {
    worker::use_program(synapse().with_file_name("synapse-worker"));
    let run = RunRequest::new(library("misbehave"), "echo").mode(Mode::Isolated);
    let rows = (0..20_000).map(|n| json!({ "n": n }));
    let mut next = 0;
    let summary = map(MapRequest::new(run).concurrency(3), rows, |outcome: RowOutcome<'_>| {
        assert_eq!(outcome.row, next);
        assert_eq!(outcome.result.expect("it echoes"), format!("{{\"n\":{next}}}"));
        next += 1;
    });
    assert_eq!(summary.expect("the map begins").succeeded, 20_000);
}
