//! What is refused before anything runs, and how it is told.

use std::fs;

use serde_json::{Value, json};
use synapse_tests::{Synapse, library, workspace};

fn hint(error: &Value) -> &str {
    error["hint"].as_str().unwrap_or_default()
}

#[test]
fn malformed_json_is_answered_with_a_quoted_example() {
    let synapse = Synapse::new();
    let ended = synapse.act("greet", "greet --params {name:Ada}").run().code(2);
    ended.says("--params is not JSON: key must be a string at line 1").says(r#"--params '{"key": "value"}'"#);
    let error =
        synapse.act("greet", "greet --json --params-file -").stdin("{\n\"name\": }").run().code(2).error();
    assert_eq!(error["kind"], "usage");
    assert_eq!(error["message"], "--params-file is not JSON: expected value at line 2 column 9");
    assert_eq!(error["details"][0]["rule"], "json");
    assert_eq!(synapse.runs(), 0);
}

#[test]
fn a_params_file_that_is_not_there_is_named() {
    let error =
        Synapse::new().act("greet", "greet --json --params-file /nowhere/p.json").run().code(4).error();
    assert_eq!(error["kind"], "not_found");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("/nowhere/p.json")), "{error}");
}

#[test]
fn an_unknown_action_is_answered_with_the_nearest_and_all_there_are() {
    let synapse = Synapse::new();
    synapse.act("greet", "gret").run().code(4).says("Action not found: gret").says("did you mean `greet`?");
    let error = synapse.act("greet", "zzz --json").run().code(4).error();
    assert_eq!(error["kind"], "action_not_found");
    assert_eq!(error["details"], json!({ "action": "zzz", "available": ["greet", "greet_all", "roster"] }));
    assert_eq!(hint(&error), "there are: greet, greet_all, roster");
    assert_eq!(synapse.runs(), 0);
}

#[test]
fn a_folder_without_a_config_is_told_the_way_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let ended = Synapse::new().call("plugin run greet").within(folder.path()).run().code(4);
    ended.says("Config file not found: no config.yaml in").says("--config").says("--path");
}

#[test]
fn a_config_without_a_crate_is_told_so() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::copy(workspace().join("examples/greet/config.yaml"), folder.path().join("config.yaml"))
        .expect("a copy");
    let error = Synapse::new().call("plugin run greet --json").within(folder.path()).run().code(4).error();
    assert!(error["message"].as_str().is_some_and(|text| text.contains("no Cargo.toml in")), "{error}");
}

#[test]
fn plugins_that_are_not_there_are_named() {
    let synapse = Synapse::new();
    synapse.call("plugin run /nowhere/libgreet.so greet").run().code(4).says("/nowhere/libgreet.so");
    synapse.call("plugin run greet --path /nowhere/greet").run().code(4).says("/nowhere/greet");
    synapse.call("plugin run greet --config /nowhere/c.yaml").run().code(4).says("/nowhere/c.yaml");
    let near = synapse
        .call("plugin run greet -p gret --json")
        .env("SYNAPSE_PLUGIN_PATH", workspace().join("examples"));
    let error = near.run().code(4).error();
    assert_eq!(error["message"], "no plugin with the code `gret`");
    assert_eq!(hint(&error), "did you mean `greet`?");
}

#[test]
fn a_plugin_named_twice_is_refused() {
    let synapse = Synapse::new();
    let greet = workspace().join("examples/greet");
    let twice = synapse.call("plugin run greet greet --path").arg(&greet).run().code(2);
    twice.says("the plugin is named twice").says("--path");
    let error = synapse.call("plugin run greet --json -p greet --path").arg(&greet).run().code(2).error();
    assert_eq!(error["kind"], "usage");
}

#[test]
fn a_plugin_alone_is_not_taken_for_an_action() {
    let synapse = Synapse::new();
    for plugin in [library("greet"), workspace().join("examples/greet"), "own.so".into()] {
        let ended = synapse.call("plugin run").arg(&plugin).run().code(2);
        ended.says("which action of ").says("for example `synapse plugin run ");
    }
}

#[test]
fn params_that_are_no_object_are_invalid() {
    let synapse = Synapse::new();
    for params in ["[]", "null", "3"] {
        let error = synapse.act("greet", "greet --json --params").arg(params).run().code(3).error();
        assert_eq!(
            (&error["details"][0]["pointer"], &error["details"][0]["rule"]),
            (&json!(""), &json!("type"))
        );
    }
}

#[test]
fn invalid_params_are_all_told_at_once() {
    let synapse = Synapse::new();
    let params = r#"{"epochs": 0, "lr": "fast", "nmae": "x", "tags": ["a", 1], "optimizer": "adamw"}"#;
    let ended = synapse.act("misbehave", "checked --json --params").arg(params).run().code(3);
    let error = ended.error();
    assert_eq!(error["kind"], "validation");
    let details = error["details"].as_array().expect("a list");
    for violation in details {
        let keys: Vec<&str> =
            violation.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["pointer", "rule", "given", "allowed", "message"]);
    }
    let of = |pointer: &str| details.iter().find(|violation| violation["pointer"] == pointer);
    let told = |pointer: &str| of(pointer).map(|it| [&it["rule"], &it["given"], &it["allowed"]]);
    assert_eq!(told("/epochs"), Some([&json!("minimum"), &json!(0), &json!(1)]));
    assert_eq!(told("/lr"), Some([&json!("type"), &json!("fast"), &json!("a number")]));
    assert_eq!(of("/nmae").map(|it| &it["rule"]), Some(&json!("unknown")));
    assert_eq!(of("/name").map(|it| &it["rule"]), Some(&json!("required")));
    assert_eq!(of("/tags/1").map(|it| &it["rule"]), Some(&json!("type")));
    assert_eq!(of("/optimizer").map(|it| &it["given"]), Some(&json!("adamw")));
    assert_eq!(details.len(), 6, "{error}");
    let record = synapse.last_run();
    assert_eq!((&record["run"]["status"], &record["error"]), (&json!("failed"), &error));
}

#[test]
fn invalid_params_are_a_line_each_in_text() {
    let ended = Synapse::new().act("misbehave", "checked -P epochs=0 -P lr=0 -P name=ab").run().code(3);
    ended
        .says("error: params of `checked`: 3 violations\n")
        .says("  /epochs: expected at least 1, not 0\n")
        .says("  /lr: ")
        .says("  /name: ");
}

#[test]
fn an_invalid_config_is_told_by_file_and_line() {
    let synapse = Synapse::new();
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config.yaml");
    let text = "name: Broken\ncode: Broken Code\nversion: one\ncategory: custom\nactions:\n  greet:\n    \
                entrypoint: greet::greet\n    method: jb\n";
    fs::write(&config, text).expect("a file");
    let shown = config.display();
    let ended = synapse.act("greet", "greet -P name=Ada --config").arg(&config).run().code(3);
    ended
        .says(&format!("error: {shown}: 3 problems\n"))
        .says(&format!("  {shown}:2:7: code: `Broken Code` is not a code"))
        .says(&format!("  {shown}:3:10: version: `one` is not a semantic version\n"))
        .says(&format!("  {shown}:8:13: actions.greet.method: `jb` is not one of"))
        .says("    hint: did you mean `job`?\n");
    let error = synapse.call("plugin run greet --json --path").arg(folder.path()).run().code(3).error();
    assert_eq!(error["kind"], "validation");
    assert_eq!(error["details"][0]["pointer"], format!("{shown}:2:7"));
    assert_eq!(error["details"].as_array().map(Vec::len), Some(3), "{error}");
}

#[test]
fn modes_that_are_not_there_are_named() {
    let synapse = Synapse::new();
    for (mode, advice) in [("serve", "`synapse serve deploy"), ("remote", "--mode ")] {
        let words = format!("greet -P name=Ada --json --mode {mode}");
        let error = synapse.act("greet", &words).run().code(2).error();
        assert_eq!(error["kind"], "usage");
        assert!(error["message"].as_str().is_some_and(|text| text.contains(&format!("`{mode}`"))), "{error}");
        assert!(hint(&error).contains(advice), "{error}");
    }
    synapse.act("greet", "greet -P name=Ada -m nowhere").run().code(2).says("nowhere").says("local");
    assert_eq!(synapse.runs(), 0);
}

#[test]
fn unknown_options_are_errors_in_the_form_that_was_asked_for() {
    let synapse = Synapse::new();
    synapse.call("plugin run greet --pth x").run().code(2).says("unexpected argument '--pth'").says("--path");
    let error = synapse.call("plugin run greet --pth x --json").run().code(2).error();
    assert_eq!((&error["kind"], &error["details"]), (&json!("usage"), &json!([])));
    assert!(error["message"].as_str().is_some_and(|text| text.contains("--pth")), "{error}");
    synapse.call("plugin rnu greet").run().code(2).says("rnu");
}

#[test]
fn malformed_pairs_are_answered_with_an_example() {
    let synapse = Synapse::new();
    synapse.act("greet", "greet -P name").run().code(2).says("-P name").says("-P epochs=5");
    synapse.act("greet", "greet -P name=Ada -e GREETING").run().code(2).says("--env OMP_NUM_THREADS=4");
    synapse.act("greet", "greet -P name=Ada --timeout soon").run().code(2).says("soon");
}

#[test]
fn a_library_called_a_bundle_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = folder.path().join("greet-0.1.0.synapse");
    fs::copy(library("greet"), &bundle).expect("a copy");
    let run = Synapse::new().call("plugin run").arg(&bundle).words("greet").run().code(5);
    run.says("as a bundle it is damaged");
}

#[test]
fn a_run_that_is_not_there_is_not_found() {
    let synapse = Synapse::new();
    let error = synapse.call("run show 20200101 --json").run().code(4).error();
    assert_eq!(error["kind"], "not_found");
    synapse.call("run list").run().code(0);
}
