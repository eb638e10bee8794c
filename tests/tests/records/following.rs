//! `synapse run show --follow`.

use std::fs;

use serde_json::json;
use synapse_tests::{Running, Synapse};

use super::{act, messages, ticking};

fn following(synapse: &Synapse, words: &str) -> Running {
    synapse.call("run show last --follow").words(words).start()
}

#[test]
fn a_run_is_shown_as_it_goes_on_and_its_result_in_the_end() {
    let synapse = Synapse::new();
    let (running, file) = ticking(&synapse);
    let mut follower = following(&synapse, "--json");
    follower.until_it_says("tick 5");
    fs::write(file, "").expect("a file");
    let (run, followed) = (running.wait().code(0), follower.wait().code(0));
    assert_eq!(followed.document()["result"], run.document()["result"]);
    assert_eq!(followed.document()["run"]["status"], "succeeded");
    let reported: Vec<_> = run.events().into_iter().filter(|event| event["event"] != "note").collect();
    assert_eq!(followed.events(), reported);
}

#[test]
fn in_text_it_looks_as_if_the_run_had_been_started_here() {
    let synapse = Synapse::new();
    let ended = synapse.act("greet", "greet -P name=Ada").run().code(0);
    let followed = following(&synapse, "").wait().code(0).prints("message  Hello Ada!\n");
    assert_eq!(followed.stderr, ended.stderr);
}

#[test]
fn the_exit_code_is_the_runs() {
    let synapse = Synapse::new();
    let cases = [
        ("fail -P how=own", 1, "the loss is not a number"),
        ("waits --timeout 50ms", 1, "the run took longer than 50ms"),
        ("segv", 139, "segmentation fault"),
        ("aborts", 134, "abort"),
        ("exits", 1, "a call of exit"),
    ];
    for (words, code, says) in cases {
        synapse.act("misbehave", words).run().code(code);
        following(&synapse, "").wait().code(code).prints("").says(says);
        assert_eq!(following(&synapse, "--json").wait().code(code).error(), synapse.last_run()["error"]);
    }
}

#[test]
fn a_run_that_is_stopped_while_it_is_followed_is_told_with_its_code() {
    for (signal, code) in [(libc::SIGINT, 130), (libc::SIGTERM, 143)] {
        let synapse = Synapse::new();
        let (running, _) = ticking(&synapse);
        let mut follower = following(&synapse, "");
        follower.until_it_says("tick 0");
        running.signal(signal);
        let run = running.wait().code(code);
        follower.wait().code(code).says("the run was cancelled");
        assert_eq!(synapse.last_run()["error"], run.error());
    }
}

#[test]
fn a_run_whose_process_dies_while_it_is_followed_is_told_so() {
    let synapse = Synapse::new();
    let (running, _) = ticking(&synapse);
    let mut follower = following(&synapse, "--json");
    follower.until_it_says("tick 3");
    running.signal(libc::SIGKILL);
    running.wait();
    let followed = follower.wait().code(1);
    assert_eq!(followed.error()["kind"], "worker_crashed");
    let record = synapse.last_run();
    assert_eq!(followed.error()["details"], json!({ "run": record["run"]["id"] }));
    assert_eq!(json!(followed.events()), record["events"]);
}

#[test]
fn an_output_longer_than_a_record_holds_is_followed_to_its_end() {
    let synapse = Synapse::new();
    let run = act(&synapse, "chatty -P count=9000 -P bytes=1000 --quiet").run().code(0);
    run.prints("9000\n");
    let followed = following(&synapse, "--json").wait().code(0);
    assert!(followed.stderr.contains("events are not recorded"));
    assert!(followed.stderr.contains("8999 ..."));
    let record = synapse.last_run();
    let recorded = messages(&record);
    assert_eq!(recorded.len() as u64 + record["gaps"][0]["dropped"].as_u64().expect("a gap"), 9000);
    assert!(recorded.last().is_some_and(|text| text.starts_with("8999 ")));
}

#[test]
fn what_is_no_run_cannot_be_followed() {
    let synapse = Synapse::new();
    following(&synapse, "").wait().code(4).says("no run is recorded yet");
}
