use insta::assert_compact_json_snapshot;
use serde_json::json;

use super::{form_with, item_for};

#[test]
fn lists_are_repeaters() {
    assert_compact_json_snapshot!(form_with(json!({
        "names": { "type": "array", "items": { "type": "string", "maxLength": 9 }, "default": ["a", "b"] },
        "sizes": { "type": "array", "items": { "type": "integer", "minimum": 1 }, "minItems": 1, "maxItems": 4 },
        "layers": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": { "width": { "type": "integer", "default": 8 }, "bias": { "type": "boolean" } },
                "required": ["bias"],
            },
        },
        "grid": { "type": "array", "items": { "type": "array", "items": { "type": "number" } } },
        "maybe": { "anyOf": [{ "type": "array", "items": { "type": "string" } }, { "type": "null" }] },
    })));
}

#[test]
fn lists_of_choices_are_selects_of_several() {
    assert_compact_json_snapshot!(form_with(json!({
        "metrics": {
            "type": "array", "items": { "type": "string", "enum": ["loss", "accuracy"] },
            "default": ["loss"], "minItems": 1, "uniqueItems": true,
        },
        "folds": { "type": "array", "items": { "enum": [1, 2] } },
    })));
}

#[test]
fn lists_of_fixed_length_have_an_input_for_each_item() {
    assert_compact_json_snapshot!(form_with(json!({
        "pair": {
            "type": "array",
            "prefixItems": [{ "type": "integer" }, { "type": "string", "x-ui": { "label": "Unit" } }],
            "minItems": 2, "maxItems": 2, "default": [3, "px"],
        },
        "mean": { "type": "array", "items": { "type": "number" }, "minItems": 2, "maxItems": 2 },
        "closed": { "type": "array", "prefixItems": [{ "type": "boolean" }], "items": false },
    })));
}

#[test]
fn lists_that_inputs_cannot_show_are_json() {
    for schema in [
        json!({ "type": "array" }),
        json!({ "type": "array", "items": true }),
        json!({ "type": "array", "prefixItems": [{ "type": "integer" }] }),
        json!({ "type": "array", "items": { "oneOf": [{ "const": "a" }, { "properties": { "b": {} }, "required": ["b"] }] } }),
    ] {
        let item = item_for(schema.clone());
        assert_eq!((&item["$formkit"], &item["json"]), (&json!("textarea"), &json!(true)), "{schema}");
    }
    // Many of them would be a long form.
    let many =
        item_for(json!({ "type": "array", "items": { "type": "number" }, "minItems": 17, "maxItems": 17 }));
    assert_eq!((&many["$formkit"], &many["min"], &many["max"]), (&json!("repeater"), &json!(17), &json!(17)));
}
