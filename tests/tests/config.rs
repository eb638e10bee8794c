//! What a person is told of a config.yaml that is not right, and what an editor
//! is given to write one.

use std::fs;
use std::path::Path;

use serde_json::Value;
use synapse_tests::{Ended, Synapse, workspace};
use tempfile::TempDir;

const GOOD: &str = "name: A\ncode: a\nversion: 0.1.0\ncategory: custom\nactions: {run: m.run}\n";

/// A folder with this config.yaml and nothing else.
fn folder(config: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("config.yaml"), config).expect("a config");
    folder
}

fn run_in(folder: &Path) -> Ended {
    Synapse::new().call("plugin run run --path").arg(folder).run()
}

/// The config is refused, and all of `told` is said of it.
#[track_caller]
fn refused(config: &str, told: &[&str]) {
    let folder = folder(config);
    let mut ended = run_in(folder.path()).code(3);
    for text in told {
        ended = ended.says(text);
    }
}

#[test]
fn a_config_that_is_no_yaml_is_refused_at_its_line() {
    refused("", &["config.yaml:1:1", "the file is empty", "name, code, version, category and actions"]);
    refused(
        &GOOD.replace("actions: {run: m.run}", "actions:\n\trun: m.run"),
        &["config.yaml:6:1", "a tab indents this line", "only spaces"],
    );
    refused(&format!("{GOOD}code: b\n"), &["config.yaml:6:1", "`code` is given twice, first on line 2"]);
}

#[test]
fn each_required_key_that_is_missing_is_asked_for() {
    for (index, key) in ["name", "code", "version", "category", "actions"].iter().enumerate() {
        let lines = GOOD.lines().enumerate().filter(|(line, _)| *line != index);
        let without: String = lines.map(|(_, line)| format!("{line}\n")).collect();
        refused(&without, &[&format!("the key `{key}` is missing"), &format!("`{key}: ")]);
    }
}

#[test]
fn wrong_types_and_words_are_refused_with_a_better_one() {
    refused(
        &GOOD.replace("0.1.0", "1.0"),
        &["config.yaml:3:10", "YAML reads 1.0 as a number", "in quotes: \"1.0.0\""],
    );
    refused(&GOOD.replace("code: a", "code: My Plugin"), &["config.yaml:2:7", "for example `my-plugin`"]);
    refused(&GOOD.replace("custom", "costum"), &["config.yaml:4:11", "did you mean `custom`?"]);
    refused(
        &GOOD.replace("m.run}", "{entrypoint: m.run, method: jb}}"),
        &["actions.run.method", "did you mean `job`?"],
    );
    refused(&format!("{GOOD}tags: ships\n"), &["config.yaml:6:7", "expected a list, found text", "[ships]"]);
}

#[test]
fn every_problem_is_told_at_once_to_programs_as_well() {
    let folder = folder("name: no\ncode: B C!\nversion: 0.1.0\nactions: {}\n");
    let ended = Synapse::new().call("plugin run run --json --path").arg(folder.path()).run().code(3);
    let error = ended.error();
    assert_eq!(error["kind"], "validation");
    let details = error["details"].as_array().expect("a list");
    let keys: Vec<&Value> = details.iter().map(|detail| &detail["given"]).collect();
    assert_eq!(keys, ["category", "name", "code", "actions"]);
    assert!(
        details.iter().all(|detail| detail["pointer"].as_str().is_some_and(|p| p.contains("config.yaml:")))
    );
}

#[test]
fn the_schema_for_editors_is_printed_as_it_is_published() {
    let printed = Synapse::new().call("plugin schema").run().code(0);
    let published = fs::read_to_string(workspace().join("docs/schemas/config.json")).expect("the schema");
    assert_eq!(printed.stdout, published);
    let line = Synapse::new().call("plugin schema --json").run().code(0);
    assert_eq!(line.document(), printed.document());
}
