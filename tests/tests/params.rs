//! Params from the outside: schemas, forms, dry runs, strict results.

use serde_json::{Value, json};
use synapse_tests::{Generated, Synapse, library};

fn inspect(words: &str) -> Value {
    Synapse::new()
        .call("plugin inspect --describe")
        .arg(library("misbehave"))
        .words(words)
        .run()
        .code(0)
        .document()
}

#[test]
fn the_schema_of_an_action_is_standard_json_schema() {
    let schema = inspect("--schema checked --json");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["properties"]["epochs"]["minimum"], 1);
    assert_eq!(schema["properties"]["lr"]["exclusiveMinimum"], 0.0);
    assert_eq!(schema["required"], json!(["epochs", "lr", "name"]));
    assert_eq!(schema["additionalProperties"], false);
    let result = inspect("--schema wrong_result --result --json");
    assert_eq!(result["properties"]["score"]["maximum"], 1.0);
}

#[test]
fn the_form_of_an_action_has_an_input_for_each_param() {
    let form = inspect("--form checked --json");
    let inputs: Vec<_> = form
        .as_array()
        .expect("a list")
        .iter()
        .map(|item| {
            (item["name"].as_str().unwrap_or_default(), item["$formkit"].as_str().unwrap_or_default())
        })
        .collect();
    let expected = [
        ("epochs", "number"),
        ("lr", "number"),
        ("name", "text"),
        ("tags", "repeater"),
        ("optimizer", "select"),
    ];
    assert_eq!(inputs, expected);
}

#[test]
fn an_overview_tells_what_a_plugin_can_do() {
    let ended = Synapse::new().call("plugin inspect --describe").arg(library("greet")).run().code(0);
    let text = &ended.stdout;
    assert!(text.starts_with("greet 0.1.0 · "), "{text}");
    assert!(text.contains("Greets someone."), "{text}");
    assert!(!text.contains("Hello"), "something ran: {text}");
}

#[test]
fn an_action_that_is_not_there_has_no_schema() {
    let synapse = Synapse::new();
    let asked = synapse.call("plugin inspect --describe").arg(library("greet")).words("--form gret");
    asked.run().code(4).says("Action not found: gret").says("did you mean `greet`?");
}

#[test]
fn a_dry_run_shows_params_with_their_defaults_and_runs_nothing() {
    let synapse = Synapse::new();
    let words = r#"checked --dry-run --json --params {"epochs":5,"lr":0.1,"name":"abc"}"#;
    let document = synapse.act("misbehave", words).run().code(0).document();
    let params = json!({"epochs": 5, "lr": 0.1, "name": "abc", "tags": [], "optimizer": "sgd"});
    assert_eq!(document["params"], params);
    assert_eq!(document["dry_run"], json!({"plugin": "misbehave", "action": "checked", "mode": "local"}));
    synapse.act("misbehave", "segv --dry-run").run().code(0).says("nothing was run");
    assert_eq!(synapse.runs(), 0);
}

#[test]
fn a_dry_run_refuses_what_a_run_would_refuse() {
    let synapse = Synapse::new();
    let words = r#"checked --json --params {"epochs":0,"lr":0,"nmae":"abc"}"#;
    let dry = synapse.act("misbehave", words).words("--dry-run").run().code(3).error();
    let wet = synapse.act("misbehave", words).run().code(3).error();
    assert_eq!(dry, wet);
    let pointers: Vec<&str> = dry["details"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|violation| violation["pointer"].as_str())
        .collect();
    assert_eq!(pointers, ["/epochs", "/lr", "/nmae", "/name"]);
}

#[test]
fn every_mistake_in_params_is_told_at_once_with_a_near_name() {
    let params = r#"{"epochs": 0, "batch_size": "x", "learning_rat": 1}"#;
    let call =
        || Synapse::new().call("plugin run").arg(library("classifier")).words("train --params").arg(params);
    call()
        .run()
        .code(3)
        .says("params of `train`: 3 violations")
        .says("/epochs: expected at least 1, not 0")
        .says("/batch_size: expected an integer, not \"x\"")
        .says("/learning_rat: no such field; did you mean `learning_rate`?");
    let error = call().words("--json").run().code(3).error();
    assert_eq!(
        error["details"][0],
        json!({"pointer": "/epochs", "rule": "minimum", "given": 0, "allowed": 1,
               "message": "expected at least 1, not 0"})
    );
}

#[test]
fn strictness_asked_for_on_the_command_line_fails_a_run_that_would_warn() {
    let synapse = Synapse::new();
    synapse.act("misbehave", "wrong_result").run().code(0).says("/score: expected a number, not \"high\"");
    let error = synapse.act("misbehave", "wrong_result --strict-result --json").run().code(3).error();
    assert_eq!(error["details"][0]["pointer"], "/score");
}

#[test]
fn a_computed_default_that_breaks_its_own_rule_is_told_when_the_plugin_is_built() {
    let code = "//! A generated plugin.\nuse synapse_sdk::prelude::*;\n\nfn none() -> u32 {\n    0\n}\n\n\
                /// How to train.\n#[params]\npub struct TrainParams {\n    #[param(default = none(), ge = 1)]\n    \
                epochs: u32,\n}\n\n/// Trains.\n#[action]\npub fn train(params: TrainParams, _ctx: &Context) \
                -> Result<u32> {\n    Ok(params.epochs)\n}\n\nsynapse_sdk::export_plugin!(train);\n";
    let (synapse, plugin) = (Synapse::new(), Generated::new("defaulting_plugin", code));
    let ended = plugin.call(&synapse, "plugin build").arg(plugin.folder()).run().code(0);
    ended.says("warning: `train`: the default of /epochs: expected at least 1, not 0");
}
