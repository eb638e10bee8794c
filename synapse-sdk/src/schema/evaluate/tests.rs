#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use serde_json::json;

fn check(schema: Value, document: Value) -> Vec<(String, String, String)> {
    let found = Schema::compile(&schema).unwrap().check(&document);
    found.into_iter().map(|v| (v.pointer, v.rule, v.message)).collect()
}

fn one(schema: Value, document: Value) -> (String, String, String) {
    let mut found = check(schema, document);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn violation(pointer: &str, rule: &str, message: &str) -> (String, String, String) {
    (pointer.to_owned(), rule.to_owned(), message.to_owned())
}

#[test]
fn all_violations_are_found_at_once() {
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["name", "lr"],
        "properties": {
            "name": {"type": "string", "minLength": 2}, "epochs": {"type": "integer", "minimum": 1},
            "lr": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 1}
        }
    });
    let document = json!({"name": "x", "epochs": 0, "learning": 1, "tags": ["a", 2]});
    assert_eq!(
        check(schema, document),
        [
            violation("/name", "minLength", "expected at least 2 characters, not 1"),
            violation("/epochs", "minimum", "expected at least 1, not 0"),
            violation("/learning", "unknown", "no such field; there are name, epochs, lr, tags"),
            violation("/tags", "maxItems", "expected at most 1 item, not 2"),
            violation("/tags/1", "type", "expected a text, not 2; as a text it is \"2\", in quotes"),
            violation("/lr", "required", "is required"),
        ]
    );
}

#[test]
fn near_names_are_suggested() {
    let schema = json!({"additionalProperties": false, "properties": {"learning_rate": {}, "epochs": {}}});
    assert_eq!(
        one(schema, json!({"learning_rat": 1})),
        violation("/learning_rat", "unknown", "no such field; did you mean `learning_rate`?")
    );
    let (_, rule, message) = one(json!({"enum": ["yolo", "coco"]}), json!("yollo"));
    assert_eq!((rule.as_str(), message.ends_with("did you mean `yolo`?")), ("enum", true));
}

#[test]
fn an_optional_value_reports_what_is_wrong_with_the_value() {
    let schema = json!({"anyOf": [{"$ref": "#/$defs/Size"}, {"type": "null"}],
                        "$defs": {"Size": {"type": "integer", "maximum": 9}}});
    assert_eq!(check(schema.clone(), json!(null)), []);
    assert_eq!(one(schema, json!(10)), violation("", "maximum", "expected at most 9, not 10"));
}

#[test]
fn the_alternative_that_is_meant_reports_its_fields() {
    let schema = json!({"oneOf": [
        {"properties": {"kind": {"const": "sgd"}, "momentum": {"type": "number"}}, "required": ["kind"]},
        {"properties": {"kind": {"const": "adam"}}, "required": ["kind"], "type": "object"}
    ]});
    assert_eq!(check(schema.clone(), json!({"kind": "adam"})), []);
    let found = check(schema, json!({"kind": "sgd", "momentum": "x"}));
    assert_eq!(found[0].0, "/momentum");
}

#[test]
fn numbers_are_compared_exactly() {
    let schema = json!({"type": "integer", "maximum": 9_007_199_254_740_993_u64});
    assert_eq!(check(schema.clone(), json!(9_007_199_254_740_993_u64)), []);
    assert_eq!(one(schema, json!(9_007_199_254_740_994_u64)).1, "maximum");
    assert_eq!(check(json!({"minimum": i64::MIN}), json!(i64::MIN)), []);
    assert_eq!(one(json!({"maximum": u64::MAX - 1}), json!(u64::MAX)).1, "maximum");
    assert_eq!(check(json!({"multipleOf": 3}), json!(9)), []);
    assert_eq!(one(json!({"multipleOf": 3}), json!(10)).1, "multipleOf");
}

#[test]
fn exclusive_bounds_leave_out_the_bound() {
    let schema = json!({"exclusiveMinimum": 0, "exclusiveMaximum": 1.5});
    assert_eq!(check(schema.clone(), json!(0.1)), []);
    assert_eq!(
        one(schema.clone(), json!(0)),
        violation("", "exclusiveMinimum", "expected greater than 0, not 0")
    );
    assert_eq!(one(schema, json!(1.5)), violation("", "exclusiveMaximum", "expected less than 1.5, not 1.5"));
}

#[test]
fn whole_floats_are_integers_where_integers_are_wanted() {
    assert_eq!(check(json!({"type": "integer"}), json!(1.0)), []);
    assert_eq!(one(json!({"type": "integer"}), json!(1.5)).1, "type");
    let integer = json!({"type": "integer"});
    let number = json!({"type": "number"});
    for (schema, text, rewritten) in [
        (integer.clone(), "1.0", "1"),
        (integer.clone(), "-0.0", "0"),
        (integer.clone(), "1e18", "1000000000000000000"),
        (number.clone(), "1.0", "1.0"),
        (number.clone(), "-0.0", "-0.0"),
        (json!({}), "[1.0, {\"a\": -0.0}]", "[1.0,{\"a\":-0.0}]"),
        (json!({"type": ["integer", "null"]}), "1.0", "1"),
        (json!({"type": ["integer", "number"]}), "1.0", "1.0"),
        (json!({"enum": [1, 2]}), "2.0", "2"),
        (json!({"items": integer, "prefixItems": [number]}), "[1.0, 2.0]", "[1.0,2]"),
        (json!({"additionalProperties": integer}), "{\"a/b\": 1.0}", "{\"a/b\":1}"),
        (
            json!({"properties": {"a": {"type": "integer", "x-aliases": ["b"]}}}),
            "{\"b\": 1.0, \"c\": 1.0}",
            "{\"b\":1,\"c\":1.0}",
        ),
        (json!({"$ref": "#/$defs/N", "$defs": {"N": integer}}), "1.0", "1"),
        (json!({"allOf": [number, integer]}), "1.0", "1"),
        (json!({"anyOf": [integer, {"type": "null"}]}), "1.0", "1"),
        (json!({"anyOf": [integer, number]}), "1.0", "1.0"),
        (json!({"oneOf": [integer, {"type": "string"}]}), "1.0", "1"),
        (json!({"not": {"items": integer}}), "[1.5, 1.0]", "[1.5,1.0]"),
        (json!({"contains": integer}), "[1.0]", "[1.0]"),
        (json!({"if": {"items": integer}, "then": {"items": number}}), "[1.0]", "[1.0]"),
    ] {
        let checked = Schema::compile(&schema).unwrap().check_text(text.as_bytes()).unwrap();
        assert_eq!(checked.violations, [], "{schema} {text}");
        assert_eq!(checked.document.to_string(), rewritten, "{schema} {text}");
    }
}

#[test]
fn pointers_are_escaped() {
    let schema = json!({"additionalProperties": {"type": "integer"}});
    assert_eq!(one(schema, json!({"a/b~c": "x"})).0, "/a~1b~0c");
}

#[test]
fn a_schema_may_contain_itself_but_not_be_itself() {
    let tree =
        json!({"type": "object", "properties": {"left": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}});
    assert_eq!(check(tree.clone(), json!({"left": {"left": null}})), []);
    assert_eq!(one(tree, json!({"left": {"left": 1}})).0, "/left/left");
    for circle in [
        json!({"$ref": "#"}),
        json!({"allOf": [{"anyOf": [{"$ref": "#"}]}]}),
        json!({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"oneOf": [{"$ref": "#/$defs/A"}]}}}),
    ] {
        let error = Schema::compile(&circle).unwrap_err();
        assert!(
            error.to_string().ends_with("leads back to itself without reading any of the value"),
            "{error}"
        );
    }
}

#[test]
fn what_is_not_supported_is_refused_with_its_place() {
    for (schema, place) in [
        (
            json!({"properties": {"a": {"unevaluatedItems": {}}}}),
            "/properties/a/unevaluatedItems: this keyword is not supported",
        ),
        (
            json!({"$ref": "#/$defs/A", "$defs": {"A": {"oneOf": [true, {"minimum": "1"}]}}}),
            "/$defs/A/oneOf/1/minimum: expected a number",
        ),
        (
            json!({"$ref": "https://example.org/schema"}),
            "/$ref: only references within the schema are supported",
        ),
        (json!({"items": {"multipleOf": 0}}), "/items/multipleOf: expected a number greater than 0"),
        (json!({"type": "text"}), "/type: no such type"),
        (json!({"anyOf": []}), "/anyOf: expected at least one alternative"),
        (
            json!({"unevaluatedProperties": {"type": "null"}}),
            "/unevaluatedProperties: only true and false are supported",
        ),
        (json!({"properties": {"a": {"x-aliases": "b"}}}), "/properties/a/x-aliases: expected a list"),
    ] {
        let error = Schema::compile(&schema).unwrap_err();
        assert_eq!(error.to_string(), format!("JSON Schema at #{place}"));
    }
}

#[test]
fn names_that_stand_twice_are_told_wherever_they_stand() {
    let schema = Schema::compile(&json!({"properties": {"a": {"type": "integer"}}})).unwrap();
    let text = r#"{"a": 1, "free": {"list": [0, {"x": 1, "x": 2, "x": 3}]}, "a": "x"}"#;
    let found = schema.check_text(text.as_bytes()).unwrap().violations;
    let found: Vec<_> =
        found.iter().map(|v| (v.pointer.as_str(), v.rule.as_str(), v.given.to_string())).collect();
    let twice = |pointer, given: &str| (pointer, "duplicate", given.to_owned());
    assert_eq!(
        found,
        [
            twice("/free/list/1/x", "2"),
            twice("/free/list/1/x", "3"),
            twice("/a", "\"x\""),
            ("/a", "type", "\"x\"".to_owned())
        ]
    );
}

#[test]
fn an_alias_is_the_field() {
    let schema = json!({"required": ["rate"], "additionalProperties": false,
                        "properties": {"rate": {"type": "number", "x-aliases": ["lr", "eta"]}, "epochs": {}}});
    assert_eq!(check(schema.clone(), json!({"lr": 1})), []);
    assert_eq!(one(schema.clone(), json!({"eta": "x"})).0, "/eta");
    assert_eq!(
        one(schema.clone(), json!({"lr": 1, "rate": 2})),
        violation("/rate", "duplicate", "is given as `lr` already: both are names of one field")
    );
    assert_eq!(one(schema.clone(), json!({})), violation("/rate", "required", "is required"));
    assert_eq!(one(schema, json!({"lr": 1, "epoch": 2})).2, "no such field; did you mean `epochs`?");
}

fn optimizers() -> Value {
    json!({"oneOf": [
        {"type": "object", "properties": {"kind": {"type": "string", "const": "sgd"}, "momentum": {"type": "number"}},
         "required": ["kind", "momentum"]},
        {"type": "object", "properties": {"kind": {"type": "string", "const": "adam"}, "beta": {"type": "number"}},
         "required": ["kind"]}
    ]})
}

#[test]
fn the_variant_that_a_tag_names_tells_what_is_wrong() {
    let schema = optimizers();
    assert_eq!(check(schema.clone(), json!({"kind": "adam"})), []);
    assert_eq!(
        check(schema.clone(), json!({"beta": "x", "kind": "adam"})),
        [violation("/beta", "type", "expected a number, not \"x\"")]
    );
    assert_eq!(
        one(schema.clone(), json!({"kind": "sgd"})),
        violation("/momentum", "required", "is required")
    );
    assert_eq!(
        one(schema.clone(), json!({"beta": 1})),
        violation("/kind", "required", "`kind` is required: one of sgd, adam")
    );
    assert_eq!(
        one(schema.clone(), json!({"kind": "adm"})),
        violation("/kind", "enum", "expected one of \"sgd\", \"adam\", not \"adm\"; did you mean `adam`?")
    );
    assert_eq!(one(schema, json!(["sgd"])), violation("", "type", "expected an object, not a list"));
}

#[test]
fn the_variant_that_is_a_field_tells_what_is_wrong() {
    let variant = |name: &str, inner: Value| json!({"type": "object", "properties": {name: inner}, "required": [name], "additionalProperties": false});
    let sgd =
        json!({"type": "object", "properties": {"momentum": {"type": "number"}}, "required": ["momentum"]});
    let schema = json!({"oneOf": [{"type": "string", "enum": ["none", "auto"]}, variant("sgd", sgd), variant("step", json!({"type": "integer"}))]});
    assert_eq!(check(schema.clone(), json!("auto")), []);
    assert_eq!(check(schema.clone(), json!({"sgd": {"momentum": 1}})), []);
    let all = "expected one of none, auto, sgd, step";
    for (document, expected) in [
        (json!({"sgd": {}}), violation("/sgd/momentum", "required", "is required")),
        (json!({"step": 1, "stop": 2}), violation("/stop", "unknown", "no such field; there are step")),
        (json!({"sgd": 1, "step": 1}), violation("", "oneOf", "expected only one of `sgd`, `step`")),
        (json!({"stp": 1}), violation("", "oneOf", &format!("{all}, not `stp`; did you mean `step`?"))),
        (json!({}), violation("", "oneOf", all)),
        (json!("step"), violation("", "oneOf", "`step` has a value: {\"step\": …}")),
        (json!("atuo"), violation("", "oneOf", &format!("{all}, not \"atuo\"; did you mean `auto`?"))),
        (
            json!(5),
            violation("", "type", "expected a text or an object, not 5; as a text it is \"5\", in quotes"),
        ),
    ] {
        assert_eq!(one(schema.clone(), document), expected);
    }
}

#[test]
fn quotes_too_many_or_too_few_are_noticed() {
    for (kind, document, message) in [
        ("integer", json!("5"), "expected an integer, not \"5\"; leave out the quotes"),
        ("integer", json!("five"), "expected an integer, not \"five\""),
        ("integer", json!("1.5"), "expected an integer, not \"1.5\""),
        ("boolean", json!("true"), "expected true or false, not \"true\"; leave out the quotes"),
        ("string", json!(5), "expected a text, not 5; as a text it is \"5\", in quotes"),
        ("array", json!(5), "expected a list, not 5"),
    ] {
        assert_eq!(one(json!({"type": kind}), document), violation("", "type", message));
    }
}

#[test]
fn other_keywords_say_what_they_want() {
    let positive = json!({"exclusiveMinimum": 0});
    let depends = json!({"dependentRequired": {"a": ["b", "c"]}});
    let of_two = json!({"type": "array", "contains": positive, "minContains": 2, "maxContains": 3});
    let branches = json!({"if": {"properties": {"a": {"const": 1}}}, "then": {"required": ["b"]}, "else": {"required": ["c"]}});
    let kind = "of the kind that the schema asks for";
    for (schema, document, expected) in [
        (
            json!({"not": {"type": "null"}}),
            json!(null),
            violation("", "not", "null is just what may not stand here"),
        ),
        (
            json!({"contains": positive}),
            json!([0]),
            violation("", "contains", &format!("expected at least 1 item {kind}")),
        ),
        (
            of_two.clone(),
            json!([1]),
            violation("", "minContains", &format!("expected at least 2 items {kind}, not 1")),
        ),
        (
            of_two,
            json!([1, 2, 3, 4]),
            violation("", "maxContains", &format!("expected at most 3 items {kind}, not 4")),
        ),
        (
            depends,
            json!({"a": 1, "b": 1}),
            violation("/c", "dependentRequired", "is required together with `a`"),
        ),
        (branches.clone(), json!({"a": 1}), violation("/b", "required", "is required")),
        (branches, json!({"a": 2, "b": 1}), violation("/c", "required", "is required")),
        (
            json!({"propertyNames": {"maxLength": 1}}),
            json!({"a": 1, "bc": 1}),
            violation("/bc", "propertyNames", "the name does not fit: expected at most 1 character, not 2"),
        ),
        (
            json!({"patternProperties": {r"^\d+$": {"type": "null"}}, "additionalProperties": false}),
            json!({"1": null, "x": 1}),
            violation("/x", "unknown", "no such field; there are none"),
        ),
        (
            json!({"uniqueItems": true}),
            json!([1, "a", 1.0]),
            violation("/2", "uniqueItems", "stands in the list already"),
        ),
        (json!({"const": 5}), json!(6), violation("", "const", "expected 5, not 6")),
        (json!({"items": false}), json!([1]), violation("/0", "false", "nothing may stand here")),
    ] {
        assert_eq!(one(schema, document), expected);
    }
    assert_eq!(check(json!({"contains": positive, "minContains": 0}), json!([])), []);
}

#[test]
fn fields_that_no_part_speaks_of_are_refused() {
    let schema = json!({
        "properties": {"a": true}, "unevaluatedProperties": false, "$ref": "#/$defs/B",
        "anyOf": [{"properties": {"c": {"const": 1}}, "required": ["c"]}, {"properties": {"d": true}}],
        "if": {"required": ["a"]}, "then": {"properties": {"e": true}}, "else": {"properties": {"f": true}},
        "$defs": {"B": {"properties": {"b": true}}}
    });
    assert_eq!(check(schema.clone(), json!({"a": 1, "b": 1, "c": 1, "d": 1, "e": 1})), []);
    let found =
        |document: Value| check(schema.clone(), document).into_iter().map(|v| v.0).collect::<Vec<_>>();
    assert_eq!(found(json!({"a": 1, "c": 2, "f": 1})), ["/c", "/f"]);
    assert_eq!(found(json!({"e": 1, "f": 1, "x": 1})), ["/e", "/x"]);
}

#[test]
fn definitions_are_found_by_encoded_names() {
    let schema = json!({"$ref": "#/$defs/a~1%C3%A9%20b", "$defs": {"a/é b": {"type": "null"}}});
    assert_eq!(one(schema, json!(1)).1, "type");
}
