//! The JSON Schema for editors takes what the parser takes, and refuses what
//! it refuses.

use super::plugin::{EVERY_KEY, GUIDE_SAMPLE, OVERVIEW_SAMPLE};
use super::{IDENTITY, with_identity, with_line};
use crate::config::problems::Problems;
use crate::config::{json_schema, parse, yaml};
use jsonschema::Validator;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Values as they stand in a file; most keys take only few of them.
const VALUES: &[&str] = &[
    "",
    "~",
    "text",
    "'quoted'",
    "''",
    "' '",
    "1",
    "-1.5",
    "0x1F",
    "yes",
    "'yes'",
    "1.2.3",
    "1.2.3-rc.1+b.2",
    "01.2.3",
    "1.2",
    "custom",
    "neural_net",
    "neural-net",
    "cargo",
    "uv",
    "image",
    "imge",
    "prompt",
    "bbox",
    "automatic",
    "job",
    "restapi",
    "jb",
    "a-code",
    "A-Code",
    "-a",
    "a.b:C",
    "a::b::C",
    "a:b.C",
    "a..b",
    "\"a:::b\"",
    "äöü.Größe_2",
    "3d",
    "\"nul \\0\"",
    "[]",
    "[a, b]",
    "[image, text]",
    "[image, imge]",
    "[1]",
    "[~]",
    "{}",
    "{a: b}",
    "{a: 1}",
    "{A: ~, B: yes, C: 1.5, D: 'x'}",
    "{A: []}",
    "{'x=y': 1}",
    "{sdk: '>=1', cuda: '12'}",
    "{sdk: 1}",
    "{node: '20'}",
    "{image: [bounding_box]}",
    "{image: [bounding-box]}",
    "{imge: []}",
    "{image: ~}",
    "{run: ~}",
    "{run: m.Run}",
    "{run: {entrypoint: m.Run, method: job}}",
    "{run: {entrypont: m.Run}}",
    "{run: [m.Run]}",
    "{run: 3}",
    "{'a b': m.Run}",
    "{-a: m.Run}",
    "{'': m.Run}",
];

fn validator() -> Validator {
    jsonschema::draft7::new(&json_schema()).expect("the schema is one")
}

/// Whether the parser reads it and knows every key.
fn parser_takes(text: &str) -> bool {
    parse(text).is_ok_and(|loaded| !loaded.warnings.iter().any(|w| w.message.contains("is unknown")))
}

fn json(text: &str) -> Option<Value> {
    yaml::read(text, &mut Problems::default())?.to_json().ok()
}

/// Both have to be of one opinion, which is told.
#[track_caller]
fn both_take(validator: &Validator, text: &str) -> bool {
    let taken = parser_takes(text);
    let document = json(text).expect("YAML with a JSON form");
    let schema: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
    assert_eq!(taken, schema.is_empty(), "parser: {:?}\nschema: {schema:?}\n{text}", parse(text).err());
    taken
}

fn plugin_keys() -> Vec<String> {
    keys(&json_schema()["properties"])
}

fn action_keys() -> Vec<String> {
    keys(&json_schema()["properties"]["actions"]["additionalProperties"]["properties"])
}

fn keys(properties: &Value) -> Vec<String> {
    properties.as_object().expect("properties").keys().cloned().collect()
}

#[test]
fn every_plugin_key_takes_the_same_values_in_both() {
    let validator = validator();
    for key in plugin_keys() {
        let rest: String = with_line("readme: R.md")
            .lines()
            .filter(|line| !line.starts_with(&format!("{key}:")))
            .map(|line| format!("{line}\n"))
            .collect();
        let taken = VALUES.iter().filter(|v| both_take(&validator, &format!("{rest}{key}: {v}\n"))).count();
        assert!(taken > 0, "no value fits {key}");
        assert!(taken < VALUES.len(), "every value fits {key}");
    }
}

#[test]
fn every_action_key_takes_the_same_values_in_both() {
    let validator = validator();
    for key in action_keys() {
        let text = |value: &str| with_identity(&format!("actions:\n  run:\n    {key}: {value}\n"));
        let taken = VALUES.iter().filter(|value| both_take(&validator, &text(value))).count();
        assert!(taken > 0 && taken < VALUES.len(), "{taken} values fit {key}");
    }
    for value in VALUES {
        both_take(&validator, &with_identity(&format!("actions:\n  run: {value}\n")));
    }
}

#[test]
fn each_required_key_is_required_by_both() {
    let validator = validator();
    let whole = format!("{IDENTITY}actions: {{run: m.Run}}\n");
    assert!(both_take(&validator, &whole));
    for left_out in 0..whole.lines().count() {
        let lines = whole.lines().enumerate().filter(|(index, _)| *index != left_out);
        let text: String = lines.map(|(_, line)| format!("{line}\n")).collect();
        assert!(!both_take(&validator, &text), "{text}");
    }
}

#[test]
fn two_names_for_one_key_are_refused_by_both_unless_one_is_empty() {
    let validator = validator();
    let both = with_line("supported_data_types: [text]\nsupported_data_type: [text]");
    assert!(!both_take(&validator, &both));
    assert!(both_take(&validator, &with_line("supported_data_types: [text]\nsupported_data_type:")));
}

#[test]
fn the_samples_fit() {
    let validator = validator();
    for sample in [OVERVIEW_SAMPLE, GUIDE_SAMPLE, EVERY_KEY] {
        assert!(both_take(&validator, sample));
    }
}

#[test]
fn the_parser_knows_no_key_that_the_schema_does_not() {
    let asked = |text: &str| {
        let hint = parse(text).expect("loads").warnings.pop().and_then(|warning| warning.hint);
        let hint = hint.expect("a hint");
        let listed = hint.strip_prefix("the keys here are ").expect("the known keys");
        let mut keys: Vec<String> = listed.split(", ").map(str::to_owned).collect();
        keys.sort();
        keys
    };
    let sorted = |mut keys: Vec<String>| {
        keys.sort();
        keys
    };
    assert_eq!(asked(&with_line("zzzzzzzzzz: 1")), sorted(plugin_keys()));
    assert_eq!(asked(&with_identity("actions: {run: {zzzzzzzzzz: 1}}\n")), sorted(action_keys()));
}

#[test]
fn the_published_schema_is_this_one() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas/config.json");
    let text = format!("{:#}\n", json_schema());
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        fs::write(&file, &text).expect("written");
    }
    let published = fs::read_to_string(&file).unwrap_or_default();
    assert!(published == text, "write docs/schemas/config.json anew: run this test with UPDATE_SCHEMAS=1");
}
