//! The troubles an author meets first, each answered by its hint.

use std::fs;

use synapse_tests::{Synapse, workspace};

#[test]
fn no_config_leads_to_create_and_to_the_options_that_name_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let ended = Synapse::new().call("plugin run train").within(folder.path()).run().code(4);
    ended
        .says("Config file not found: no config.yaml in")
        .says("`synapse plugin create`")
        .says("--path")
        .says("--config");
}

#[test]
fn an_entrypoint_that_leads_nowhere_is_named_by_its_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config.yaml");
    let text = fs::read_to_string(workspace().join("examples/greet/config.yaml")).expect("a config");
    fs::write(&config, text.replace("greet::greet\n", "greet::gret\n")).expect("written");
    let ended = Synapse::new().act("greet", "greet -P name=Ada --config").arg(&config).run().code(4);
    ended
        .says("Action not found: greet: there is no `greet::gret` in the plugin")
        .says("check actions.greet.entrypoint in config.yaml; the code has greet::greet");
}

#[test]
fn malformed_params_are_answered_with_quoted_json() {
    let ended = Synapse::new().act("greet", "greet --params {name:Ada}").run().code(2);
    ended.says("--params is not JSON").says(r#"--params '{"key": "value"}'"#);
}

#[test]
fn clusters_and_backends_are_said_not_to_be_there() {
    for mode in ["task", "job", "remote"] {
        let ended = Synapse::new().act("greet", &format!("greet -P name=Ada --mode {mode}")).run().code(2);
        ended.says(&format!("`{mode}`")).says("--mode local");
    }
}

#[test]
fn ray_that_is_out_of_reach_is_told_how_to_start() {
    let ended = Synapse::new().call("doctor").env("RAY_ADDRESS", "ray://127.0.0.1:1").run().code(0);
    assert!(ended.stdout.contains("127.0.0.1:1 is out of reach"), "{ended}");
    assert!(ended.stdout.contains("`ray start --head`"), "{ended}");
}

#[test]
fn without_cargo_a_folder_cannot_be_built() {
    let greet = workspace().join("examples/greet");
    let ended =
        Synapse::new().call("plugin run greet").within(greet).env("PATH", "/nowhere").env("CARGO", "");
    ended
        .run()
        .code(1)
        .says("there is no program")
        .says("install Rust")
        .says("or run a plugin that is already built");
}
