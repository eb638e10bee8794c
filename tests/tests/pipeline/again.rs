//! `synapse run rerun` of a pipeline's run, and what a resumed run remembers.

use std::fs;

use serde_json::{Value, json};
use synapse_tests::{Invocation, Patched, fits};

use super::Case;
use super::running::status;

const SUM: &str = "inputs: {start: 1}
nodes:
  a: {plugin: PIPED, action: mark, params: {file: LOG, name: a, start: '${inputs.start}'}}
  b: {plugin: PIPED, action: mark, params: {file: LOG, name: b, start: 0, add: ['${a.value}', 1]}}
output: ${b.value}
";

fn id(document: &Value) -> String {
    document["run"]["id"].as_str().expect("an id").to_owned()
}

#[test]
fn a_pipelines_run_is_run_again_whole_as_it_was_asked_for_from_anywhere() {
    let case = Case::logging(SUM);
    let first = case.pipeline("run --json -P start=5").run().code(0).document();
    let again = case.synapse.call("run rerun last --json").within("/").run().code(0);
    let document = again.document();
    fits(&document, "pipeline-run");
    assert_eq!((&document["result"], &first["result"]), (&json!(6), &json!(6)));
    assert_ne!(id(&document), id(&first));
    again
        .says(&format!("run {} again: pipeline pipeline.yaml, with the same inputs", id(&first)))
        .says(&format!("in {}, as then", case.folder().display()))
        .does_not_say("changed since")
        .does_not_say("something else");
    // All of it has run again, and the second is a run of its own.
    assert_eq!(case.log(), ["a 1", "b 1", "a 1", "b 1"]);
    let other = case.synapse.call("run rerun --json -P start=7 --isolated").arg(id(&first)).run().code(0);
    assert_eq!(other.document()["result"], 8);
}

#[test]
fn inputs_may_be_looked_at_before_and_wrong_ones_are_refused() {
    let case = Case::logging(SUM);
    case.pipeline("run --json -P start=5").run().code(0);
    let looked = case.synapse.call("run rerun last --dry-run --json").run().code(0).document();
    fits(&looked, "dry-run");
    assert_eq!(
        looked,
        json!({ "dry_run": { "pipeline": "pipeline", "nodes": 2 }, "params": { "start": 5 } })
    );
    case.synapse.call("run rerun last -P start=x").run().code(3).says("expected integer");
    assert_eq!(case.log().len(), 2);
}

#[test]
fn a_file_or_a_plugin_that_is_another_by_now_is_told_and_the_pipeline_is_run_as_it_was() {
    let case = Case::new("");
    let (plugin, log) = (case.folder().join("libpiped.so"), case.folder().join("log"));
    let mut library = Patched::library("piped").bytes().to_vec();
    fs::write(&plugin, &library).expect("the library");
    let text = SUM.replace("PIPED", "./libpiped.so").replace("LOG", &log.display().to_string());
    case.write(&text);
    case.pipeline("run").run().code(0);
    case.write(&text.replace("'${a.value}', 1]", "'${a.value}', 100]"));
    library.extend(b"another build");
    fs::write(&plugin, library).expect("the library is written");
    let again = case.synapse.call("run rerun last --json").run().code(0);
    assert_eq!(again.document()["result"], 2);
    again
        .says("warning: pipeline.yaml says something else by now: it is run as it was then")
        .says("warning: plugin `piped` has changed since: its library is ");
    assert_eq!(case.pipeline("run --json").run().code(0).document()["result"], 101);
}

#[test]
fn a_resumed_run_keeps_its_working_folder_and_variables() {
    let case = Case::new(
        "nodes:
  a: {plugin: PIPED, action: mark, params: {file: log, name: a, failures: 1}}
  b: {plugin: GREET, action: greet, needs: a, params: {name: Ada}}
output: ${b.message}
",
    );
    case.pipeline("run --env GREETING=Moin").run().code(1);
    let resumed = case.synapse.call("pipeline resume last --json").within("/").run().code(0);
    assert_eq!(resumed.document()["result"], "Moin Ada!");
    resumed.says(&format!("in {}, as then", case.folder().display()));
    assert_eq!(case.log(), ["a 1", "a 2"]);
    // What is given now goes before.
    case.pipeline("run --env GREETING=Moin").run().code(1);
    let resumed = case.pipeline("resume last --json --env GREETING=Servus").run().code(0);
    assert_eq!(resumed.document()["result"], "Servus Ada!");
}

#[test]
fn where_nodes_run_is_kept_unless_it_is_said_otherwise() {
    let case = Case::logging("nodes:\n  a: {plugin: PIPED, action: mark, params: {file: LOG, name: a}}\n");
    let nowhere = "--mode task --ray-address ray://127.0.0.1:9";
    let out_of_reach = |call: Invocation| {
        let error = call.run().code(6).error().to_string();
        assert!(error.contains("Ray cannot be reached at 127.0.0.1:9: "), "{error}");
    };
    out_of_reach(case.pipeline("run --json").words(nowhere));
    out_of_reach(case.pipeline("resume last --json").env("RAY_ADDRESS", "ray://127.0.0.1:10"));
    out_of_reach(case.synapse.call("run rerun last --json"));
    case.pipeline("resume last --mode local").run().code(0);
    assert_eq!(case.log().len(), 1);
    // A cluster that only the variable named is kept as well.
    let named = case.pipeline("run --json --mode task").env("RAY_ADDRESS", "ray://127.0.0.1:9");
    out_of_reach(named);
    out_of_reach(case.pipeline("resume last --json"));
}

#[test]
fn results_that_were_not_to_be_taken_from_earlier_runs_are_not_the_next_time_either() {
    let case = Case::new(
        "nodes:\n  kept: {plugin: LEADERBOARD, action: choose, params: {models: [a], scores: [1]}}\n",
    );
    let run = |call: Invocation| status(&call.run().code(0).document(), "kept");
    let again = || run(case.synapse.call("run rerun last --json"));
    assert_eq!(run(case.pipeline("run --json")), "succeeded");
    assert_eq!((run(case.pipeline("run --json")), again()), ("cached".into(), "cached".into()));
    assert_eq!(run(case.pipeline("run --json --no-cache")), "succeeded");
    assert_eq!(again(), "succeeded");
}
