//! `synapse run list` and `run show` of pipelines, what they print for programs,
//! and what a person is spared.

use std::fs;

use serde_json::{Value, json};
use synapse_tests::{Bundled, Generated, fits};

use super::{Case, example};

const TWO: &str = "inputs: {start: 7}
nodes:
  a: {plugin: PIPED, action: mark, params: {file: LOG, name: a, start: '${inputs.start}'}}
  b: {plugin: PIPED, action: mark, for_each: [1, 2], params: {file: LOG, name: 'b${index}', add: ['${a.value}']}}
";

/// Where an attempt fails, one element of a fan-out does.
const FAILS: &str = "nodes:
  each: {plugin: PIPED, action: mark, for_each: [1, 2], params: {file: LOG, name: 'e${index}'}}
  last: {plugin: PIPED, action: mark, params: {file: LOG, name: last, add: '${each.value}', failures: 1}}
";

#[test]
fn runs_of_pipelines_stand_among_the_others() {
    let case = Case::logging(TWO);
    case.pipeline("run").run().code(0);
    case.synapse.act("greet", "greet -P name=Ada").run().code(0);
    let all = case.synapse.call("run list --json").run().code(0).document();
    fits(&all, "run-list");
    // Of two runs that begin within a second either may stand first.
    let runs = all["runs"].as_array().expect("runs");
    let of_pipeline = runs.iter().find(|run| run["kind"] == "pipeline").expect("the pipeline's run");
    assert_eq!((runs.len(), &of_pipeline["pipeline"]), (2, &json!("pipeline")), "{all}");
    let only = |words: &str| {
        let listed = case.synapse.call("run list --json").words(words).run().code(0).document();
        listed["runs"].as_array().map(Vec::len)
    };
    assert_eq!(
        [only("--kind pipeline"), only("--kind plugin"), only("--plugin greet"), only("--status failed")],
        [Some(1), Some(1), Some(1), Some(0)]
    );
    assert_eq!(only("--limit 1"), Some(1));
    let table = case.synapse.call("run list --kind pipeline").run().code(0);
    assert!(table.stdout.contains("succeeded") && table.stdout.contains("(pipeline)"), "{table}");
}

#[test]
fn a_pipelines_run_is_shown_with_its_nodes() {
    let case = Case::logging(TWO);
    case.pipeline("run -P start=5").run().code(0);
    let shown = case.synapse.call("run show last --json").run().code(0).document();
    fits(&shown, "run-show-pipeline");
    assert_eq!(shown["inputs"], json!({ "start": 5 }));
    let nodes = shown["nodes"].as_array().expect("nodes");
    let names: Vec<&Value> = nodes.iter().map(|node| &node["name"]).collect();
    assert_eq!(names.len(), 3, "{shown}");
    assert!(names.iter().all(|name| ["a", "b[0]", "b[1]"].contains(&name.as_str().expect("a name"))));
    assert_eq!(nodes[0]["result"]["value"], 5);
    let text = case.synapse.call("run show last").run().code(0);
    for part in ["pipeline  pipeline", "status    succeeded", "b[1]"] {
        assert!(text.stdout.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_failed_run_is_shown_with_why_and_followed_to_its_exit_code() {
    let case = Case::logging(FAILS);
    let failed = case.pipeline("run").run().code(1);
    assert!(failed.stderr.contains("node `last` failed"), "{failed}");
    for spared in ["\"nodes\"", "nodes:", "details:", "run:"] {
        assert!(!failed.stderr.contains(spared), "{spared} is for programs: {failed}");
    }
    let shown = case.synapse.call("run show last --json").run().code(0).document();
    assert_eq!(shown["run"]["status"], "failed");
    let last = shown["nodes"].as_array().expect("nodes").iter().find(|node| node["name"] == "last");
    assert_eq!(last.expect("the node")["error"]["message"], "last is not ready");
    let followed = case.synapse.call("run show last --follow").run().code(1);
    followed.says("node `last` failed").says("synapse pipeline resume");

    let resumed = case.pipeline("resume last --json").run().code(0).document();
    let each = &resumed["nodes"][0];
    assert_eq!((&each["status"], &each["attempts"]), (&json!("kept"), &json!(1)), "{resumed}");
    case.synapse.call("run show last --follow").run().code(0).says("each[0] succeeded");
}

#[test]
fn a_run_that_goes_on_is_followed_to_its_end() {
    let case = Case::logging(
        "nodes:
  a: {plugin: PIPED, action: mark, params: {file: LOG, name: a, sleep: 4000}}
  b: {plugin: PIPED, action: mark, params: {file: LOG, name: b, add: ['${a.value}']}}
",
    );
    let mut running = case.pipeline("run").start();
    running.until_it_says("a started");
    let going_on = case.synapse.call("run list --json").run().code(0).document();
    assert_eq!(going_on["runs"][0]["status"], "running");
    fits(&going_on, "run-list");
    let followed = case.synapse.call("run show last --follow --json").run().code(0);
    assert_eq!(followed.document()["run"]["status"], "succeeded");
    let told = followed.events();
    let of = |status: &str| {
        told.iter().any(|event| {
            event["data"]
                == json!({ "node": "a", "status": status,
        "attempt": 1, "ms": event["data"]["ms"] })
        })
    };
    assert!(of("running") && of("succeeded"), "{told:?}");
    running.wait().code(0);
}

#[test]
fn what_programs_read_of_pipelines_keeps_its_shape() {
    let case = Case::logging(TWO);
    fits(&case.pipeline("check --json").run().code(0).document(), "pipeline-check");
    fits(&case.pipeline("check --json").arg(example()).run().code(0).document(), "pipeline-check");
    fits(&case.pipeline("graph --json").arg(example()).run().code(0).document(), "pipeline-graph");
    fits(&case.pipeline("run --json").run().code(0).document(), "pipeline-run");
    let failing = Case::logging(FAILS);
    let error = failing.pipeline("run --json").run().code(1).error();
    fits(&json!({ "error": error }), "error");
    fits(
        &json!({ "run": error["details"]["run"], "nodes": error["details"]["nodes"], "result": null }),
        "pipeline-run",
    );
    fits(&failing.pipeline("resume last --json").run().code(0).document(), "pipeline-run");
    let pure = Case::new(
        "nodes:\n  kept: {plugin: LEADERBOARD, action: choose, params: {models: [a], scores: [1]}}\n",
    );
    pure.pipeline("run").run().code(0);
    fits(&pure.pipeline("cache list --json").run().code(0).document(), "pipeline-cache-list");
}

#[test]
fn nodes_share_the_folders_of_their_run() {
    let case = Case::new(
        "nodes:
  one: {plugin: PIPED, action: share, params: {folder: models, name: a}}
  two: {plugin: PIPED, action: share, needs: one, isolated: true, params: {folder: models, name: b}}
",
    );
    let document = case.pipeline("run --json").run().code(0).document();
    assert_eq!(document["result"]["two"], json!(["a", "b"]));
    let work = format!("{}/work/models", document["run"]["folder"].as_str().expect("a folder"));
    assert!(fs::read_dir(work).expect("the shared folder").count() == 2);
}

#[test]
fn a_node_may_be_a_bundle_or_an_installed_plugin() {
    let bundled = Bundled::of("greet");
    let case = Case::new(&format!(
        "nodes:
  from_bundle: {{plugin: {}, action: greet, params: {{name: Ada}}}}
  by_code: {{plugin: greet, action: greet, params: {{name: '${{from_bundle.message}}'}}}}
",
        bundled.bundle().display()
    ));
    let missing = case.pipeline("check").run().code(3);
    assert!(missing.stderr.contains("plugin `greet`"), "{missing}");
    case.synapse.call("plugin install --trust").arg(bundled.bundle()).run().code(0);
    let document = case.pipeline("run --json").run().code(0).document();
    assert_eq!(document["result"]["by_code"]["message"], "Hello Hello Ada!!");
}

#[test]
fn a_plugin_that_does_not_compile_fails_the_check_as_a_build() {
    let source = "use synapse_sdk::prelude::*;\n\n#[action]\npub fn x(_: (), _: &Context) -> Result<()> {\n    \
                  Ok(nothing)\n}\n\nsynapse_sdk::export_plugin!(x);\n";
    let broken = Generated::new("broken_node", source);
    let case = Case::new(&format!(
        "nodes:\n  a: {{plugin: {}, action: x}}\n  b: {{plugin: GREET, action: gret, params: {{name: Ada}}}}\n",
        broken.folder().display()
    ));
    let check = broken.call(&case.synapse, "pipeline check --json").within(case.folder());
    let error = check.run().code(1).error();
    assert_eq!(error["kind"], "build");
    let problems = error["details"].as_array().expect("problems");
    assert_eq!(problems.len(), 2, "{error}");
    assert!(problems[1]["message"].as_str().expect("a message").contains("did you mean `greet`?"), "{error}");
}

#[test]
fn what_is_wrong_with_the_file_and_with_its_plugins_is_told_at_once() {
    let case = Case::new(
        "nodes:
  a: {plugin: GREET, action: greet, prams: {name: Ada}}
  b: {plugin: GREET, action: gret, params: {name: Ada}}
  c: {plugin: GREET, action: greet, params: {nam: Ada, name: Bob}}
",
    );
    let error = case.pipeline("check --json").run().code(3).error();
    let problems: Vec<&str> = error["details"]
        .as_array()
        .expect("problems")
        .iter()
        .filter_map(|one| one["message"].as_str())
        .collect();
    assert_eq!(problems.len(), 3, "{problems:#?}");
    for (problem, part) in problems.iter().zip(["prams", "no action `gret`", "takes no `nam`"]) {
        assert!(problem.contains(part), "{part} is not in {problem}");
    }
}
