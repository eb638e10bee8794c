use proptest::prelude::*;
use serde_json::{Value, json};

use crate::schema::form::form;
use crate::schema::with_defaults;

/// Schemas that nothing here emits.
fn odd_schemas() -> Vec<Value> {
    let mut schemas = vec![
        json!(null),
        json!(true),
        json!(false),
        json!(5),
        json!([]),
        json!({}),
        json!({ "$ref": "#" }),
        json!({ "$ref": "#/$defs/A", "$defs": { "A": { "$ref": "#/$defs/B" }, "B": { "$ref": "#/$defs/A" } } }),
        json!({ "$ref": "elsewhere.json" }),
        json!({ "$ref": 5 }),
        json!({ "allOf": [{ "$ref": "#" }, { "allOf": [{ "$ref": "#" }] }] }),
        json!({ "oneOf": [{ "$ref": "#" }, { "$ref": "#" }] }),
        json!({ "anyOf": [{ "$ref": "#" }, { "type": "null" }] }),
        json!({ "properties": { "a": { "$ref": "#" } }, "default": { "a": { "a": {} } } }),
        json!({ "properties": { "a": { "$ref": "#", "default": {} } } }),
        json!({ "properties": { "a": { "$ref": "#", "default": { "a": { "b": [] } } }, "b": { "type": "array", "items": { "$ref": "#" }, "default": [{}, [{}]] } } }),
        json!({ "properties": 5, "required": 5, "oneOf": 5, "allOf": {}, "x-ui": 5 }),
        json!({ "properties": { "a": { "x-ui": { "if": 5, "order": "first", "group": 5, "widget": 5, "label": 5, "help": 5, "step": {}, "hidden": 1, "exclude": "no" } } } }),
        json!({ "properties": { "a": { "x-ui": { "if": { "a": 5 } }, "x-aliases": [5] } } }),
    ];
    for kind in ["integer", "number", "string", "array", "object", "boolean", "null", "nonsense"] {
        let field = json!({
            "type": [kind, "null"], "minimum": "a", "maximum": [], "multipleOf": 0, "minItems": -1, "maxItems": 1.5,
            "minLength": {}, "pattern": 5, "format": 5, "description": 5, "default": [1], "required": [5], "items": 5,
            "prefixItems": [5], "enum": [], "properties": { "": {} }, "additionalProperties": 5,
        });
        schemas.push(json!({ "properties": { "a": field } }));
        schemas.push(json!({ "properties": { "a": { "type": kind, "multipleOf": -3, "minimum": i64::MIN, "maximum": 1e308, "exclusiveMinimum": u64::MAX, "exclusiveMaximum": i64::MIN } } }));
    }
    schemas
}

#[test]
fn odd_schemas_make_some_form() {
    for schema in odd_schemas() {
        let items = form(&schema);
        assert!(items.iter().all(|item| item["$formkit"].is_string()), "{schema}");
    }
}

#[test]
fn odd_schemas_keep_what_is_given() {
    for schema in odd_schemas() {
        for given in [json!(null), json!(5), json!([{}]), json!({ "": 1, "zz": { "a": [] } })] {
            let filled = with_defaults(&schema, &given);
            match given.as_object() {
                Some(fields) => {
                    assert!(fields.iter().all(|(name, value)| filled[name] == *value), "{schema}")
                }
                None => assert_eq!(filled, given, "{schema}"),
            }
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "string",
        "object",
        "array",
        "integer",
        "a",
        "b",
        "#",
        "#/$defs/a",
        "uint8",
        "null",
        "$x",
    ]);
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    let keyword = prop::sample::select(vec![
        "type",
        "properties",
        "items",
        "prefixItems",
        "$ref",
        "$defs",
        "anyOf",
        "oneOf",
        "allOf",
        "enum",
        "const",
        "default",
        "required",
        "x-ui",
        "if",
        "group",
        "hidden",
        "a",
        "b",
        "format",
        "minimum",
        "exclusiveMaximum",
        "multipleOf",
        "minItems",
        "maxItems",
        "additionalProperties",
        "x-aliases",
    ]);
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((keyword.clone(), inner), 0..5).prop_map(|fields| fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_taken_as_a_schema(schema in any_json(), given in any_json()) {
        prop_assert!(form(&schema).iter().all(Value::is_object));
        let filled = with_defaults(&schema, &given);
        // What is there stays there when asked again.
        prop_assert_eq!(with_defaults(&schema, &filled), filled);
    }
}
