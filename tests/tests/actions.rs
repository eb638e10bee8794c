//! What actions get from the host, and what the host makes of what they say.

use serde_json::{Value, json};
use synapse_tests::{Synapse, library};

fn contents<'a>(events: &'a [Value], level: &str) -> Vec<&'a str> {
    let messages = events.iter().filter(|event| event["event"] == "message" && event["level"] == level);
    messages.filter_map(|event| event["data"]["content"].as_str()).collect()
}

fn named<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == name).collect()
}

#[test]
fn every_way_to_report_arrives_and_is_recorded() {
    let synapse = Synapse::new();
    let ended = synapse.act("misbehave", "events --json").run().code(0);
    let events = ended.events();
    for level in ["debug", "info", "success", "warning", "danger", "error", "critical"] {
        let said = contents(&events, level);
        assert!(said.contains(&format!("by enum: {level}").as_str()), "{level}: {said:?}");
        assert!(said.contains(&format!("by word: {level}").as_str()), "{level}: {said:?}");
    }
    assert!(contents(&events, "info").contains(&"without a level"));
    assert!(contents(&events, "info").contains(&"by a word that is none"));
    assert!(contents(&events, "warning").contains(&"through the logger"));
    assert_eq!(contents(&events, "success").last(), Some(&"The plugin has finished."));
    let checkpoint = named(&events, "checkpoint")[0];
    assert_eq!(
        (&checkpoint["data"], &checkpoint["file"]),
        (&json!({ "epoch": 1 }), &json!("/tmp/epoch1.bin"))
    );
    let metric = json!({ "category": "train", "key": "epoch_1", "value": 1, "metrics": { "loss": 0.5 } });
    assert_eq!(named(&events, "metric")[0]["data"], metric);
    let picture = named(&events, "visualization")[0];
    let shown = json!({ "category": "train", "group": "samples", "index": 7, "label": "cat" });
    assert_eq!((&picture["data"], &picture["file"]), (&shown, &json!("/tmp/7.png")));
    let for_developers = named(&events, "dev_event");
    assert!(
        for_developers[0]["data"]["message"].as_str().is_some_and(|text| text.contains("no level `loud`"))
    );
    assert_eq!(for_developers[1]["data"], json!({ "message": "for developers", "data": { "batch": 2 } }));
    assert_eq!(synapse.last_run()["events"], Value::from(events));
}

#[test]
fn progress_and_metrics_are_kept_by_step() {
    let ended = Synapse::new().act("misbehave", "events --json").run().code(0);
    let events = ended.events();
    let last = |step: &str| {
        let mut progress = named(&events, "progress").into_iter().filter(|event| event["step"] == step);
        progress.next_back().map(|event| event["data"].clone()).unwrap_or_default()
    };
    assert_eq!((&last("load")["percent"], &last("load")["overall"]), (&json!(100.0), &json!(20.0)));
    assert_eq!((&last("train")["current"], &last("train")["overall"]), (&json!(4), &json!(100.0)));
    let metrics = json!({ "train": { "loss": 0.25, "epoch": 4 }, "run": { "files": 3 } });
    assert_eq!(ended.document()["metrics"], metrics);
}

#[test]
fn no_debug_hides_what_is_for_developers() {
    let synapse = Synapse::new();
    synapse.act("misbehave", "events").run().code(0).says("by enum: debug").says("for developers");
    let hidden = synapse.act("misbehave", "events --no-debug").run().code(0);
    hidden.says("by enum: info").does_not_say("by enum: debug").does_not_say("for developers");
}

#[test]
fn state_outlives_an_attempt_of_a_job_and_goes_with_no_other() {
    let synapse = Synapse::new();
    let attempt = |job: &str| {
        let document = synapse.act("misbehave", "state --json --job-id").arg(job).run().code(0).document();
        document["result"].clone()
    };
    let (first, second, other) = (attempt("night/1"), attempt("night/1"), attempt("night/2"));
    assert_eq!((&first["count"], &first["attempt"], &first["seen"]), (&json!(1), &json!(1), &json!(false)));
    assert_eq!((&second["count"], &second["attempt"], &second["seen"]), (&json!(2), &json!(2), &json!(true)));
    assert_eq!((&other["count"], &other["attempt"], &other["seen"]), (&json!(1), &json!(1), &json!(false)));
    assert_eq!(second["job_id"], "night/1");
    assert_eq!(second["work_dir"], first["work_dir"]);
    assert!(
        first["work_dir"].as_str().is_some_and(|path| path.starts_with(&*synapse.home().to_string_lossy()))
    );
    assert_eq!(first["bad_key"], "`../up` cannot be a state's key");
}

#[test]
fn a_checkpoint_is_handed_to_the_action() {
    let synapse = Synapse::new();
    let weights = library("greet");
    let given = synapse.act("misbehave", "state --json --checkpoint").arg(&weights).run().code(0);
    let expected = weights.canonicalize().expect("a path");
    assert_eq!(given.document()["result"]["checkpoint"], *expected.to_string_lossy());
    let missing = synapse.act("misbehave", "state --json --checkpoint /nowhere/at/all.pt").run().code(4);
    assert_eq!(missing.error()["kind"], "not_found");
}

#[test]
fn variables_of_the_call_go_before_the_configs_before_the_processs() {
    let synapse = Synapse::new();
    let read = |name: &str, kind: &str, options: &str| {
        let words = format!("env --json -P name={name} -P kind={kind} {options}");
        let call = synapse.act("misbehave", &words).env("STRONGER", "process").env("OF_PROCESS", "process");
        call.run().code(0).document()["result"].clone()
    };
    assert_eq!(read("FROM_CONFIG", "text", ""), "config");
    assert_eq!(read("STRONGER", "text", ""), "config");
    assert_eq!(read("STRONGER", "text", "-e STRONGER=call"), "call");
    assert_eq!(read("OF_PROCESS", "text", ""), "process");
    assert_eq!(read("ABSENT", "int", ""), Value::Null);
    assert_eq!(read("N", "int", "-e N=4"), 4);
    assert_eq!(read("N", "float", "-e N=0.5"), 0.5);
    assert_eq!(read("N", "bool", "-e N=Yes"), true);
    assert_eq!(read("N", "list", "-e N=a,b,"), json!(["a", "b"]));
}

#[test]
fn a_variable_of_another_type_is_named() {
    let synapse = Synapse::new();
    let ended = synapse.act("misbehave", "env --json -P name=N -P kind=int -e N=four").run().code(3);
    let error = ended.error();
    assert_eq!(error["message"], "environment variable N is `four`, not an integer, such as 4");
    assert_eq!(synapse.last_run()["error"], error);
}

#[test]
fn without_a_backend_a_folder_takes_its_place_and_that_is_said() {
    let synapse = Synapse::new();
    let place = synapse.home().join("store");
    let ended = synapse.act("misbehave", "needs_client --json").run().code(4);
    let error = ended.error();
    let message = format!("the store {} has no dataset `1`", place.display());
    assert_eq!((&error["kind"], &error["message"]), (&json!("not_found"), &json!(message)));
    let told = format!("no backend is connected: datasets and models are kept in {}", place.display());
    assert_eq!(contents(&ended.events(), "info"), [told]);
    assert!(!place.exists(), "nothing is made by looking");
}

#[test]
fn a_store_that_was_named_is_used_and_needs_no_words() {
    let synapse = Synapse::new();
    let place = synapse.home().join("elsewhere");
    for ended in [
        synapse.act("misbehave", "needs_client --json --store").arg(&place).run().code(4),
        synapse.act("misbehave", "needs_client --json").env("SYNAPSE_STORE", &place).run().code(4),
    ] {
        let message = ended.error()["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.contains("elsewhere has no dataset"), "{message}");
        assert_eq!(contents(&ended.events(), "info"), [""; 0]);
    }
}

#[test]
fn a_result_that_is_not_as_declared_warns() {
    let synapse = Synapse::new();
    let ended = synapse.act("misbehave", "wrong_result --json").run().code(0);
    assert_eq!(ended.document()["result"], json!({ "score": "high" }));
    let events = ended.events();
    let warnings = contents(&events, "warning");
    assert_eq!(
        warnings,
        ["result of `wrong_result` against Score: 1 violation\n  /score: expected a number, not \"high\""]
    );
}

#[test]
fn a_strict_result_that_is_not_as_declared_fails() {
    let synapse = Synapse::new();
    let error = synapse.act("misbehave", "strict --json").run().code(3).error();
    assert_eq!(error["details"][0]["pointer"], "/score");
    assert_eq!(error["details"][0]["rule"], "type");
    let record = synapse.last_run();
    assert_eq!((&record["run"]["status"], &record["error"]), (&json!("failed"), &error));
    assert_eq!(record.get("result"), None);
}

#[test]
fn untyped_params_come_back_as_they_were() {
    let params = r#"{"id":18446744073709551615,"text":"ü\n","list":[1,2.5,null,{"deep":true}]}"#;
    let ended = Synapse::new().act("misbehave", "echo --json --params").arg(params).run().code(0);
    let expected: Value = serde_json::from_str(params).expect("JSON");
    assert_eq!(ended.document()["result"], expected);
}

#[test]
fn an_async_action_is_woken_from_another_thread() {
    Synapse::new().act("misbehave", "sleeps").run().code(0).prints("slept\n").says("sleeping");
}

#[test]
fn an_entrypoint_in_the_form_of_python_leads_into_a_module() {
    Synapse::new().act("misbehave", "nested").run().code(0).prints("deep\n");
}

#[test]
fn an_action_without_an_entry_is_offered_under_its_own_name() {
    let ended = Synapse::new().act("misbehave", "unconfigured").run().code(0).prints("found\n");
    ended.says("`unconfigured` has no entry in config.yaml");
}

#[test]
fn an_action_of_another_crate_is_offered_when_it_is_named() {
    Synapse::new().act("misbehave", "lend -P thing=book").run().code(0).prints("book, lent\n");
}

#[test]
fn an_entrypoint_that_leads_nowhere_says_so() {
    let error = Synapse::new().act("misbehave", "nowhere --json").run().code(4).error();
    assert_eq!(error["kind"], "action_not_found");
    assert_eq!(
        error["message"],
        "Action not found: nowhere: there is no `misbehave::gone::Away` in the plugin"
    );
    assert!(
        error["hint"].as_str().is_some_and(|hint| hint.contains("actions.nowhere.entrypoint")),
        "{error}"
    );
}

#[test]
fn actions_of_a_plugin_that_lists_none_are_found() {
    let synapse = Synapse::new();
    let trained = synapse.act("unlisted", "train --json").run().code(0).document();
    assert_eq!(trained["result"]["epochs"], 3);
    // It has no entry in the config.
    synapse.act("unlisted", "infer").run().code(0);
    let error = synapse.act("unlisted", "trian --json").run().code(4).error();
    assert_eq!(error["details"]["available"], json!(["train", "infer"]));
}
