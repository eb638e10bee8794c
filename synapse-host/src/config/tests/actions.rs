//! The keys of an action.

use super::{config, loaded, refusal, warnings, with_identity};
use crate::config::{ActionConfig, Method};
use serde_json::{Value, json};

/// The one action of a config that has `rest` from line 6 on.
fn action(rest: &str) -> ActionConfig {
    let mut actions = config(&with_actions(rest)).actions;
    assert_eq!(actions.len(), 1);
    actions.remove(0)
}

/// A config whose line 6 is the first of `rest`.
fn with_actions(rest: &str) -> String {
    with_identity(&format!("actions:\n{rest}\n"))
}

#[test]
fn every_key_is_read() {
    let action = action(
        "  infer:\n\
         \x20   name: infer\n\
         \x20   entrypoint: plugin.infer.Infer\n\
         \x20   method: serve\n\
         \x20   description: Finds ships\n\
         \x20   input_type: model_weights\n\
         \x20   output_type: inference_results\n\
         \x20   serve_options: {num_replicas: 2, batch: {max_batch_size: 8}}\n\
         \x20   hyperparameters: {train_ui_schemas: [{$formkit: number, name: epochs}]}\n\
         \x20   ui_schema: [{$formkit: text, name: group_name, required: no}]\n\
         \x20   required_resources: {required_cpu_count: 2, required_gpu_count: 0.5}",
    );
    assert_eq!(action.name, "infer");
    assert_eq!(action.line, 6);
    let segments = action.entrypoint.as_ref().expect("one").segments();
    assert_eq!(segments, ["plugin", "infer", "Infer"]);
    assert_eq!(action.method, Some(Method::Serve));
    assert_eq!(action.description, "Finds ships");
    assert_eq!(action.input_type.as_deref(), Some("model_weights"));
    assert_eq!(action.output_type.as_deref(), Some("inference_results"));
    assert_eq!(action.serve_options["batch"], json!({"max_batch_size": 8}));
    assert_eq!(
        action.hyperparameters,
        json!({"train_ui_schemas": [{"$formkit": "number", "name": "epochs"}]})
    );
    assert_eq!(action.ui_schema, json!([{"$formkit": "text", "name": "group_name", "required": false}]));
    assert_eq!(action.required_resources, json!({"required_cpu_count": 2, "required_gpu_count": 0.5}));
}

#[test]
fn a_plain_text_is_the_entrypoint() {
    let action = action("  train: \"pkg.mod:Train\"");
    assert_eq!(action.entrypoint.map(|e| e.to_string()).as_deref(), Some("pkg::mod::Train"));
    assert_eq!(action.method, None);
}

#[test]
fn an_action_may_say_nothing_at_all() {
    let action = action("  train:");
    assert_eq!((action.name.as_str(), action.line), ("train", 6));
    assert_eq!(action.entrypoint, None);
    assert_eq!(action.serve_options, Value::Null);
}

#[test]
fn actions_keep_the_order_of_the_file() {
    let config = config(&with_actions("  z: m.Z\n  a: m.A\n  m: m.M"));
    let names: Vec<&str> = config.actions.iter().map(|a| a.name.as_str()).collect();
    assert_eq!(names, ["z", "a", "m"]);
    assert_eq!(config.action("a").map(|a| a.line), Some(7));
    assert_eq!(config.action("b"), None);
}

#[test]
fn every_method_is_known() {
    for (word, method) in [
        ("job", Method::Job),
        ("task", Method::Task),
        ("serve", Method::Serve),
        ("restapi", Method::RestApi),
        ("local", Method::Local),
    ] {
        assert_eq!(action(&format!("  a: {{method: {word}}}")).method, Some(method));
    }
}

#[test]
fn a_bad_method_is_refused_on_its_line() {
    assert_eq!(
        refusal(&with_actions("  train:\n    entrypoint: a.b\n    method: jb")),
        "f:8:13: actions.train.method: `jb` is not one of job, task, serve, restapi, local\n  \
         hint: did you mean `job`?\n"
    );
}

#[test]
fn bad_entrypoints_are_refused() {
    assert_eq!(
        refusal(&with_actions("  a: {entrypoint: ''}\n  b: m..B\n  c: {entrypoint: my-crate.C}")),
        "f:6:19: actions.a.entrypoint: the entrypoint is empty\n  \
         hint: write it like `module::path::Name`\n\
         f:7:6: actions.b: `m..B` is not an entrypoint: \
         a name is missing between two separators\n  \
         hint: write it like `module::path::Name`\n\
         f:8:19: actions.c.entrypoint: `my-crate.C` is not an entrypoint: \
         `my-crate` is not an identifier\n  \
         hint: write it like `module::path::Name`\n"
    );
}

#[test]
fn an_action_that_is_neither_a_map_nor_text_is_refused() {
    assert_eq!(
        refusal(&with_actions("  a: 3\n  b: [m.B]\n  c: true")),
        "f:6:6: actions.a: expected a map of keys or an entrypoint, found the number 3\n\
         f:7:6: actions.b: expected a map of keys or an entrypoint, found a list\n\
         f:8:6: actions.c: expected a map of keys or an entrypoint, \
         found `true`, which YAML reads as true or false\n"
    );
}

#[test]
fn names_that_cannot_be_called_are_refused() {
    assert_eq!(
        refusal(&with_actions("  no: m.A\n  -x: m.B\n  a b: m.C\n  '': m.D")),
        "f:6:3: actions.no: the name of an action is `no`, which YAML reads as true or false\n  \
         hint: write it in quotes: \"no\"\n\
         f:7:3: actions.-x: `-x` cannot name an action\n  \
         hint: leave out spaces, and hyphens at the start\n\
         f:8:3: actions.a b: `a b` cannot name an action\n  \
         hint: leave out spaces, and hyphens at the start\n\
         f:9:3: actions.: an action needs a name\n"
    );
    assert_eq!(action("  \"no\": m.A").name, "no");
}

#[test]
fn a_name_that_differs_from_the_key_has_no_effect() {
    let text = with_actions("  train:\n    name: fit");
    assert_eq!(loaded(&text).config.actions[0].name, "train");
    assert_eq!(
        warnings(&text),
        "f:7:11: warning: actions.train.name: `fit` has no effect: \
         the action is called `train`\n  \
         hint: rename the key under `actions` instead\n"
    );
}

#[test]
fn unknown_keys_are_named_with_the_nearest_known_one() {
    assert_eq!(
        warnings(&with_actions("  train:\n    entry_point: a.b\n    zebra: 1")),
        "f:7:5: warning: actions.train.entry_point: \
         the key `entry_point` is unknown and has no effect\n  \
         hint: did you mean `entrypoint`?\n\
         f:8:5: warning: actions.train.zebra: the key `zebra` is unknown and has no effect\n  \
         hint: the keys here are name, entrypoint, description, method, input_type, \
         output_type, serve_options, hyperparameters, ui_schema, required_resources\n"
    );
}

#[test]
fn values_of_the_wrong_type_are_refused() {
    assert_eq!(
        refusal(&with_actions(
            "  a:\n    serve_options: [1]\n    hyperparameters: x\n    \
             ui_schema: {a: 1}\n    required_resources: 2\n    description: 1.5"
        )),
        "f:7:20: actions.a.serve_options: expected a map of keys, found a list\n\
         f:8:22: actions.a.hyperparameters: expected a map of keys, found text\n\
         f:9:16: actions.a.ui_schema: expected a list, found a map\n\
         f:10:25: actions.a.required_resources: expected a map of keys, found the number 2\n\
         f:11:18: actions.a.description: expected text, found the number 1.5\n  \
         hint: write it in quotes: \"1.5\"\n"
    );
}

#[test]
fn a_config_without_actions_is_only_warned_about() {
    assert_eq!(warnings(&with_identity("actions: {}\n")), "f:5:10: warning: actions: no action is listed\n");
}
