//! `synapse pipeline run`: what runs, in what order, and what becomes of the
//! rest when something fails.

use std::fs;

use serde_json::{Value, json};

use super::{Case, example};

/// A node that notes its name in `log`.
fn mark(name: &str, more: &str) -> String {
    format!("  {name}: {{plugin: PIPED, action: mark, {more}}}\n")
}

fn params(name: &str, more: &str) -> String {
    format!("params: {{file: LOG, name: {name}{more}}}")
}

impl Case {
    /// A pipeline whose nodes note in a file what they do.
    fn marking(head: &str, nodes: &[String]) -> Self {
        let case = Self::new("");
        let log = case.folder().join("log").display().to_string();
        case.write(&format!("{head}nodes:\n{}", nodes.concat()).replace("LOG", &log));
        case
    }

    /// What was noted, in order.
    pub(super) fn log(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder().join("log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

pub(super) fn status(document: &Value, node: &str) -> String {
    let nodes = document["nodes"].as_array().expect("nodes");
    let node = nodes.iter().find(|one| one["name"] == node).expect("the node is told");
    node["status"].as_str().expect("a status").to_owned()
}

#[test]
fn values_flow_along_the_graph_and_what_nobody_gives_comes_by_name() {
    let case = Case::marking(
        "inputs: {start: 1, more: [10, 20]}\n",
        &[
            mark("first", &params("first", "")),
            mark(
                "each",
                &format!(
                    "for_each: '${{inputs.more}}', {}",
                    params("e${index}", ", start: '${item}', add: ['${first.value}']")
                ),
            ),
            mark("sum", &params("sum", ", start: 0, add: '${each.value}'")),
        ],
    );
    let ran = case.pipeline("run --json -P start=5").run().code(0);
    let document = ran.document();
    // 5; 10 + 5 and 20 + 5; and their sum.
    assert_eq!(document["result"], json!({ "sum": { "value": 40, "attempt": 1, "saved": null } }));
    assert_eq!(document["nodes"][1]["items"], 2);
    let mut log = case.log();
    log[1..3].sort();
    assert_eq!(log, ["first 1", "e0 1", "e1 1", "sum 1"]);
    let told = ran.events();
    assert!(
        told.iter().any(|event| event["event"] == "node" && event["data"]["status"] == "succeeded"),
        "{told:?}"
    );
}

#[test]
fn branches_that_are_not_taken_are_skipped_and_joined_again() {
    let case = Case::marking(
        "inputs: {high: false}\n",
        &[
            mark("a", &params("a", ", start: 3")),
            mark(
                "up",
                &format!("if: '${{inputs.high}} and ${{a.value}} > 2', {}", params("up", ", start: 100")),
            ),
            mark("down", &format!("if: 'not ${{inputs.high}}', {}", params("down", ", start: '${a.value}'"))),
            mark("after_up", &params("after_up", ", start: '${up.value}'")),
            mark("join", &params("join", ", add: ['${up.value ?? down.value}']")),
        ],
    );
    let down = case.pipeline("run --json").run().code(0).document();
    assert_eq!(down["result"]["join"]["value"], 3);
    assert_eq!(
        ["up", "after_up", "down"].map(|node| status(&down, node)),
        ["skipped", "skipped", "succeeded"]
    );
    let up = case.pipeline("run --json -P high=true").run().code(0).document();
    assert_eq!(
        (&up["result"]["join"]["value"], &up["result"]["after_up"]["value"]),
        (&json!(100), &json!(100))
    );
}

#[test]
fn a_failure_stops_the_rest_or_only_what_needs_it() {
    let nodes = [
        mark("bad", &params("bad", ", failures: 9")),
        mark("after", &format!("needs: bad, {}", params("after", ""))),
        mark("slow", &params("slow", ", sleep: 300")),
        mark("last", &format!("needs: slow, {}", params("last", ""))),
    ];
    let stopped = Case::marking("", &nodes);
    let error = stopped.pipeline("run --json --jobs 2").run().code(1).error();
    assert_eq!(error["message"], "node `bad` failed");
    assert!(error["hint"].as_str().expect("a hint").contains("synapse pipeline resume"), "{error}");
    let of = |node: &str| status(&error["details"], node);
    assert_eq!(["bad", "after", "last"].map(of), ["failed", "not_run", "not_run"]);
    // Whether it had begun when the other failed is for the machine to say.
    assert!(["cancelled", "not_run"].contains(&of("slow").as_str()), "{error}");

    let continued = Case::marking("on_failure: continue\n", &nodes);
    let error = continued.pipeline("run --json --jobs 2").run().code(1).error();
    let of = |node: &str| status(&error["details"], node);
    assert_eq!(["bad", "after", "slow", "last"].map(of), ["failed", "not_run", "succeeded", "succeeded"]);
}

#[test]
fn nodes_are_tried_again_and_know_which_attempt_it_is() {
    let case = Case::marking(
        "",
        &[mark(
            "flaky",
            &format!("retry: {{attempts: 3, backoff: 1ms}}, {}", params("flaky", ", failures: 2")),
        )],
    );
    let document = case.pipeline("run --json").run().code(0).document();
    assert_eq!(document["result"]["flaky"], json!({ "value": 0, "attempt": 3, "saved": "flaky" }));
    assert_eq!(case.log(), ["flaky 1", "flaky 2", "flaky 3"]);
    let only = Case::marking(
        "",
        &[mark(
            "flaky",
            &format!("retry: {{attempts: 3, on: [panic]}}, {}", params("flaky", ", failures: 2")),
        )],
    );
    only.pipeline("run").run().code(1);
    assert_eq!(only.log(), ["flaky 1"]);
}

#[test]
fn panics_crashes_and_time_outs_end_their_node_and_not_the_host() {
    let node = |how: &str, more: &str| {
        let case =
            Case::marking("", &[mark("bad", &format!("{more}, {}", params("bad", &format!(", {how}"))))]);
        let error = case.pipeline("run --json").run().code(1).error();
        (error["kind"].as_str().expect("a kind").to_owned(), status(&error["details"], "bad"))
    };
    assert_eq!(node("how: panic", "timeout: 60s"), ("panic".into(), "failed".into()));
    assert_eq!(node("how: abort", "isolated: true"), ("worker_crashed".into(), "crashed".into()));
    assert_eq!(node("sleep: 60000", "timeout: 100ms"), ("timed_out".into(), "timed_out".into()));
    assert_eq!(
        node("sleep: 60000", "isolated: true, timeout: 300ms"),
        ("timed_out".into(), "timed_out".into())
    );
    assert_eq!(node("how: hang", "timeout: 100ms"), ("timed_out".into(), "timed_out".into()));
}

#[test]
fn what_was_done_is_undone_in_reverse_where_that_is_asked_for() {
    let undone = |name: &str, more: &str| mark(name, &format!("rollback: undo, {more}{}", params(name, "")));
    let case = Case::marking(
        "rollback: true\n",
        &[
            undone("a", ""),
            undone("stays", "needs: a, "),
            undone("c", "needs: stays, "),
            mark("bad", &format!("needs: c, {}", params("bad", ", failures: 9"))),
        ],
    );
    let error = case.pipeline("run --json").run().code(1).error();
    assert_eq!(case.log(), ["a 1", "stays 1", "c 1", "bad 1", "-c", "-a"]);
    assert!(
        error["hint"].as_str().expect("a hint").contains("not rolled back: `stays` (it stays)"),
        "{error}"
    );
    assert_eq!(error["details"]["nodes"][0]["rolled_back"], true);
}

#[test]
fn what_undoes_a_node_is_given_what_the_node_was() {
    let case = Case::new(
        "rollback: true
nodes:
  a: {plugin: PIPED, action: mark, rollback: undo, params: {file: '${run.dir}/logs/log', name: a}}
  each: {plugin: PIPED, action: mark, needs: a, for_each: [x, y], rollback: undo,
         params: {file: '${run.dir}/logs/log', name: 'each-${item}'}}
  bad: {plugin: PIPED, action: mark, needs: each, params: {file: '${run.dir}/logs/log', name: bad, failures: 9}}
",
    );
    let error = case.pipeline("run --json --jobs 1").run().code(1).error();
    let folder = error["details"]["run"]["folder"].as_str().expect("a folder");
    let log = fs::read_to_string(format!("{folder}/work/logs/log")).expect("the log");
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines, ["a 1", "each-x 1", "each-y 1", "bad 1", "-each-y", "-each-x", "-a"]);
}

#[test]
fn a_fan_out_over_nothing_gives_nothing_and_over_no_list_fails() {
    let each = mark("each", &format!("for_each: '${{inputs.list}}', {}", params("x", "")));
    let case = Case::marking("inputs: {list: {type: array}}\n", std::slice::from_ref(&each));
    assert_eq!(
        case.pipeline("run --json -P list=[]").run().code(0).document()["result"],
        json!({ "each": [] })
    );
    let error = case.pipeline("run --json -P list=3").run().code(3).error();
    assert_eq!(error["details"][0]["pointer"], "/list");
    let missing = case.pipeline("run --json").run().code(3).error();
    assert!(missing["message"].as_str().expect("a message").contains("give it with -P list=…"), "{missing}");
    let free = Case::marking("inputs: {list: {}}\n", &[each]);
    free.pipeline("run --params {\"list\":3}")
        .run()
        .code(3)
        .says("`for_each` of node `each` is no list, but 3");
}

#[test]
fn only_so_many_elements_of_a_fan_out_run_at_once() {
    let each = mark(
        "each",
        &format!("for_each: [1, 2, 3, 4], concurrency: 1, {}", params("'n${item}'", ", sleep: 5")),
    );
    let case = Case::marking("", &[each]);
    case.pipeline("run --jobs 4").run().code(0);
    assert_eq!(case.log(), ["n1 1", "n2 1", "n3 1", "n4 1"]);
}

#[test]
fn a_node_has_its_own_mode_limits_and_variables() {
    let case = Case::new(
        "nodes:
  bound: {plugin: MISBEHAVE, action: limits, mode: isolated, resources: {cpus: 1, memory: 1GB, open_files: 700}}
  own: {plugin: MISBEHAVE, action: variable, params: {name: WHO}, env: {WHO: node}}
  shared: {plugin: MISBEHAVE, action: variable, params: {name: WHO}, isolated: true}
output: ['${bound}', '${own.run}', '${shared.run}']
",
    );
    let result = case.pipeline("run --json --env WHO=run").run().code(0).document()["result"].clone();
    let limits = json!({ "cores": 1, "open_files": "700", "data": "1073741824" });
    assert_eq!(result, json!([limits, "node", "run"]));
}

#[test]
fn an_interrupt_reaches_workers_too_and_what_ignores_it_is_ended_by_the_second() {
    let case = Case::marking(
        "",
        &[
            mark("asks", &format!("isolated: true, {}", params("asks", ", sleep: 60000"))),
            mark("hangs", &format!("isolated: true, {}", params("hangs", ", how: hang"))),
        ],
    );
    let mut running = case.pipeline("run --jobs 2").start();
    running.until_it_says("hangs started");
    running.until_it_says("asks started");
    running.signal(libc::SIGINT);
    running.until_it_says("stopping; once more ends it at once");
    running.signal(libc::SIGINT);
    let ended = running.wait().code(130);
    assert!(ended.stderr.contains("cancelled"), "{ended}");
}

#[test]
fn an_interrupt_stops_the_whole_graph() {
    let nodes: Vec<String> =
        (0..6).map(|n| mark(&format!("n{n}"), &params(&format!("n{n}"), ", sleep: 60000"))).collect();
    let case = Case::marking("", &nodes);
    let mut running = case.pipeline("run --jobs 2").start();
    running.until_it_says("n1 started");
    running.signal(libc::SIGINT);
    running.wait().code(130).says("stopping; once more ends it at once").says("synapse pipeline resume");
    assert_eq!(case.log().len(), 2);
}

#[test]
fn the_example_runs_both_its_branches() {
    let case = Case::new("");
    let good = case
        .pipeline("run --json -P learning_rates=[0.1] -P epochs=2")
        .arg(example())
        .run()
        .code(0)
        .document();
    assert_eq!([status(&good, "evaluate"), status(&good, "train_longer")], ["succeeded", "skipped"]);
    assert!(good["result"]["accuracy"].as_f64().is_some_and(|accuracy| accuracy > 0.9), "{good}");
    let words = "run --json -P learning_rates=[0.1] -P epochs=2 -P wanted=1";
    let longer = case.pipeline(words).arg(example()).run().code(0).document();
    assert_eq!([status(&longer, "evaluate"), status(&longer, "train_longer")], ["skipped", "succeeded"]);
}
