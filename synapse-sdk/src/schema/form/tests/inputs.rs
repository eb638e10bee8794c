use insta::assert_compact_json_snapshot;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{form_with, item, item_for};
use crate::schema::form::{form, form_of};
use crate::schema::{Contract, json_schema};

/// The model that the platform's documentation of the list has as its example.
#[test]
fn the_example_of_the_platform_with_what_is_mended() {
    let schema = json!({
        "type": "object",
        "properties": {
            "epochs": {
                "type": "integer", "format": "uint32", "minimum": 1, "maximum": 1000,
                "default": 50, "description": "Number of epochs",
            },
            "lr": {
                "type": "number", "format": "double", "exclusiveMinimum": 0, "exclusiveMaximum": 1, "default": 0.001,
            },
            "optimizer": { "type": "string", "enum": ["sgd", "adam"], "default": "sgd" },
            "augment": { "type": "boolean", "default": false },
            "seed": { "type": ["integer", "null"], "format": "int64", "default": null },
            "tag": { "type": "string" },
        },
        "required": ["tag"],
    });
    let expected = [
        json!({"$formkit":"number","name":"epochs","label":"Epochs","value":50,"placeholder":50,"help":"Number of epochs","min":1,"max":1000,"number":true}),
        // Mended: any number of decimals, and the bounds are excluded.
        json!({"$formkit":"number","name":"lr","label":"Lr","value":0.001,"placeholder":0.001,"min":0,"max":1,"step":"any","number":true,"validation":[["not",0,1]]}),
        json!({"$formkit":"select","name":"optimizer","label":"Optimizer","value":"sgd","placeholder":"sgd","options":["sgd","adam"]}),
        json!({"$formkit":"checkbox","name":"augment","label":"Augment","value":false,"placeholder":false}),
        json!({"$formkit":"number","name":"seed","label":"Seed","number":true}),
        json!({"$formkit":"text","name":"tag","label":"Tag","required":true}),
    ];
    let items = form(&schema);
    assert_eq!(items, expected);
    // Equal objects may be ordered differently; the texts may not.
    assert_eq!(serde_json::to_string(&items).unwrap(), serde_json::to_string(&expected).unwrap());
}

#[test]
fn labels_are_in_title_case() {
    let label = |name| item(name, json!({ "type": "string" }))["label"].clone();
    assert_eq!(label("lerning_rateLR2"), "Lerning Ratelr2");
    assert_eq!(label("batch_size"), "Batch Size");
    assert_eq!(label("v2beta"), "V2Beta");
    assert_eq!(label("_größe"), " Größe");
    assert_eq!(label("ärger-mit_it's"), "Ärger-Mit It'S");
    assert_eq!(label(""), "");
}

#[test]
fn defaults_that_are_empty_are_kept_but_null_is_not() {
    for default in [json!(0), json!(""), json!(false)] {
        let item = item_for(json!({ "default": default, "enum": [default] }));
        assert_eq!((&item["value"], &item["placeholder"]), (&default, &default));
    }
    let item = item_for(json!({ "type": ["string", "null"], "default": null }));
    assert_eq!(item, json!({ "$formkit": "text", "name": "x", "label": "X" }));
}

#[test]
fn texts() {
    assert_compact_json_snapshot!(form_with(json!({
        "name": { "type": "string", "default": "Ada", "description": "Who to greet" },
        "code": { "type": "string", "minLength": 2, "maxLength": 5, "pattern": "^[a-z/]+$" },
        "long": { "type": "string", "minLength": 2 },
        "short": { "type": "string", "minLength": 0, "maxLength": 5 },
        "day": { "type": "string", "format": "date" },
        "at": { "type": "string", "format": "date-time" },
        "local": { "type": "string", "format": "partial-date-time" },
        "hour": { "type": "string", "format": "time" },
        "mail": { "type": "string", "format": "email" },
        "page": { "type": "string", "format": "uri" },
        "link": { "type": "string", "format": "url" },
        "id": { "type": "string", "format": "uuid" },
    })));
}

#[test]
fn descriptions_have_one_line_for_each_paragraph() {
    let help = |text| item_for(json!({ "type": "string", "description": text }))["help"].clone();
    assert_eq!(
        help("How many\n  at once.\n\n\nMore need\nmore memory.\n"),
        "How many at once.\nMore need more memory."
    );
    assert_eq!(help("\n \n"), json!(null));
}

#[test]
fn booleans() {
    let schema = json!({
        "type": "object",
        "properties": {
            "asked": { "type": "boolean" },
            "on": { "type": "boolean", "default": true },
            "maybe": { "type": ["boolean", "null"] },
        },
        "required": ["asked"],
    });
    assert_compact_json_snapshot!(form(&schema));
}

#[test]
fn what_no_input_fits_is_json() {
    assert_compact_json_snapshot!(form_with(json!({
        "map": { "type": "object", "additionalProperties": { "type": "integer" }, "default": { "a": 1 } },
        "anything": true,
        "mixed": { "anyOf": [{ "type": "integer" }, { "type": "string" }], "description": "Count or name" },
        "kinds": { "type": ["integer", "string"] },
        "shapes": { "enum": [[1, 2], { "a": 1 }] },
        "unit": { "type": "null" },
        "lists": { "type": "array", "items": { "type": "object" } },
    })));
}

/// What the form is made from in practice.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Nested {
    /// How far
    #[serde(default)]
    depth: u8,
    path: std::path::PathBuf,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Nesting {
    inner: Nested,
    maybe: Option<Nested>,
    #[serde(default = "deep")]
    deep: Nested,
    #[serde(flatten)]
    flat: Nested,
}

fn deep() -> Nested {
    Nested { depth: 9, path: "below".into() }
}

#[test]
fn types_within_types_are_groups() {
    assert_compact_json_snapshot!(form_of::<Nesting>());
}

#[test]
fn a_type_that_contains_itself_is_cut_off() {
    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is asked for")]
    struct Tree {
        name: String,
        left: Option<Box<Tree>>,
        branches: Vec<Tree>,
    }
    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is asked for")]
    struct Forest {
        tree: Tree,
    }
    assert_compact_json_snapshot!([form_of::<Tree>(), form_of::<Forest>()]);
}

#[test]
fn text_that_formkit_would_evaluate_is_raw() {
    assert_compact_json_snapshot!(form_with(json!({
        "home": { "type": "string", "default": "$HOME/data", "description": "$HOME is your folder" },
        "dollar": { "type": "string", "default": "$" },
        "group": { "type": "object", "properties": {}, "additionalProperties": false, "default": { "a": { "b": "$c" } } },
    })));
}

#[test]
fn integers_stay_integers() {
    let item = item_for(json!({
        "type": "integer", "minimum": 5, "maximum": 18_446_744_073_709_551_614_u64, "multipleOf": 1, "default": u64::MAX - 1,
    }));
    let text = serde_json::to_string(&item).unwrap();
    assert!(text.contains(r#""value":18446744073709551614"#), "{text}");
    assert!(text.contains(r#""min":5,"max":18446744073709551614,"step":1,"#), "{text}");
}

#[test]
fn the_form_of_a_type_is_that_of_its_schema() {
    assert_eq!(form_of::<Nesting>(), form(&json_schema::<Nesting>(Contract::Params)));
}
