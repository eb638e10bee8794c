//! Actions that fail, panic or end the process.

use serde_json::{Value, json};
use synapse_tests::Synapse;

fn assert_recorded(synapse: &Synapse, status: &str, error: &Value) {
    let record = synapse.last_run();
    assert_eq!((&record["run"]["status"], &record["error"]), (&json!(status), error));
}

#[test]
fn an_actions_own_error_keeps_details_and_hint() {
    let synapse = Synapse::new();
    let ended = synapse.act("misbehave", "fail -P how=own").run().code(1).prints("");
    ended
        .says("warning about to fail\n")
        .says("error: the loss is not a number\n")
        .says("  epoch  3\n")
        .says("  lr     10.5\n")
        .says("  hint: lower the learning rate\n");
    let error = synapse.act("misbehave", "fail -P how=own --json").run().code(1).error();
    let expected = json!({
        "kind": "execution", "message": "the loss is not a number",
        "hint": "lower the learning rate", "details": { "epoch": 3, "lr": 10.5 },
    });
    assert_eq!(error, expected);
    assert_recorded(&synapse, "failed", &error);
    assert_eq!(synapse.last_run()["events"][0]["data"]["content"], "about to fail");
}

#[test]
fn an_error_of_the_system_keeps_its_cause() {
    let synapse = Synapse::new();
    let ended = synapse.act("misbehave", "fail -P how=io").run().code(1);
    ended.says("error: reading the weights\n").says("  caused by No such file or directory");
    let error = synapse.act("misbehave", "fail -P how=io --json").run().code(1).error();
    assert_eq!(error["source"], json!(["No such file or directory (os error 2)"]));
    assert_recorded(&synapse, "failed", &error);
}

#[test]
fn a_panic_is_told_with_message_and_place() {
    let synapse = Synapse::new();
    let ended = synapse.act("misbehave", "panics").run().code(1);
    ended
        .says("error: the action panicked: weights of 3 rows\n")
        .says("src/faults.rs:")
        // The default hook of the plugin must not print as well.
        .does_not_say("thread '");
    let error = synapse.act("misbehave", "panics --json").run().code(1).error();
    assert_eq!(error["kind"], "panic");
    assert_eq!(error["details"]["panic"], "weights of 3 rows");
    assert!(error["location"].as_str().is_some_and(|place| place.contains("src/faults.rs:")), "{error}");
    assert_recorded(&synapse, "failed", &error);
}

#[test]
fn a_panic_shows_its_backtrace_where_that_is_asked_for() {
    let synapse = Synapse::new();
    let panics = |words: &str| synapse.act("misbehave", words).env("RUST_BACKTRACE", "1").run().code(1);
    panics("panics").says("backtrace:").says("misbehave::faults::panics");
    panics("panics --no-debug").does_not_say("backtrace:");
}

#[test]
fn a_panic_that_carries_no_text_is_told() {
    let synapse = Synapse::new();
    let error = synapse.act("misbehave", "panics_with_value --json").run().code(1).error();
    assert_eq!(error["message"], "the action panicked: (the panic carries no text)");
    assert_recorded(&synapse, "failed", &error);
}

struct Crash {
    action: &'static str,
    code: i32,
    how: &'static str,
    signal: Option<i32>,
    step: &'static str,
    percent: u32,
}

impl Crash {
    fn is_told_in_text(&self, synapse: &Synapse) {
        let ended = synapse.act("misbehave", self.action).run().code(self.code).prints("");
        let Self { action, how, step, percent, .. } = self;
        let ended = ended
            .says(&format!("error: the action `{action}` of plugin `misbehave` ended this process: {how}"))
            .says("--isolated");
        if !step.is_empty() {
            ended.says(&format!("last step: {step}, {percent} %"));
        }
    }

    fn is_told_in_json(&self, synapse: &Synapse) {
        let ended = synapse.act("misbehave", self.action).words("--json").run().code(self.code);
        let error = ended.error();
        let Self { action, how, signal, step, percent, .. } = self;
        assert_eq!(error["kind"], "worker_crashed");
        assert_eq!(
            error["message"],
            format!("the action `{action}` of plugin `misbehave` ended this process: {how}")
        );
        assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("--isolated")), "{error}");
        assert_eq!(error["details"], json!({ "signal": signal, "step": step, "percent": percent }));
        assert_recorded(synapse, "crashed", &error);
    }

    fn is_told(&self) {
        let synapse = Synapse::new();
        self.is_told_in_text(&synapse);
        self.is_told_in_json(&synapse);
    }
}

#[test]
fn a_segmentation_fault_names_action_step_and_a_way_out() {
    let how = "segmentation fault";
    Crash { action: "segv", code: 139, how, signal: Some(11), step: "load", percent: 40 }.is_told();
}

#[test]
fn an_abort_names_action_step_and_a_way_out() {
    Crash { action: "aborts", code: 134, how: "abort", signal: Some(6), step: "load", percent: 25 }.is_told();
}

#[test]
fn a_stack_overflow_is_called_one() {
    let how = "stack overflow";
    Crash { action: "overflows", code: 139, how, signal: Some(11), step: "deep", percent: 0 }.is_told();
}

#[test]
fn an_action_that_calls_exit_does_not_pass_for_a_success() {
    Crash { action: "exits", code: 1, how: "a call of exit", signal: None, step: "", percent: 0 }.is_told();
}

#[test]
fn events_before_a_crash_are_shown_and_recorded() {
    let synapse = Synapse::new();
    let ended = synapse.act("misbehave", "segv --json").run().code(139);
    let events = ended.events();
    assert_eq!(events[0]["data"]["current"], 2);
    assert_eq!(synapse.last_run()["events"], Value::from(events));
}

#[test]
fn what_an_action_saved_before_it_failed_is_kept_and_told() {
    for words in ["row -P n=1 -P failures=1", "row -P n=1 -P crashes=1 --isolated"] {
        let synapse = Synapse::new();
        let ended = synapse.act("misbehave", words).run().code(1);
        let id = synapse.last_run()["run"]["id"].as_str().expect("an id").to_owned();
        let kept = synapse.home().join("runs").join(id).join("state");
        assert!(kept.join("failed").is_file());
        ended.says(&format!("what the action saved is kept in {}; runs with one --job-id", kept.display()));
    }
    let synapse = Synapse::new();
    let run = |words: &str| synapse.act("misbehave", "row -P n=1 --job-id j").words(words).run();
    run("-P failures=1").code(1).says("/state/");
    assert!(run("").code(0).does_not_say("saved").stdout.contains("true"));
    synapse.act("misbehave", "panics").run().code(1).does_not_say("saved");
}
