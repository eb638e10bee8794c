//! Results that are kept for later runs.

use std::fs;

use serde_json::{Value, json};
use synapse_tests::Patched;

use super::Case;
use super::running::status;

#[test]
fn results_that_nothing_has_changed_are_taken_again() {
    let case = Case::new(
        "inputs: {start: 1}
nodes:
  kept: {plugin: LEADERBOARD, action: choose, params: {models: [a], scores: ['${inputs.start}']}}
",
    );
    let first = case.pipeline("run --json").run().code(0).document();
    let again = case.pipeline("run --json").run().code(0).document();
    assert_eq!((status(&first, "kept").as_str(), status(&again, "kept").as_str()), ("succeeded", "cached"));
    assert_eq!(first["result"], again["result"]);
    let other = case.pipeline("run --json -P start=2").run().code(0).document();
    assert_eq!(status(&other, "kept"), "succeeded");
    let all = case.pipeline("run --json --no-cache").run().code(0).document();
    assert_eq!(status(&all, "kept"), "succeeded");
    let listed = case.pipeline("cache list --json").run().code(0).document();
    assert_eq!(listed["results"].as_array().map(Vec::len), Some(2));
    assert_eq!(case.pipeline("cache clear --json").run().code(0).document()["removed"], 2);
    assert_eq!(status(&case.pipeline("run --json").run().code(0).document(), "kept"), "succeeded");
}

#[test]
fn what_files_hold_counts_and_not_when_they_were_written() {
    let case = Case::new("");
    let model = case.folder().join("model");
    let file =
        "nodes:\n  kept: {plugin: LEADERBOARD, action: choose, params: {models: [MODEL], scores: [1]}}\n";
    case.write(&file.replace("MODEL", &model.display().to_string()));
    let run = |held: &str| {
        fs::write(&model, held).expect("a file");
        status(&case.pipeline("run --json").run().code(0).document(), "kept")
    };
    assert_eq!(
        [run("one"), run("one"), run("other"), run("one")],
        ["succeeded", "cached", "succeeded", "cached"]
    );
}

#[test]
fn an_action_that_is_not_pure_is_kept_where_the_file_says_so_and_a_pure_one_not() {
    let case = Case::new(
        "nodes:
  asked: {plugin: GREET, action: greet, cache: true, params: {name: Ada}}
  not_asked: {plugin: GREET, action: greet, params: {name: Ada}}
  refused: {plugin: LEADERBOARD, action: choose, cache: false, params: {models: [a], scores: [1]}}
",
    );
    case.pipeline("run").run().code(0);
    let again = case.pipeline("run").run().code(0);
    again.says("asked cached");
    let document = case.pipeline("run --json").run().code(0).document();
    let of = |node: &str| status(&document, node);
    assert_eq!(["asked", "not_asked", "refused"].map(of), ["cached", "succeeded", "succeeded"]);
}

#[test]
fn a_plugin_that_was_built_anew_computes_again_and_so_do_other_params() {
    let case = Case::new("");
    let plugin = case.folder().join("libleaderboard.so");
    let mut library = Patched::library("leaderboard").bytes().to_vec();
    fs::write(&plugin, &library).expect("the library");
    let write = |scores: &str| {
        case.write(&format!(
            "nodes:\n  kept: {{plugin: ./libleaderboard.so, action: choose, params: {{models: [a], scores: {scores}}}}}\n"
        ));
    };
    let run = || -> Value {
        let document = case.pipeline("run --json").run().code(0).document();
        json!([status(&document, "kept"), document["result"]["kept"]["score"]])
    };
    write("[1]");
    assert_eq!(run(), json!(["succeeded", 1.0]));
    // Written otherwise, it means the same.
    write("[1.0]");
    assert_eq!(run(), json!(["cached", 1.0]));
    write("[2]");
    assert_eq!(run(), json!(["succeeded", 2.0]));
    library.extend(b"another build");
    fs::write(&plugin, library).expect("the library is written");
    assert_eq!(run(), json!(["succeeded", 2.0]));
}
