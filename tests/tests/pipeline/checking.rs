//! `synapse pipeline check`, `graph` and `schema`.

use serde_json::Value;
use synapse_sdk::schema::Schema;
use synapse_tests::workspace;

use super::{Case, example};

/// Checks a file and gives `line: what is wrong` of each problem.
fn problems(text: &str) -> Vec<String> {
    let ended = Case::new(text).pipeline("check --json").run().code(3);
    let details = ended.error()["details"].clone();
    let all = details.as_array().expect("the problems").iter();
    all.map(|one| {
        let line = one["pointer"].as_str().expect("a place").split(':').nth(1).unwrap_or_default().to_owned();
        format!("{line}: {}", one["message"].as_str().expect("a message"))
    })
    .collect()
}

#[track_caller]
fn assert_problems(text: &str, expected: &[&str]) {
    let found = problems(text);
    for part in expected {
        let matches = |line: &&String| part.split(" … ").all(|piece| line.contains(piece));
        assert_eq!(found.iter().filter(matches).count(), 1, "`{part}` once in\n{}", found.join("\n"));
    }
    assert_eq!(found.len(), expected.len(), "{}", found.join("\n"));
}

#[test]
fn every_mismatch_of_fields_and_types_is_told_at_once_with_its_line() {
    assert_problems(
        "inputs:
  models: not a list
  unused: 3
nodes:
  choose:
    plugin: LEADERBOARD
    action: choose
    params: {scores: [x]}
  report:
    plugin: LEADERBOARD
    action: report
    params: {model: ${choose.modle}, accuracy: ${choose.model}, acuracy: 1}
  greet:
    plugin: GREET
    action: greet
    params: {formal: maybe}
",
        &[
            "3: warning: inputs.unused",
            "5:  … `models` of `choose` … takes array, but the input `models` is string",
            "8:  … nodes.choose.params.scores … expected a number",
            "12:  … there is no `modle` in the result of `choose` … did you mean `model`?",
            "12:  … `accuracy` of `report` … takes number, but `${choose.model}` … is string",
            "12:  … takes no `acuracy` … did you mean `accuracy`?",
            "13:  … needs `name` (string), which nothing gives",
            "16:  … expected true or false, not \"maybe\"",
        ],
    );
}

#[test]
fn what_is_named_and_not_there_has_its_neighbour_named() {
    assert_problems(
        "inputs: {epochs: 3}
nodes:
  a: {plugin: GREET, action: gret, needs: [greter], needed: [b]}
  b: {plugin: nowhere/at/all, action: greet, params: {name: ${inputs.epoch}}, if: '${a.x} >'}
  run: {plugin: GREET, action: greet}
  c: {plugin: GREET, action: greet, params: {name: ${item}}, mode: locale, retry: {attempts: 0, on: [tired]}}
  greeter: {action: greet}
",
        &[
            "3: nodes.a.needs … there is no node `greter` … did you mean `greeter`?",
            "3: nodes.a.needed … is unknown … did you mean `needs`?",
            "3: nodes.a.action … no action `gret` … did you mean `greet`?",
            "4: nodes.b.plugin … nowhere/at/all",
            "4: nodes.b.params.name … no input `epoch` … did you mean `epochs`?",
            "4: nodes.b.if: a value is missing",
            "5: nodes.run … `run` cannot be a name here",
            "6: nodes.c.mode … did you mean `local`?",
            "6: nodes.c.params.name … only in a node with `for_each`",
            "6: nodes.c.retry.attempts … a whole number from 1 on",
            "6: nodes.c.retry.on[0] … `tired`",
            "7: nodes.greeter.plugin … missing",
        ],
    );
    assert_problems(
        "nodes:
  a: {plugin: GREET, action: gret}
  b: {plugin: nowhere/at/all, action: greet}
  c: {plugin: nowhere/at/all, action: greet}
",
        &[
            "2: nodes.a.action … no action `gret` … did you mean `greet`?",
            "3: nodes.b.plugin … nowhere/at/all",
        ],
    );
}

#[test]
fn cycles_duplicates_and_fan_outs_over_no_list_are_refused() {
    assert_problems(
        "nodes:
  a: {plugin: GREET, action: greet, params: {name: x}, needs: c}
  b: {plugin: GREET, action: greet, params: {name: ${a.message}}}
  c: {plugin: GREET, action: greet, params: {name: x}, needs: [b]}
",
        &["2: nodes.a: a cycle: a → b → c → a"],
    );
    assert_problems(
        "nodes:
  a: {plugin: GREET, action: greet, params: {name: x}}
  a: {plugin: GREET, action: greet, params: {name: y}}
",
        &["3: nodes.a: the key `a` is given twice"],
    );
    assert_problems(
        "inputs: {names: Ada}
nodes:
  a: {plugin: GREET, action: greet, params: {name: ${item}}, for_each: ${inputs.names}}
  b: {plugin: GREET, action: greet, params: {name: ${item}}, for_each: Ada}
  c: {plugin: GREET, action: greet, params: {name: ${item}}, for_each: []}
  d: {plugin: GREET, action: greet, params: {name: never}, if: false}
",
        &[
            "3: nodes.a.for_each: `${inputs.names}` is no list, but string",
            "4: nodes.b.for_each: expected a list",
            "5: warning: nodes.c.for_each: the list is empty",
            "6: warning: nodes.d.if: the node is never reached",
        ],
    );
}

#[test]
fn a_field_that_two_nodes_give_has_to_be_chosen_and_an_input_in_its_place_is_warned_about() {
    assert_problems(
        "inputs: {name: Ada, model: m, accuracy: 1}
nodes:
  one: {plugin: LEADERBOARD, action: choose, params: {models: [a], scores: [1]}}
  two: {plugin: LEADERBOARD, action: choose, params: {models: [b], scores: [1]}}
  report: {plugin: LEADERBOARD, action: report, needs: [one, two]}
  greet: {plugin: GREET, action: greet}
",
        &[
            "5: nodes.report.params: `model` of `report` … is given by `one` … and by `two` … say which",
            "5: warning: nodes.report.params: `model` of `report` … in place of the input of that name",
        ],
    );
}

#[test]
fn data_of_another_kind_is_refused_and_a_conversion_offered() {
    let typed = |action: &str| format!("{{plugin: PIPED, action: {action}, params: {{data: ${{a.data}}}}}}");
    let file = |from: &str, to: &str| {
        format!("nodes:\n  a: {{plugin: PIPED, action: {from}}}\n  b: {}\n", typed(to))
    };
    assert_problems(
        &file("gives_coco", "takes_yolo"),
        &[
            "3: nodes.b … expects `yolo_dataset`, but `a` … gives `coco_dataset` … `coco_to_yolo` of `piped` converts it",
        ],
    );
    assert_problems(
        &file("gives_any", "takes_yolo"),
        &["3: nodes.b … expects `yolo_dataset` … gives `dataset`, which is more general … `narrow: true`"],
    );
    let narrowed = file("gives_any", "takes_yolo").replace("takes_yolo,", "takes_yolo, narrow: true,");
    Case::new(&narrowed).pipeline("check").run().code(0);
    Case::new(&file("gives_coco", "takes_any")).pipeline("check").run().code(0);
}

#[test]
fn the_example_fits_together_and_is_drawn() {
    let case = Case::new("");
    let checked = case.pipeline("check --json").arg(example()).run().code(0).document();
    assert_eq!((&checked["pipeline"]["nodes"], &checked["warnings"]), (&5.into(), &Value::Array(vec![])));
    let drawn = case.pipeline("graph").arg(example()).run().code(0);
    assert_eq!(
        drawn.stdout,
        "digits
● train  classifier train  × inputs.learning_rates
└─ ● choose  leaderboard choose
   ├─ ● evaluate  classifier evaluate  if …
   └─ ● train_longer  classifier train  if …
      └─ ● report  leaderboard report  (after choose, evaluate too)
"
    );
    let svg = case.pipeline("graph --format svg").arg(example()).run().code(0).stdout;
    assert!(svg.starts_with("<svg ") && svg.matches("font-weight").count() == 5, "{svg}");
    let long = "a_name_that_is_longer_than_its_box";
    let wide =
        Case::new(&format!("nodes:\n  {long}: {{plugin: GREET, action: greet, params: {{name: Ada}}}}\n"));
    let svg = wide.pipeline("graph --format svg").run().code(0).stdout;
    assert!(svg.contains(">a_name_that_is_lon…<"), "{svg}");
    let mermaid = case.pipeline("graph --format mermaid").arg(example()).run().code(0).stdout;
    assert!(mermaid.contains("n0[[\"train<br/>") && mermaid.contains("n0 --> n1"), "{mermaid}");
    let graph = case.pipeline("graph --json").arg(example()).run().code(0).document();
    assert_eq!(graph["edges"].as_array().map(Vec::len), Some(6));
}

#[test]
fn the_schema_for_editors_takes_the_example_and_no_unknown_key() {
    let printed = Case::new("").pipeline("schema").run().code(0).document();
    let kept = std::fs::read_to_string(workspace().join("docs/schemas/pipeline.json")).expect("the schema");
    assert_eq!(
        printed,
        serde_json::from_str::<Value>(&kept).expect("it is JSON"),
        "docs/schemas/pipeline.json"
    );
    synapse_sdk::schema::pattern::enable();
    let schema = Schema::compile(&printed).expect("it compiles");
    let good =
        serde_json::json!({ "nodes": { "a": { "plugin": "p", "action": "x", "retry": { "attempts": 2 } } } });
    assert!(schema.check(&good).is_empty(), "{:?}", schema.check(&good));
    let bad = serde_json::json!({ "nodes": { "a": { "plugin": "p", "action": "x", "need": [] } } });
    assert!(!schema.check(&bad).is_empty());
}
