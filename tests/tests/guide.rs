//! The commands of the guide and of its samples, run as they stand.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use synapse_host::{Mode, RunRequest, run_plugin};
use synapse_tests::{Nursery, Synapse, library, synapse, workspace};

/// The lines of a page's blocks of shell.
fn shell(page: &str) -> Vec<String> {
    let text = fs::read_to_string(workspace().join("docs/guide").join(page)).expect("the page");
    let blocks = text.split("```sh\n").skip(1).filter_map(|block| block.split("```").next());
    blocks.flat_map(str::lines).map(str::to_owned).collect()
}

/// Why a command is not run here.
const ELSEWHERE: [(&str, &str); 4] = [
    ("plugin create\n", "asks: tests of a terminal do"),
    ("cargo add", "fetches from a registry"),
    ("--watch", "does not end: its own tests do"),
    ("--release", "takes minutes: tests of bundles do"),
];

fn is_run_here(line: &str) -> bool {
    line.starts_with("synapse") && !ELSEWHERE.iter().any(|(part, _)| format!("{line}\n").contains(part))
}

#[test]
fn from_create_to_check_every_command_of_the_page_succeeds() {
    let nursery = Nursery::new("page");
    let programs = synapse().parent().expect("a folder");
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
    let run = |line: &str, folder: &Path| {
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", line]).current_dir(folder).env("PATH", &path);
        let target = programs.parent().expect("a folder");
        let done = shell.env("SYNAPSE_HOME", nursery.home()).env("CARGO_TARGET_DIR", target).output();
        let done = done.expect("a shell");
        assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
    };
    let lines: Vec<String> = shell("plugin-development.md").into_iter().filter(|l| is_run_here(l)).collect();
    let (create, others) = lines.split_first().expect("commands");
    assert!(create.contains("--code yolov8") && others.len() >= 7, "{lines:#?}");
    run(create, nursery.folder());
    let plugin = nursery.folder().join("plugins/synapse-yolov8-plugin");
    others.iter().for_each(|line| run(line, &plugin));
}

#[test]
fn the_samples_run_by_their_command() {
    let synapse = Synapse::new();
    let act = |words: &str| synapse.act("guide_samples", words);
    let train = act("train_loop --mode local --json --params").arg(r#"{"dataset": 123, "epochs": 5}"#);
    let result = train.run().code(0).document()["result"].clone();
    assert_eq!((&result["model_path"], &result["final_loss"]), (&json!("/models/best.pt"), &json!(0.05)));
    let debug = act("tell --mode local --debug").run().code(0).says("half of it is done");
    debug.says("batch");
    act("tell --mode local --no-debug").run().code(0).does_not_say("batch");
    // The store has no dataset 123, and says so.
    act("train -P dataset=123").run().code(4).says("the params name the dataset `123`");
}

#[test]
fn the_samples_run_from_a_program() {
    let params = json!({ "dataset": 123, "epochs": 10 });
    let request = || RunRequest::new(library("guide_samples"), "train_loop").params(&params);
    let outcome = run_plugin(request().mode(Mode::Local)).and_then(|run| run.result()).expect("it trains");
    let result: Value = outcome.read().expect("an object");
    assert_eq!(result["metrics"]["mAP50"], 0.92);
    // Endpoints are deployed, not run.
    let refused = run_plugin(request().mode(Mode::Serve)).err().expect("no run");
    assert!(refused.message().contains("`serve`"), "{refused}");
}

/// The texts between backticks.
fn words(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn names(map: &Value) -> BTreeSet<String> {
    map.as_object().expect("a map").keys().cloned().collect()
}

#[test]
fn the_table_of_keys_is_that_of_config_yaml() {
    let page = fs::read_to_string(workspace().join("docs/guide/plugin-development.md")).expect("the page");
    let schema = fs::read_to_string(workspace().join("docs/schemas/config.json")).expect("the schema");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let properties = &schema["properties"];
    let rows = page.split("| key | required | means |\n|---|---|---|\n").nth(1).expect("the table");
    let (mut of_plugin, mut of_action) = (BTreeSet::new(), BTreeSet::new());
    for row in rows.lines().take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let [keys, required, means] = cells[..] else { panic!("three cells, not {row}") };
        let keys = words(keys);
        for key in &keys {
            let is_required = schema["required"].as_array().is_some_and(|all| all.contains(&json!(key)));
            assert_eq!(required.trim(), if is_required { "yes" } else { "no" }, "{row}");
        }
        if let ([_], Some(choices)) = (&keys[..], properties[&keys[0]]["enum"].as_array()) {
            let choices =
                choices.iter().filter_map(Value::as_str).map(str::to_owned).collect::<BTreeSet<_>>();
            assert_eq!(words(means).into_iter().collect::<BTreeSet<_>>(), choices, "{row}");
        }
        match keys[0].strip_prefix("actions.X.") {
            Some(first) => of_action.extend([vec![first.to_owned()], keys[1..].to_vec()].concat()),
            None => of_plugin.extend(keys),
        }
    }
    assert_eq!(of_plugin, names(properties));
    assert_eq!(of_action, names(&properties["actions"]["additionalProperties"]["properties"]));
}
