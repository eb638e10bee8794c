//! Running actions in all the ways to name a plugin and to give params.

use serde_json::{Value, json};
use synapse_tests::{Ended, Synapse, library, workspace};

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect()
}

fn assert_greets(ended: Ended, message: &str) {
    assert_eq!(ended.code(0).document()["result"], json!({ "message": message }));
}

#[test]
fn text_has_the_result_on_stdout_and_all_else_on_stderr() {
    let synapse = Synapse::new();
    synapse
        .act("greet", "greet -P name=Ada")
        .run()
        .code(0)
        .prints("message  Hello Ada!\n")
        .says("info  Hello Ada!")
        .says("greet finished in");
}

#[test]
fn json_is_one_document_of_a_fixed_shape() {
    let synapse = Synapse::new();
    let ended = synapse.act("greet", "greet -P name=Ada --json").run().code(0);
    assert_eq!(ended.stdout.lines().count(), 1);
    let document = ended.document();
    assert_eq!(keys(&document), ["run", "result", "metrics"]);
    let run = &document["run"];
    assert_eq!(keys(run), ["id", "plugin", "action", "mode", "status", "started", "ms"]);
    assert_eq!(
        [&run["plugin"], &run["action"], &run["mode"], &run["status"]],
        ["greet", "greet", "local", "succeeded"]
    );
    assert!(run["ms"].as_f64().is_some_and(|ms| ms >= 0.0), "{run}");
    assert!(run["started"].as_str().is_some_and(|text| text.ends_with('Z')), "{run}");
    assert_eq!(document["result"], json!({ "message": "Hello Ada!" }));
    assert_eq!(document["metrics"], json!({}));
    let events = ended.events();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(keys(&events[0]), ["event", "datetime", "level", "data"]);
    assert_eq!(events[0]["data"], json!({ "content": "Hello Ada!" }));
}

#[test]
fn the_record_tells_what_the_command_told() {
    let synapse = Synapse::new();
    let document = synapse.act("greet", "greet -P name=Ada --json").run().code(0).document();
    let record = synapse.last_run();
    for field in ["id", "plugin", "action", "mode", "status", "started", "ms"] {
        assert_eq!(record["run"][field], document["run"][field], "{field}");
    }
    assert_eq!(record["params"], json!({ "name": "Ada" }));
    assert_eq!(record["result"], document["result"]);
    assert_eq!(record["metrics"], document["metrics"]);
    assert_eq!(record["events"][0]["data"]["content"], "Hello Ada!");
}

#[test]
fn a_run_without_a_record_leaves_none() {
    let synapse = Synapse::new();
    let ended = synapse.act("greet", "greet -P name=Ada --json --no-record").run().code(0);
    assert_eq!(ended.document()["run"]["id"], Value::Null);
    assert_eq!(synapse.runs(), 0);
}

#[test]
fn quiet_leaves_the_result_only() {
    let ended = Synapse::new().act("greet", "greet -P name=Ada --quiet").run().code(0);
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("message  Hello Ada!\n", ""));
}

#[test]
fn a_plugin_is_named_by_folder_in_three_ways() {
    let synapse = Synapse::new();
    let greet = workspace().join("examples/greet");
    let by_option = synapse.call("plugin run greet -P name=Ada --json --path").arg(&greet).run();
    assert_greets(by_option, "Hello Ada!");
    let by_position = synapse.call("plugin run").arg(&greet).words("greet -P name=Ada --json").run();
    assert_greets(by_position, "Hello Ada!");
    let by_being_there = synapse.call("plugin run greet -P name=Ada --json").within(&greet).run();
    assert_greets(by_being_there, "Hello Ada!");
}

#[test]
fn a_plugin_is_named_by_code_where_the_search_path_has_it() {
    let synapse = Synapse::new();
    let examples = workspace().join("examples");
    let by_option = synapse.call("plugin run greet -p greet -P name=Ada --json");
    assert_greets(by_option.env("SYNAPSE_PLUGIN_PATH", &examples).run(), "Hello Ada!");
    let by_position = synapse.call("plugin run greet greet -P name=Ada --json");
    assert_greets(by_position.env("SYNAPSE_PLUGIN_PATH", &examples).run(), "Hello Ada!");
}

#[test]
fn a_library_in_the_search_path_is_found_by_its_code() {
    let synapse = Synapse::new();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(library("greet"), folder.path().join("renamed.so")).expect("a copy");
    let ended = synapse
        .call("plugin run greet -p greet -P name=Ada --json")
        .env("SYNAPSE_PLUGIN_PATH", folder.path());
    assert_greets(ended.run(), "Hello Ada!");
}

#[test]
fn params_come_from_an_option_a_file_standard_input_or_one_by_one() {
    let synapse = Synapse::new();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("params.json");
    std::fs::write(&file, r#"{"name": "Grace", "formal": true}"#).expect("a file");
    let by_file = synapse.act("greet", "greet --json --params-file").arg(&file).run();
    assert_greets(by_file, "Dear Grace!");
    let piped = synapse.act("greet", "greet --json --params-file -").stdin(r#"{"name":"Alan"}"#).run();
    assert_greets(piped, "Hello Alan!");
    let option = synapse.act("greet", "greet --json --params").arg(r#"{"name": "Ada L."}"#).run();
    assert_greets(option, "Hello Ada L.!");
    let over_a_file = synapse.act("greet", "greet --json -P name=Ada --params-file").arg(&file).run();
    assert_greets(over_a_file, "Dear Ada!");
}

#[test]
fn single_params_have_the_types_of_the_schema() {
    let words = "checked --json -P epochs=5 -P lr=1 -P name=123 -P tags=a,b -P optimizer=adam";
    let document = Synapse::new().act("misbehave", words).run().code(0).document();
    let expected = json!({ "epochs": 5, "lr": 1.0, "name": "123", "tags": ["a", "b"], "optimizer": "adam" });
    assert_eq!(document["result"], expected);
}

#[test]
fn defaults_fill_what_was_left_out() {
    let words = "checked --json -P epochs=5 -P lr=0.1 -P name=abc";
    let result = &Synapse::new().act("misbehave", words).run().code(0).document()["result"];
    assert_eq!((&result["tags"], &result["optimizer"]), (&json!([]), &json!("sgd")));
}

#[test]
fn another_config_replaces_the_plugins_own() {
    let synapse = Synapse::new();
    let folder = tempfile::tempdir().expect("a folder");
    let other = folder.path().join("other.yaml");
    let text = "name: Salute\ncode: salute\nversion: 2.0.0\ncategory: custom\nenv:\n  GREETING: Ahoy\n\
                actions:\n  hail:\n    entrypoint: greet::greet\n";
    std::fs::write(&other, text).expect("a file");
    let document = synapse.act("greet", "hail -P name=Ada --json -c").arg(&other).run().code(0).document();
    assert_eq!(document["run"]["plugin"], "salute");
    assert_eq!(document["run"]["action"], "hail");
    assert_eq!(document["result"]["message"], "Ahoy Ada!");
}

#[test]
fn a_config_written_for_python_finds_the_actions() {
    // The config of the Python guide, as it stands.
    const CONFIG: &str = r#"name: YOLOv8 Object Detection
code: yolov8
version: 0.1.0
category: neural_net
description: Train and deploy YOLOv8 object detection models
readme: README.md

# Package management
package_manager: pip
package_manager_options: []
wheels_dir: wheels

# Environment variables
env:
  CUDA_VISIBLE_DEVICES: "0"

# Action definitions
actions:
  train:
    entrypoint: plugin.train:TrainAction
    method: job
    description: Train YOLOv8 model on dataset
    input_type: yolo_dataset
    output_type: model_weights

  inference:
    entrypoint: plugin.inference:InferenceAction
    method: task
    description: Run inference on images
"#;
    let synapse = Synapse::new();
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config.yaml");
    std::fs::write(&config, CONFIG).expect("a file");
    let trained = synapse.act("unlisted", "train -P epochs=2 --json -c").arg(&config).run().code(0);
    let document = trained.document();
    assert_eq!(document["run"]["plugin"], "yolov8");
    assert_eq!(document["result"], json!({ "epochs": 2, "devices": "0" }));
    assert!(trained.events().iter().any(|event| event["step"] == "train"), "{}", trained.stderr);
    let inferred = synapse.act("unlisted", "inference --json -c").arg(&config).run().code(0).document();
    assert_eq!(inferred["result"], json!([]));
}

#[test]
fn what_a_plugin_prints_does_not_mix_with_the_result() {
    let synapse = Synapse::new();
    let ended = synapse.act("misbehave", "prints --json").run().code(0);
    assert_eq!(ended.document()["result"], 1);
    ended.says("printed on stdout\n").says("printed on stderr\n");
    synapse.act("misbehave", "prints --quiet").run().code(0).prints("1\n");
}

#[test]
fn long_params_and_results_are_recorded_whole() {
    let synapse = Synapse::new();
    let params = json!({ "text": "x".repeat(3 << 20) });
    let echo = synapse.act("misbehave", "echo --json --params-file -").stdin(&params.to_string());
    assert_eq!(echo.run().code(0).document()["result"], params);
    let record = synapse.last_run();
    assert_eq!((&record["params"], &record["result"]), (&params, &params));
}

#[test]
fn commands_at_once_have_a_record_each() {
    let synapse = Synapse::new();
    let names: Vec<String> = (0..8).map(|number| format!("guest{number}")).collect();
    let running: Vec<_> = names
        .iter()
        .map(|name| synapse.act("greet", &format!("greet --json -P name={name}")).start())
        .collect();
    for (name, running) in names.iter().zip(running) {
        let document = running.wait().code(0).document();
        assert_eq!(document["result"]["message"], format!("Hello {name}!"));
        let id = document["run"]["id"].as_str().expect("an id");
        let record = synapse.call("run show --json").arg(id).run().code(0).document();
        assert_eq!(record["params"], json!({ "name": name }));
    }
    assert_eq!(synapse.runs(), 8);
}

#[test]
fn a_home_that_cannot_be_written_to_does_not_stop_a_run() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let call = Synapse::new().act("greet", "greet -P name=Ada").env("SYNAPSE_HOME", file.path());
    call.run().code(0).prints("message  Hello Ada!\n").says("runs cannot be recorded in");
}

#[test]
fn a_library_is_named_relative_to_the_current_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(library("greet"), folder.path().join("own.so")).expect("a copy");
    let synapse = Synapse::new();
    let call = synapse.call("plugin run own.so greet -P name=Ada --json").within(folder.path());
    assert_greets(call.run(), "Hello Ada!");
}

#[test]
fn help_and_version_are_results() {
    let synapse = Synapse::new();
    let help = synapse.call("plugin run --help").run().code(0);
    assert!(help.stdout.contains("Examples:") && help.stderr.is_empty(), "{help}");
    let version = synapse.call("--version").run().code(0);
    assert!(version.stdout.starts_with("synapse "), "{version}");
}
