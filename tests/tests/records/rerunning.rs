//! `synapse run rerun`.

use std::fs;

use serde_json::json;
use synapse_tests::{Generated, Synapse, library, workspace};

use super::act;

#[test]
fn a_run_is_run_again_as_it_was_asked_for_from_anywhere() {
    let synapse = Synapse::new();
    let words = "plugin run --path greet greet -P name=Ada --env GREETING=Moin --timeout 90s --grace 7s --cpus 2 \
                 --open-files 64 --job-id job-7 --strict-result --json";
    let first = synapse.call(words).within(workspace().join("examples")).run().code(0).document();
    assert_eq!(first["result"]["message"], "Moin Ada!");
    let before = synapse.last_run();
    let again = synapse.call("run rerun last --json").within(synapse.home()).run().code(0);
    let after = synapse.last_run();
    assert_eq!(again.document()["result"], first["result"]);
    assert_eq!(again.document()["run"]["id"], after["run"]["id"]);
    assert_ne!(after["run"]["id"], before["run"]["id"]);
    for part in ["target", "library", "sha256", "folder", "request", "params", "version", "result"] {
        assert_eq!(after[part], before[part], "{part}");
    }
    assert_eq!(after["request"]["job_id"], "job-7");
    assert_eq!(after["request"]["resources"], json!({ "cpus": 2.0, "open_files": 64 }));
    let id = before["run"]["id"].as_str().expect("an id");
    let folder = workspace().join("examples");
    again
        .says(&format!("run {id} again: `greet` of {}, mode local", folder.join("greet").display()))
        .says(&format!("in {}, as then", folder.display()))
        .does_not_say("changed since");
}

#[test]
fn params_given_go_before_those_of_the_run() {
    let synapse = Synapse::new();
    let words = "checked --json -P epochs=5 -P lr=0.5 -P name=first -P tags=a";
    let first = synapse.act("misbehave", words).run().code(0).document();
    let id = first["run"]["id"].as_str().expect("an id").to_owned();
    let words = format!("run rerun {id} --json -P epochs=7 -P tags=b,c --params");
    let again = synapse.call(&words).arg(r#"{"name": "second"}"#).run().code(0).document();
    let expected =
        json!({ "epochs": 7, "lr": 0.5, "name": "second", "tags": ["b", "c"], "optimizer": "sgd" });
    assert_eq!(again["result"], expected);
    assert_eq!(synapse.last_run()["params"]["epochs"], 7);
    // The first stays what it was.
    let unchanged = synapse.call("run rerun --json").arg(&id).run().code(0).document();
    assert_eq!(unchanged["result"], first["result"]);
    synapse.call("run rerun last --json -P epochs=0").run().code(3);
}

#[test]
fn params_may_be_looked_at_before() {
    let synapse = Synapse::new();
    synapse.act("greet", "greet -P name=Ada").run().code(0);
    let shown = synapse.call("run rerun last --dry-run --json -P formal=true").run().code(0).document();
    assert_eq!(shown["params"], json!({ "name": "Ada", "formal": true }));
    assert_eq!(synapse.runs(), 1);
}

#[test]
fn relative_paths_in_params_mean_what_they_meant() {
    let synapse = Synapse::new();
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("data.txt"), "the data").expect("a file");
    fs::write(synapse.home().join("params.json"), r#"{"file": "other.txt"}"#).expect("a file");
    fs::write(folder.path().join("other.txt"), "other data").expect("a file");
    act(&synapse, "reads -P file=data.txt").within(folder.path()).run().code(0);
    let again = synapse.call("run rerun last --json").within(synapse.home()).run().code(0).document();
    assert_eq!(again["result"], "the data");
    let words = "run rerun last --json --params-file params.json";
    let other = synapse.call(words).within(synapse.home()).run().code(0).document();
    assert_eq!(other["result"], "other data");
}

#[test]
fn the_beginning_of_an_id_is_enough_and_one_that_is_none_is_told() {
    let synapse = Synapse::new();
    synapse.call("run rerun last").run().code(4).says("no run is recorded yet");
    let first = synapse.act("greet", "greet -P name=Ada --json").run().code(0).document();
    let id = first["run"]["id"].as_str().expect("an id");
    synapse.call("run rerun --json").arg(&id[..12]).run().code(0);
    synapse.call("run rerun --json").arg(&id[..4]).run().code(4).says("begins the ids of 2 runs");
    synapse.call("run rerun 19990101").run().code(4).says("no run `19990101`");
}

#[test]
fn a_folder_that_changed_is_built_again_and_the_change_told() {
    let lib = |answer: &str| {
        format!(
            "//! Answers.\n\nuse synapse_sdk::prelude::*;\n\n/// Answers.\n#[action]\n\
             fn answer(_params: (), _ctx: &Context) -> Result<String> {{\n    Ok(\"{answer}\".into())\n}}\n\n\
             synapse_sdk::export_plugin!(answer);\n"
        )
    };
    let synapse = Synapse::new();
    let plugin = Generated::new("answering", &lib("first"));
    plugin.act(&synapse, "answer").run().code(0).prints("first\n");
    plugin.call(&synapse, "run rerun last").run().code(0).prints("first\n").does_not_say("building");
    plugin.write("src/lib.rs", &lib("second, and longer"));
    let again = plugin.call(&synapse, "run rerun last").run().code(0).prints("second, and longer\n");
    again.says("building").says("the plugin has changed since");
}

#[test]
fn a_library_that_is_another_one_or_gone_is_told() {
    let synapse = Synapse::new();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("own.so");
    fs::copy(library("greet"), &file).expect("a copy");
    synapse.call("plugin run").arg(&file).words("greet -P name=Ada").run().code(0);
    let mut bytes = fs::read(&file).expect("the copy");
    bytes.push(0);
    fs::write(&file, bytes).expect("a change");
    synapse
        .call("run rerun last")
        .run()
        .code(0)
        .prints("message  Hello Ada!\n")
        .says("the plugin has changed since");
    fs::remove_file(&file).expect("it was there");
    let error = synapse.call("run rerun last --json").run().code(4).error();
    assert_eq!(error["details"]["path"], json!(file));
    assert!(error["message"].as_str().is_some_and(|text| text.contains("is gone")), "{error}");
}

#[test]
fn a_plugin_named_by_code_is_found_where_it_was() {
    let synapse = Synapse::new();
    let words = "plugin run greet -p greet -P name=Ada --json";
    synapse.call(words).within(workspace().join("examples/greet")).run().code(0);
    assert_eq!(synapse.last_run()["target"], "greet");
    let again = synapse.call("run rerun last --json").within(synapse.home()).run().code(0).document();
    assert_eq!(again["result"]["message"], "Hello Ada!");
}

#[test]
fn a_crash_is_run_again_isolated_as_its_hint_says() {
    let synapse = Synapse::new();
    synapse.act("misbehave", "segv").run().code(139).says("--isolated");
    let ended = synapse.call("run rerun last --isolated").run().code(1);
    ended.says("mode isolated").says("segmentation fault").does_not_say("ended this process");
    assert_eq!(synapse.last_run()["request"]["mode"], "isolated");
}
