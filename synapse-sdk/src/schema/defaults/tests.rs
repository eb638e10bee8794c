#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::with_defaults;
use crate::schema::{Contract, Schema, json_schema};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Params {
    #[serde(default = "ten")]
    epochs: u32,
    tag: String,
    #[serde(default)]
    seed: Option<u64>,
    optimizer: Optimizer,
    optional: Option<Layer>,
    layers: Vec<Layer>,
    by_name: BTreeMap<String, Layer>,
    pair: (u8, Layer),
    schedule: Schedule,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Layer {
    #[serde(default = "ten")]
    width: u32,
    name: String,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Optimizer {
    Sgd {
        lr: f64,
        #[serde(default = "ten")]
        warmup: u32,
    },
    Adam(Adam),
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Adam {
    #[serde(default = "ten")]
    beta: u32,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Schedule {
    Constant,
    Step(Layer),
}

fn ten() -> u32 {
    10
}

fn filled(given: Value) -> Value {
    with_defaults(&json_schema::<Params>(Contract::Params), &given)
}

fn text(value: &Value) -> String {
    value.to_string()
}

#[test]
fn what_is_not_given_and_has_no_default_stays_absent() {
    assert_eq!(filled(json!({})), json!({ "epochs": 10, "seed": null }));
    assert_eq!(filled(json!({ "epochs": null })), json!({ "epochs": null, "seed": null }));
    assert_eq!(filled(json!(null)), json!(null));
}

#[test]
fn fields_come_in_the_schema_s_order_then_unknown_ones() {
    let given = json!({ "zz": { "width": 1 }, "tag": "t", "aa": 1, "seed": 7 });
    assert_eq!(text(&filled(given)), r#"{"epochs":10,"tag":"t","seed":7,"zz":{"width":1},"aa":1}"#);
}

#[test]
fn defaults_reach_into_whatever_is_given() {
    let layer = json!({ "name": "n" });
    let full = json!({ "width": 10, "name": "n" });
    let given = json!({
        "optional": layer, "layers": [layer, { "width": 3 }], "by_name": { "a": layer }, "pair": [1, layer, 5],
        "schedule": { "step": layer },
    });
    let expected = json!({
        "epochs": 10, "seed": null, "optional": full, "layers": [full, { "width": 3 }], "by_name": { "a": full },
        "pair": [1, full, 5], "schedule": { "step": full },
    });
    assert_eq!(text(&filled(given)), text(&expected));
    assert_eq!(filled(json!({ "optional": null, "schedule": "constant" }))["optional"], json!(null));
}

#[test]
fn of_a_tagged_enum_the_variant_that_is_given() {
    let optimizer = |given: Value| text(&filled(json!({ "optimizer": given }))["optimizer"]);
    assert_eq!(optimizer(json!({ "lr": 0.1, "type": "sgd" })), r#"{"type":"sgd","lr":0.1,"warmup":10}"#);
    assert_eq!(optimizer(json!({ "type": "adam" })), r#"{"type":"adam","beta":10}"#);
    assert_eq!(optimizer(json!({ "type": "lion", "lr": 1 })), r#"{"type":"lion","lr":1}"#);
    assert_eq!(optimizer(json!({ "lr": 1 })), r#"{"lr":1}"#);
}

#[test]
fn an_adjacent_variant_and_a_flattened_one() {
    let content = |name: &str| json!({ "type": "object", "properties": { name: { "default": 1 } } });
    let variant = |tag: &str| json!({ "properties": { "t": { "const": tag }, "c": content(tag) }, "required": ["t", "c"] });
    let adjacent = json!({ "oneOf": [variant("a"), variant("b")] });
    assert_eq!(with_defaults(&adjacent, &json!({ "t": "b", "c": {} })), json!({ "t": "b", "c": { "b": 1 } }));

    let mut flattened = adjacent;
    flattened["properties"] = json!({ "epochs": { "default": 3 } });
    let filled = with_defaults(&flattened, &json!({ "x": 0, "c": {}, "t": "a" }));
    assert_eq!(text(&filled), r#"{"epochs":3,"t":"a","c":{"a":1},"x":0}"#);
}

#[test]
fn an_alias_becomes_the_name() {
    let schema = json!({ "properties": { "kind": { "default": "a", "x-aliases": ["sort", "type"] } } });
    assert_eq!(with_defaults(&schema, &json!({ "type": "b" })), json!({ "kind": "b" }));
    // Both is for the check to refuse.
    let both = json!({ "kind": "b", "sort": "c" });
    assert_eq!(with_defaults(&schema, &both), both);
}

#[test]
fn a_default_is_itself_filled_in() {
    let schema = json!({ "properties": {
        "inner": { "$ref": "#/$defs/Inner", "default": { "b": 2 } },
    }, "$defs": { "Inner": { "properties": { "a": { "default": 1 }, "b": { "default": 1 } } } } });
    assert_eq!(text(&with_defaults(&schema, &json!({}))), r#"{"inner":{"a":1,"b":2}}"#);
}

#[test]
fn a_type_that_contains_itself_is_filled_as_deep_as_it_is_given() {
    let schema = json!({ "$ref": "#/$defs/Node", "$defs": { "Node": { "properties": {
        "size": { "default": 1 }, "next": { "anyOf": [{ "$ref": "#/$defs/Node" }, { "type": "null" }] },
    } } } });
    let given = json!({ "next": { "next": { "next": {} } } });
    let filled = with_defaults(&schema, &given);
    assert_eq!(text(&filled), r#"{"size":1,"next":{"size":1,"next":{"size":1,"next":{"size":1}}}}"#);
}

#[test]
fn defaults_within_defaults_end() {
    for default in [json!({}), json!({ "next": {} }), json!([{}])] {
        let schema = json!({
            "$ref": "#/$defs/Node",
            "$defs": { "Node": { "properties": { "next": { "$ref": "#/$defs/Node", "default": default } }, "items": { "$ref": "#/$defs/Node" } } },
        });
        assert!(with_defaults(&schema, &json!({}))["next"] == default, "{schema}");
    }
}

#[test]
fn integers_stay_integers() {
    let schema = json!({ "properties": { "a": { "default": u64::MAX }, "b": {} } });
    let filled = with_defaults(&schema, &json!({ "b": i64::MIN }));
    assert_eq!(text(&filled), format!(r#"{{"a":{},"b":{}}}"#, u64::MAX, i64::MIN));
}

#[test]
fn what_was_filled_in_fits_the_schema() {
    let schema = json_schema::<Params>(Contract::Params);
    let layer = json!({ "name": "n" });
    let given = json!({
        "tag": "t", "optimizer": { "type": "sgd", "lr": 1.0 }, "layers": [layer], "by_name": {}, "pair": [1, layer],
        "schedule": "constant",
    });
    let checked = Schema::compile(&schema).unwrap().check(&with_defaults(&schema, &given));
    assert_eq!(checked, []);
}
