use insta::assert_compact_json_snapshot;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{form_with, item_for};
use crate::schema::form::form_of;

#[test]
fn choices() {
    assert_compact_json_snapshot!(form_with(json!({
        "plain": { "type": "string", "enum": ["sgd", "adam_w"], "default": "sgd" },
        "described": { "oneOf": [
            { "type": "string", "enum": ["sgd", "lion"] },
            { "const": "adam_w", "description": "Adam, with\ndecay" },
            { "const": "lbfgs", "title": "L-BFGS" },
        ] },
        "numbers": { "enum": [1, 2.5], "default": 1 },
        "optional": { "anyOf": [{ "enum": ["a", "b"] }, { "type": "null" }] },
        "inline": { "type": ["string", "null"], "enum": ["a", null], "default": "a" },
        "only": { "const": "v1" },
    })));
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Optimizer {
    /// Plain gradient descent
    Sgd {
        /// Step size
        lr: f64,
        #[serde(default)]
        momentum: f32,
    },
    AdamW(AdamW),
    None,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct AdamW {
    /// Step size
    lr: f64,
    decay: f64,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Tagged {
    /// How to get better
    optimizer: Optimizer,
    #[serde(default = "some_sgd")]
    second: Optimizer,
    optional: Option<Optimizer>,
    many: Vec<Optimizer>,
}

fn some_sgd() -> Optimizer {
    Optimizer::Sgd { lr: 0.5, momentum: 0.9 }
}

#[test]
fn internally_tagged_enums() {
    assert_compact_json_snapshot!(form_of::<Tagged>());
}

#[test]
fn enums_are_forms_of_their_own_and_can_be_flattened() {
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Flat {
        epochs: u32,
        #[serde(flatten)]
        optimizer: Optimizer,
    }
    assert_compact_json_snapshot!([form_of::<Optimizer>(), form_of::<Flat>()]);
}

#[test]
fn a_field_that_all_variants_share_is_always_shown() {
    let variant = |tag: &str| json!({ "properties": { "t": { "const": tag }, "size": { "type": "integer" } }, "required": ["t"] });
    let item = item_for(json!({ "oneOf": [variant("a"), variant("b")] }));
    assert_eq!(
        item["children"][1],
        json!({ "$formkit": "number", "name": "size", "label": "Size", "number": true })
    );
    assert_eq!(item["children"].as_array().unwrap().len(), 2);
}

#[test]
fn adjacently_tagged_enums() {
    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(tag = "kind", content = "of", rename_all = "snake_case")]
    enum Shape {
        Circle(f64),
        Rect { width: u32, height: u32 },
        Point,
    }
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Params {
        shape: Shape,
    }
    assert_compact_json_snapshot!(form_of::<Params>());
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Schedule {
    Constant,
    Step(u32),
    /// Up and down
    Cosine {
        warmup: u32,
    },
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Scheduled {
    /// When to change
    schedule: Schedule,
    #[serde(default = "cosine")]
    second: Schedule,
    third: Option<Schedule>,
    many: Vec<Schedule>,
}

fn cosine() -> Schedule {
    Schedule::Cosine { warmup: 5 }
}

#[test]
fn externally_tagged_enums() {
    assert_compact_json_snapshot!(form_of::<Scheduled>());
}

#[test]
fn untagged_enums_are_json() {
    let variants: [Value; 2] = [
        json!({ "type": "object", "properties": { "a": { "type": "integer" } }, "required": ["a"] }),
        json!({ "type": "object", "properties": { "b": { "type": "integer" } }, "required": ["b"] }),
    ];
    assert_eq!(item_for(json!({ "anyOf": variants }))["$formkit"], "textarea");
    // Neither is what has tags on some variants only, or the same twice.
    let tag = |tag: &str| json!({ "properties": { "t": { "const": tag }, "a": {} }, "required": ["t"] });
    assert_eq!(
        item_for(json!({ "oneOf": [tag("a"), variants[0], {"type": "object"}] }))["$formkit"],
        "textarea"
    );
    assert_eq!(item_for(json!({ "oneOf": [tag("a"), tag("a")] }))["$formkit"], "textarea");
}
