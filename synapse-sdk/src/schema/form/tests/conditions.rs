use insta::assert_compact_json_snapshot;
use serde_json::{Value, json};

use super::{form_with, item_for};

fn shown_if(condition: Value) -> Value {
    json!({ "type": "number", "x-ui": { "if": condition } })
}

#[test]
fn a_field_is_shown_while_others_have_values() {
    assert_compact_json_snapshot!(form_with(json!({
        "optimizer": { "enum": ["sgd", "adam", "lion"] },
        "augment": { "type": "boolean" },
        "momentum": shown_if(json!({ "optimizer": ["sgd"] })),
        "decay": shown_if(json!({ "optimizer": ["adam", "lion"] })),
        "both": shown_if(json!({ "augment": [true], "optimizer": ["sgd", "adam"] })),
        "other": shown_if(json!({ "optimizer": ["sgd", "adam"], "augment": [false] })),
    })));
}

fn expression(values: Value) -> Value {
    let items = form_with(json!({ "of": { "type": "string" }, "x": shown_if(json!({ "of": values })) }));
    items[1]["if"].clone()
}

#[test]
fn values_in_expressions() {
    assert_eq!(expression(json!(["it's a (\\)"])), r"$get(of).value === 'it\'s a (\\)'");
    assert_eq!(expression(json!([5, -0.5])), "$get(of).value === 5 || $get(of).value === -0.5");
    assert_eq!(expression(json!([null])), "$get(of).value == undefined");
    assert_eq!(expression(json!([])), "$: false");
}

#[test]
fn nobody_is_asked_for_fields_that_are_not_in_the_form() {
    let items = form_with(json!({
        "gone": { "type": "string", "x-ui": { "exclude": true } },
        "x": shown_if(json!({ "gone": ["a"], "missing": ["a"] })),
    }));
    assert_eq!(
        items,
        [json!({ "$formkit": "number", "name": "x", "label": "X", "step": "any", "number": true })]
    );
}

#[test]
fn conditions_ask_for_the_tag_of_a_tagged_enum() {
    let variant = |tag: &str| json!({ "properties": { "type": { "const": tag } }, "required": ["type"] });
    let items = form_with(json!({
        "optimizer": { "oneOf": [variant("sgd"), variant("adam")] },
        "x": shown_if(json!({ "optimizer": ["sgd"] })),
    }));
    assert_eq!(items[1]["if"], "$get(optimizer_type).value === 'sgd'");
    assert_eq!(items[0]["children"][0]["id"], "optimizer_type");
}

#[test]
fn a_variant_and_a_hint_must_both_hold() {
    let item = item_for(json!({ "oneOf": [
        { "properties": { "t": { "const": "a" }, "on": { "type": "boolean" }, "n": shown_if(json!({ "on": [true] })) }, "required": ["t"] },
        { "properties": { "t": { "const": "b" } }, "required": ["t"] },
    ] }));
    assert_eq!(item["children"][1]["id"], "x_on");
    assert_eq!(item["children"][2]["if"], "$get(x_t).value === 'a' && $get(x_on).value === true");
}

#[test]
fn ids_are_words_and_never_the_same() {
    let asked = |name: &str| json!({ "type": "object", "properties": { name: { "type": "boolean" }, "z": shown_if(json!({ name: [true] })) } });
    let items = form_with(
        json!({ "a": asked("b_c"), "a_b": asked("c"), "d-e": asked("f g"), "1": asked("true"), "true": { "type": "boolean" }, "y": shown_if(json!({ "true": [true] })) }),
    );
    let id = |index: usize| items[index]["children"][0]["id"].clone();
    assert_eq!([id(0), id(1), id(2), id(3)], ["a_b_c", "a_b_c_2", "d_e_f_g", "field_1_true"]);
    assert_eq!(items[1]["children"][1]["if"], "$get(a_b_c_2).value === true");
    assert_eq!(items[4]["id"], "field_true");
}

#[test]
fn rows_ask_for_their_own_value() {
    let rows = |name: &str| {
        item_for(json!({ "type": "array", "items": {
            "type": "object",
            "properties": {
                name: { "enum": ["dense", "conv"] },
                "width": shown_if(json!({ name: ["dense"] })),
                "inner": { "type": "object", "properties": { "on": { "type": "boolean" }, "w": shown_if(json!({ "on": [true] })) } },
            },
        } }))
    };
    assert_compact_json_snapshot!(rows("kind"));
    // A name that is no word cannot stand in an expression.
    assert_eq!(rows("the-kind")["children"][1]["if"], json!(null));
}
