//! `synapse plugin map`: every row once, whatever happens in between.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use synapse_host::RunRequest;
use synapse_host::map::{MapRequest, RowOutcome, map};
use synapse_tests::{MapCase as Case, fits, library};

fn sleeping(count: u64, milliseconds: u64) -> impl Iterator<Item = Value> {
    (0..count).map(move |n| json!({ "n": n, "sleep": milliseconds }))
}

fn counts(document: &Value) -> [u64; 4] {
    ["rows", "succeeded", "failed", "skipped"].map(|name| document["map"][name].as_u64().expect("a count"))
}

#[test]
fn results_stand_in_the_order_of_rows_however_long_each_takes() {
    let rows = (0..60).map(|n| json!({ "n": n, "sleep": (60 - n) % 7 }));
    let case = Case::of_rows(rows);
    case.map("row --concurrency 4").run().code(0);
    assert_eq!(case.succeeded(), (0..60).collect::<Vec<_>>());
    for (n, line) in case.lines().iter().enumerate() {
        assert_eq!(line["result"]["n"], n);
        fits(line, "map-line");
    }
}

#[test]
fn unordered_results_are_complete() {
    let case = Case::of_rows((0..2000).map(|n| json!({ "n": n, "sleep": u64::from(n == 0) * 50 })));
    let ended = case.map("row --concurrency 3 --unordered --json").run().code(0);
    assert_eq!(counts(&ended.document()), [2000, 2000, 0, 0]);
    let mut rows = case.succeeded();
    rows.sort_unstable();
    assert_eq!(rows, (0..2000).collect::<Vec<_>>());
}

#[test]
fn a_map_that_was_killed_goes_on_where_it_was() {
    let case = Case::of_rows(sleeping(400, 2));
    let running = case.map("row --concurrency 2").start();
    case.wait_for_lines(40);
    running.signal(libc::SIGKILL);
    let _ = running.wait();
    let before = fs::read_to_string(case.out()).expect("results");
    let ended = case.map("row --concurrency 2 --json").run().code(0);
    let [rows, succeeded, failed, skipped] = counts(&ended.document());
    assert_eq!((rows, succeeded + skipped, failed), (400, 400, 0));
    assert!(skipped >= 40, "{skipped}");
    assert_eq!(case.succeeded(), (0..400).collect::<Vec<_>>());
    let kept = before.rfind('\n').map_or("", |end| &before[..=end]);
    let after = fs::read_to_string(case.out()).expect("results");
    assert!(after.starts_with(kept), "what was written has changed");
}

#[test]
fn a_last_line_that_was_cut_off_is_written_anew() {
    for torn in ["{\"row\":1,\"result\":{\"n\":", "{\"ro", "{\"row\":1,\"result\":{}}"] {
        let case = Case::of_rows(sleeping(3, 0));
        fs::write(case.out(), format!("{{\"row\":0,\"result\":null}}\n{torn}")).expect("results");
        case.map("row").run().code(0);
        assert_eq!(case.succeeded(), [0, 1, 2]);
        assert_eq!(case.line(1)["result"]["n"], 1);
    }
}

#[test]
fn rows_that_fail_say_why_and_are_tried_again_by_the_next_map() {
    let good = "{\"n\":1}";
    let case = Case::new(format!("{good}\n\n{{n:2}}\n[3]\n{{\"n\":-1,\"sleep\":\"x\"}}\n{good}\n"));
    let ended = case.map("row").run().code(1).says("error: 3 of 5 rows failed").says("[row 1] in.jsonl:3: ");
    assert!(ended.stdout.contains("failed     3\n"), "{ended}");
    assert_eq!(case.succeeded(), [0, 4]);
    let (not_json, no_object, invalid) = (case.line(1), case.line(2), case.line(3));
    let message = "in.jsonl:3: the row is not JSON: key must be a string, column 2";
    assert_eq!(
        (&not_json["error"]["message"], &not_json["error"]["kind"]),
        (&json!(message), &json!("usage"))
    );
    assert_eq!(no_object["error"]["message"], "in.jsonl:4: the row is no JSON object");
    let details = invalid["error"]["details"].as_array().expect("violations");
    let pointers: Vec<_> = details.iter().map(|violation| &violation["pointer"]).collect();
    assert_eq!(
        (pointers, &invalid["error"]["kind"]),
        (vec![&json!("/n"), &json!("/sleep")], &json!("validation"))
    );
    fits(&json!({ "error": invalid["error"] }), "error");
    fits(&invalid, "map-line");

    fs::write(case.folder.path().join("in.jsonl"), format!("{good}\n").repeat(5)).expect("the input");
    let ended = case.map("row --json").run().code(0);
    assert_eq!(counts(&ended.document()), [5, 3, 0, 2]);
    assert_eq!(case.succeeded(), [0, 4, 1, 2, 3]);
}

#[test]
fn retries_are_counted_and_not_wasted_on_params() {
    let rows = [json!({ "n": 0, "failures": 2 }), json!({ "n": 1, "failures": 3 }), json!({ "n": -1 })];
    let case = Case::of_rows(rows);
    let ended = case.map("row --retries 2 --json").run().code(1);
    assert_eq!(counts(&serde_json::from_str(&ended.stdout).expect("a document")), [3, 1, 2, 0]);
    assert_eq!(case.line(0)["result"], json!({ "n": 0, "attempt": 3, "failed_before": true }));
    assert_eq!(case.line(1)["error"]["message"], "row 1 is not ready");
    // State of a row is gone with it.
    case.map("row --overwrite --concurrency 1 --retries 3").run().code(1);
    assert_eq!(case.line(1)["result"]["attempt"], 4);
    let case = Case::of_rows([json!({ "n": 0, "failures": 1 }), json!({ "n": 1 })]);
    case.map("row --concurrency 1 --retries 1").run().code(0);
    assert_eq!(case.line(1)["result"], json!({ "n": 1, "attempt": 1, "failed_before": false }));
}

#[test]
fn a_panic_costs_its_row_only() {
    let case = Case::of_rows((0..3).map(|_| json!({})));
    case.map("panics").run().code(1).says("3 of 3 rows failed");
    let error = &case.line(2)["error"];
    assert_eq!((&error["kind"], error.get("backtrace")), (&json!("panic"), None));
}

#[test]
fn a_list_is_taken_apart() {
    let case = Case::new("[\n  {\"n\": 0, \"text\": \"],[\"},\n  {\"n\": 1,\n   \"deep\": [{}]}\n]\n");
    case.map("echo").run().code(0);
    let expected = [
        json!({ "row": 0, "result": { "n": 0, "text": "],[" } }),
        json!({ "row": 1, "result": { "n": 1, "deep": [{}] } }),
    ];
    assert_eq!(case.lines(), expected);
}

#[test]
fn a_list_that_is_not_closed_is_told_after_what_could_be_read() {
    let case = Case::new("[{\"n\":0},{\"n\":1},{\"n\"");
    let message = "in.jsonl: the list that begins in line 1 is not closed";
    case.map("row").run().code(2).says(message);
    assert_eq!(case.succeeded(), [0, 1]);
}

#[test]
fn rows_may_come_from_a_pipe_or_be_none() {
    let case = Case::new("");
    case.map_from("-", "row").stdin("{\"n\":5}\n\n{bad\n{\"n\":7}").run().code(1).says("[row 1] stdin:3: ");
    assert_eq!(case.succeeded(), [0, 2]);
    assert_eq!(case.line(2)["result"]["n"], 7);
    for input in ["", "\n\n", "[]"] {
        let case = Case::new(input);
        let ended = case.map("row --json").run().code(0);
        assert_eq!(counts(&ended.document()), [0; 4], "{input:?}");
        assert_eq!(fs::read(case.out()).expect("a file of results"), b"");
    }
}

#[test]
fn a_huge_row_comes_through_whole() {
    let long = "x".repeat(20 << 20);
    let case = Case::of_rows([json!({ "n": 0 }), json!({ "long": long }), json!({ "n": 2 })]);
    case.map("echo").run().code(0);
    assert_eq!(case.succeeded(), [0, 1, 2]);
    assert_eq!(case.line(1)["result"]["long"].as_str().map(str::len), Some(20 << 20));
}

#[test]
fn params_for_all_rows_lie_under_their_own() {
    let case = Case::new("{}\n{\"lr\": 1.5, \"name\":\"own\"}\n{\"big\":18446744073709551615}\n");
    let base = r#"{"lr": 0.50, "epochs": 3, "name": "all"}"#;
    case.map("echo -P epochs=4").words("--params").arg(base).run().code(0);
    let results: Vec<_> = case.lines().iter().map(|line| line["result"].clone()).collect();
    let expected = [
        json!({ "lr": 0.5, "epochs": 4, "name": "all" }),
        json!({ "lr": 1.5, "epochs": 4, "name": "own" }),
        json!({ "lr": 0.5, "epochs": 4, "name": "all", "big": u64::MAX }),
    ];
    assert_eq!(results, expected);
}

#[test]
fn ctrl_c_keeps_what_is_done_and_the_same_command_goes_on() {
    for (signal, code) in [(libc::SIGINT, 130), (libc::SIGTERM, 143)] {
        let case = Case::of_rows(sleeping(300, 3));
        let running = case.map("row --json").start();
        case.wait_for_lines(10);
        running.signal(signal);
        let ended = running.wait().code(code);
        ended.says("the same command goes on from there");
        let done = case.succeeded().len() as u64;
        assert!((10..300).contains(&done), "{done}");
        let ended = case.map("row --json").run().code(0);
        assert_eq!(counts(&ended.document()), [300, 300 - done, 0, done]);
        assert_eq!(case.succeeded().len(), 300);
    }
}

#[test]
fn ctrl_c_twice_does_not_wait_for_rows_that_do_not_stop() {
    let case = Case::of_rows([json!({})]);
    let mut running = case.map("spins --verbose").start();
    running.until_it_says("spinning");
    running.signal(libc::SIGINT);
    running.until_it_says("once more ends it at once");
    running.signal(libc::SIGINT);
    running.wait().code(130);
}

#[test]
fn a_row_that_takes_too_long_is_stopped_or_given_up() {
    let case = Case::of_rows([json!({ "n": 0, "sleep": 100_000 }), json!({ "n": 1 })]);
    case.map("row --timeout 100ms --concurrency 1").run().code(1);
    assert_eq!(case.line(0)["error"]["message"], "the row took longer than 100ms");
    assert_eq!(case.line(1)["result"]["n"], 1);

    let case = Case::of_rows((0..3).map(|_| json!({})));
    case.map("spins --timeout 20ms --grace 20ms --concurrency 1").run().code(1).says("3 of 3 rows failed");
    let error = &case.line(2)["error"];
    assert_eq!(error["kind"], "timed_out");
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("did not stop")), "{error}");
}

#[test]
fn warnings_are_shown_with_their_row_and_all_else_on_request() {
    let case = Case::of_rows([json!({ "n": 0 }), json!({ "n": 1, "speaks": true })]);
    case.map("row").run().code(0).says("warning [row 1] worth showing\n").does_not_say("not worth showing");
    let ended = case.map("row --overwrite --verbose --json").run().code(0);
    let events = ended.events();
    assert!(events.iter().all(|event| event["step"] == "row 1"), "{events:#?}");
    assert_eq!(events.len(), 2);
    events.iter().for_each(|event| fits(event, "event"));
}

#[test]
fn a_file_of_something_else_is_left_alone() {
    for (held, line) in [("notes\n", 1), ("{\"row\":0,\"result\":1}\n{\"id\":1}\n", 2), ("x", 1)] {
        let case = Case::of_rows(sleeping(1, 0));
        fs::write(case.out(), held).expect("a file");
        let error = case.map("row --json").run().code(3).error();
        assert_eq!(error["details"][0]["pointer"], format!("out.jsonl:{line}"));
        assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("--overwrite")), "{error}");
        fits(&json!({ "error": error }), "error");
        assert_eq!(fs::read_to_string(case.out()).expect("the file"), held);
        case.map("row --overwrite").run().code(0);
        assert_eq!(case.succeeded(), [0]);
    }
}

#[test]
fn what_is_wrong_is_told_before_any_row_runs() {
    let case = Case::of_rows(sleeping(1, 0));
    case.map("rwo").run().code(4).says("did you mean `row`?");
    case.map_from("nowhere.jsonl", "row").run().code(4).says("--inputs nowhere.jsonl");
    case.map_from("out.jsonl", "row").run().code(4);
    case.map("row --params {").run().code(2);
    case.map("row --params []").run().code(2).says("no JSON object");
    case.map("row --concurrency 0").run().code(2);
    assert!(!case.out().exists(), "a file of results was made");
    let call = case.synapse.call("plugin map").arg(library("misbehave")).words("row --inputs in.jsonl --out");
    call.arg("in.jsonl").within(case.folder.path()).run().code(2).says("both --inputs and --out");
    let call = case.synapse.call("plugin map").arg(library("misbehave")).words("row --inputs in.jsonl --out");
    call.arg("no/where.jsonl").within(case.folder.path()).run().code(4).says("--out no/where.jsonl");
}

#[test]
fn two_maps_do_not_write_one_file() {
    let case = Case::of_rows([json!({ "n": 0, "sleep": 100_000, "speaks": true })]);
    let mut running = case.map("row").start();
    running.until_it_says("worth showing");
    case.map("row").run().code(2).says("another process writes to out.jsonl");
    running.signal(libc::SIGINT);
    running.wait().code(130);
}

#[test]
fn the_summary_keeps_its_shape() {
    let case = Case::of_rows([json!({ "n": 0 }), json!({ "n": -1 })]);
    let ended = case.map("row --json").run().code(1);
    let document: Value = serde_json::from_str(&ended.stdout).expect("a document");
    fits(&document, "map");
    assert_eq!(
        (&document["map"]["status"], &document["map"]["out"]),
        (&json!("failed"), &json!("out.jsonl"))
    );
    let error: Value = serde_json::from_str(ended.stderr.lines().last().expect("lines")).expect("JSON");
    fits(&error, "error");
    assert_eq!(error["error"]["message"], "1 of 2 rows failed");
}

fn from_rust(
    rows: impl Iterator<Item = Value> + Send + 'static,
    request: MapRequest,
) -> BTreeMap<u64, String> {
    let mut outcomes = BTreeMap::new();
    let summary = map(request, rows, |outcome: RowOutcome<'_>| {
        let text = match outcome.result {
            Ok(result) => result.to_owned(),
            Err(error) => error.to_string(),
        };
        assert!(outcomes.insert(outcome.row, text).is_none(), "two outcomes of row {}", outcome.row);
    });
    let summary = summary.expect("the map begins");
    assert!(summary.stopped.is_none());
    assert_eq!(summary.rows(), outcomes.len() as u64);
    outcomes
}

fn request(action: &str) -> RunRequest {
    RunRequest::new(library("misbehave"), action)
}

#[test]
fn programs_map_an_iterator() {
    let rows = (0..5000).map(|n| json!({ "n": n }));
    let outcomes = from_rust(rows, MapRequest::new(request("echo")).concurrency(3));
    assert_eq!(outcomes.len(), 5000);
    assert!(outcomes.iter().all(|(row, text)| *text == format!("{{\"n\":{row}}}")));
    let rows = [json!(3), json!({ "n": 1, "failures": 1 })].into_iter();
    let base = request("row").params(&json!({ "sleep": 1 }));
    let outcomes = from_rust(rows, MapRequest::new(base).retries(1).unordered());
    assert_eq!(outcomes[&0], "the row is no JSON object");
    assert_eq!(outcomes[&1], "{\"n\":1,\"attempt\":2,\"failed_before\":true}");
}

#[test]
fn programs_stop_a_map_whose_rows_never_end() {
    let request = MapRequest::new(request("echo"));
    let canceller = request.canceller();
    let rows = (0..).map(|n| json!({ "n": n }));
    let mut last = None;
    let summary = map(request, rows, |outcome: RowOutcome<'_>| {
        if outcome.row <= 30_000 {
            assert_eq!(outcome.row, last.map_or(0, |last| last + 1));
            last = Some(outcome.row);
        }
        if outcome.row == 30_000 {
            canceller.cancel();
        }
    });
    let stopped = summary.expect("the map begins").stopped.expect("it was stopped");
    assert_eq!(stopped.kind(), synapse_sdk::ErrorKind::Cancelled);
    assert_eq!(last, Some(30_000));
}

#[test]
fn a_map_that_cannot_begin_runs_no_row() {
    let gone = map(MapRequest::new(request("gone")), [json!({})], |_: RowOutcome<'_>| panic!("a row ran"));
    assert_eq!(gone.expect_err("there is no such action").kind(), synapse_sdk::ErrorKind::ActionNotFound);
    let nowhere = RunRequest::new(Path::new("/nowhere/libx.so"), "x");
    assert!(map(MapRequest::new(nowhere), [json!({})], |_: RowOutcome<'_>| panic!("a row ran")).is_err());
}
