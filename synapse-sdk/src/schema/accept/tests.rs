//! The acceptor must agree with the check: on documents made from schemas and
//! then damaged, and on what readers of JSON stumble over.

mod documents;

use documents::{Random, damaged, fitting, written};
use serde_json::{Value, json};

use super::Schema;

fn compiled(schema: &Value) -> Schema {
    Schema::compile(schema).expect("the schema is supported")
}

fn schemas() -> Vec<Value> {
    let names: Vec<String> = (0..70).map(|index| format!("p{index}")).collect();
    let many: serde_json::Map<_, _> =
        names.iter().map(|name| (name.clone(), json!({"type": "integer"}))).collect();
    let adam = json!({
        "type": "object", "required": ["kind"], "additionalProperties": false,
        "properties": {"kind": {"const": "adam"}, "beta": {"type": "number", "maximum": 1}}
    });
    let sgd = json!({
        "type": "object", "required": ["kind", "momentum"],
        "properties": {"kind": {"const": "sgd"}, "momentum": {"type": ["number", "null"]}}
    });
    vec![
        json!({"type": "object", "additionalProperties": false, "required": ["name", "epochs"], "properties": {
            "name": {"type": "string", "minLength": 2, "maxLength": 5},
            "epochs": {"type": "integer", "minimum": 1, "maximum": 300},
            "rate": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            "warm": {"type": "boolean"}
        }}),
        json!({"type": "object", "required": ["outer"], "properties": {
            "outer": {"$ref": "#/$defs/Outer", "description": "nested"}, "list": {"items": {"$ref": "#/$defs/Inner"}}
        }, "$defs": {
            "Outer": {"type": "object", "required": ["inner"], "properties": {"inner": {"$ref": "#/$defs/Inner"}}},
            "Inner": {"type": "object", "additionalProperties": false, "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}}
        }}),
        json!({"type": "object", "additionalProperties": false, "properties": {
            "a": {"type": ["integer", "null"], "minimum": 0}, "b": {"anyOf": [{"$ref": "#/$defs/S"}, {"type": "null"}]},
            "c": {"anyOf": [{"type": "null"}, {"type": "array", "items": {"type": "string"}}]},
            "d": {"oneOf": [{"type": "string"}, {"type": "null"}]},
            "e": {"anyOf": [{"type": "array", "items": {"type": "integer"}, "uniqueItems": true}, {"type": "null"}]}
        }, "$defs": {"S": {"type": "object", "required": ["x"], "properties": {"x": {"type": "number"}}}}}),
        json!({"type": "object", "required": ["optimizer"], "properties": {
            "optimizer": {"enum": ["sgd", "adam"]},
            "loss": {"oneOf": [{"const": "mse", "description": "squared"}, {"type": "string", "enum": ["mae", "huber"]}]},
            "seed": {"enum": [0, 1, -1, 1.5, null, true, "x"]}, "shape": {"enum": [[1, 2], {"a": 1}, "square"]}
        }}),
        json!({"oneOf": [adam, sgd]}),
        json!({"anyOf": [{"type": "object", "required": ["adam"], "properties": {"adam": adam}}, {"const": "none"},
            {"type": "array", "prefixItems": [{"const": "sgd"}, sgd], "minItems": 2, "maxItems": 2}]}),
        json!({"allOf": [{"properties": {"a": {"type": "integer", "minimum": 2}}}, {"type": "object", "required": ["a"]}]}),
        json!({"type": "object", "additionalProperties": {"type": "array", "items": {"type": "number"}}, "maxProperties": 3}),
        json!({"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 2}),
        json!({"type": "array", "items": {"type": "integer", "multipleOf": 3}, "minItems": 1, "maxItems": 4}),
        json!({"type": "array", "items": {"type": "string"}, "uniqueItems": true}),
        json!({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": false}),
        json!({"type": "array", "items": {"type": "number", "minimum": -1.5, "exclusiveMaximum": u64::MAX, "multipleOf": 0.5}}),
        json!({"type": "array", "items": {"type": ["integer", "number"], "maximum": 9_007_199_254_740_993_u64}}),
        json!({"type": "object", "required": ["name"], "additionalProperties": false, "properties": {
            "name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#"}}
        }}),
        json!({"$ref": "#/$defs/Tree", "$defs": {"Tree": {"anyOf": [{"type": "integer"}, {"type": "object",
            "additionalProperties": {"$ref": "#/$defs/Tree"}}]}}}),
        json!({"type": "object", "properties": {"a": true, "b": {"type": "string"}}, "required": ["a", "unlisted"]}),
        json!({"type": "object", "properties": many, "required": ["p1", "p66"], "additionalProperties": false}),
    ]
}

#[test]
fn agrees_with_the_check_on_every_document() {
    for (index, schema) in schemas().iter().enumerate() {
        let mut random = Random::new(index);
        let compiled = compiled(schema);
        let (mut taken, mut violating) = (0, 0);
        for _ in 0..2000 {
            let document = damaged(fitting(schema, schema, &mut random, 0), &mut random);
            let text = written(&document, &mut random);
            let accepted = compiled.accepts(&text);
            let shown = String::from_utf8_lossy(&text);
            let Ok(value) = serde_json::from_slice::<Value>(&text) else {
                assert!(!accepted, "schema {index} took what is not JSON: {shown}");
                continue;
            };
            let checked = compiled.check_text(&text).expect("it is JSON");
            let untouched = compiled.walk(&value).whole_floats.is_empty();
            let as_it_stands = checked.violations.is_empty() && untouched;
            let violations = checked.violations;
            assert_eq!(accepted, as_it_stands, "schema {index}: {shown}\n{violations:?}");
            taken += usize::from(accepted);
            violating += usize::from(!violations.is_empty());
        }
        assert!(taken > 300 && violating > 300, "schema {index}: {taken} accepted, {violating} violating");
    }
}

/// What each schema says to each text.
fn accepted(schema: Value, texts: &[&str]) -> Vec<bool> {
    let schema = compiled(&schema);
    texts.iter().map(|text| schema.accepts(text.as_bytes())).collect()
}

#[test]
fn whole_floats_are_left_to_the_check_where_integers_are_wanted() {
    let texts = ["1", "1.0", "1.5", "-0"];
    assert_eq!(accepted(json!({"type": "integer"}), &texts), [true, false, false, false]);
    for any_number in [json!({"type": "number"}), json!({"type": ["number", "integer"]}), json!({})] {
        assert_eq!(accepted(any_number, &texts), [true, true, true, true]);
    }
    assert_eq!(accepted(json!({}), &[r#"{"a": [1.0]}"#]), [true]);
    assert_eq!(accepted(json!({"enum": [1, 2.0]}), &["1", "1.0", "2", "2.0"]), [true, false, true, true]);
    let either = json!({"oneOf": [{"type": "number"}, {"type": "array", "items": {"type": "integer"}}]});
    assert_eq!(accepted(either, &["1.0", "[1.0]", "[1]", "[1.5]"]), [true, false, true, false]);
}

#[test]
fn a_known_field_stands_once() {
    let names: Vec<String> = (0..200).map(|index| format!("p{index}")).collect();
    let properties: serde_json::Map<_, _> = names.iter().map(|name| (name.clone(), json!({}))).collect();
    let schema = compiled(&json!({"properties": properties, "required": names}));
    let fields: Vec<String> = names.iter().map(|name| format!("\"{name}\": 1")).collect();
    assert!(schema.accepts(format!("{{{}}}", fields.join(",")).as_bytes()));
    for index in [0, 63, 64, 127, 128, 199] {
        let twice = format!("{{{}, {}}}", fields.join(","), fields[index]);
        assert!(!schema.accepts(twice.as_bytes()), "{index} twice");
        let mut without = fields.clone();
        without.remove(index);
        assert!(!schema.accepts(format!("{{{}}}", without.join(",")).as_bytes()), "without {index}");
    }
}

#[test]
fn a_name_that_stands_twice_is_doubted_wherever_it_stands() {
    let twice = r#"{"b": 1, "a": 1, "\u0061": 2}"#;
    let once = r#"{"b": 1, "a": 1, "c": 2}"#;
    for schema in [
        json!({}),
        json!({"minProperties": 2, "additionalProperties": {"type": "integer"}}),
        json!({"properties": {"b": {}}}),
        json!({"type": "object", "minProperties": 3}),
        json!({"anyOf": [{"type": "object"}, {"type": "array"}]}),
    ] {
        assert_eq!(accepted(schema, &[twice, once]), [false, true]);
    }
    let deep = json!({"properties": {"free": {}, "map": {"additionalProperties": {}}}});
    for (place, text) in [("free", twice), ("map", twice), ("free", once), ("map", once)] {
        let text = format!("{{\"{place}\": [[{text}]]}}").replace("[[", "{\"x\": ").replace("]]", "}");
        assert_eq!(accepted(deep.clone(), &[&text]), [!text.contains("u0061")], "{text}");
    }
}

#[test]
fn an_alias_is_the_field() {
    let schema = json!({"required": ["rate"], "additionalProperties": false,
                        "properties": {"rate": {"type": "number", "x-aliases": ["lr", "eta"]}, "n": {}}});
    let texts = [
        r#"{"rate": 1}"#,
        r#"{"eta": 1, "n": 2}"#,
        r#"{"eta": "x"}"#,
        r#"{"n": 1}"#,
        r#"{"lr": 1, "eta": 1}"#,
    ];
    assert_eq!(accepted(schema, &texts), [true, true, false, false, false]);
}

#[test]
fn what_is_not_json_is_refused_even_where_anything_fits() {
    let texts =
        ["{\"a\": 1} x", "{\"a\": 1e999}", "[\"\\ud800\"]", "[1,]", "{\"a\"}", "", "[01]", "nul", "\"\n\""];
    assert_eq!(accepted(json!(true), &texts), vec![false; texts.len()]);
    assert!(!compiled(&json!(true)).accepts(b"[\"\xff\"]"));
    assert!(compiled(&json!(true)).accepts(b" {\"a\": [\"\\u00e9\", null]}\n"));
}

#[test]
fn names_that_mean_something_to_the_json_library_are_left_to_the_check() {
    let wrapped = r#"{"$serde_json::private::RawValue": "{\"a\": 1}"}"#;
    assert_eq!(accepted(json!({"type": "object"}), &[wrapped]), [false]);
}

#[test]
fn depth_ends_where_reading_ends() {
    let schema = compiled(&json!({"type": "array", "items": {"$ref": "#"}}));
    for depth in 120..140 {
        let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(schema.accepts(text.as_bytes()), serde_json::from_str::<Value>(&text).is_ok(), "{depth}");
    }
    assert!(!schema.accepts("[".repeat(1_000_000).as_bytes()));
}
