use insta::assert_compact_json_snapshot;
use serde_json::{Value, json};

use super::{form_with, item_for};
use crate::schema::form::form;

#[test]
fn hints_win() {
    assert_compact_json_snapshot!(form_with(json!({
        "width": {
            "type": "integer", "default": 640, "description": "From the schema",
            "x-ui": { "label": "Image width", "unit": "px", "placeholder": "as it is", "help": "From\nthe hint", "step": 32 },
        },
        "height_of_it": { "type": "integer", "x-ui": { "unit": "px" } },
    })));
}

#[test]
fn a_widget_does_not_change_what_the_value_is() {
    assert_compact_json_snapshot!(form_with(json!({
        "share": { "type": "number", "minimum": 0, "maximum": 1, "default": 0.2, "x-ui": { "widget": "range", "step": 0.05 } },
        "note": { "type": "string", "x-ui": { "widget": "textarea" } },
        "labels": { "type": "array", "items": { "type": "string" }, "default": ["a"], "x-ui": { "widget": "textarea" } },
        "mode": { "enum": ["a", "b"], "x-ui": { "widget": "radio" } },
    })));
}

fn names(items: &[Value]) -> Vec<&str> {
    items.iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[test]
fn order_is_stable_with_zero_where_none_is_said() {
    let with_order = |order: i64| json!({ "type": "string", "x-ui": { "order": order } });
    let items = form_with(json!({
        "a": with_order(1), "b": { "type": "string" }, "c": with_order(-1), "d": with_order(1), "e": with_order(0),
    }));
    assert_eq!(names(&items), ["c", "b", "e", "a", "d"]);
}

#[test]
fn groups_stand_where_their_first_field_does() {
    let in_group =
        |group: &str, order: i64| json!({ "type": "string", "x-ui": { "group": group, "order": order } });
    assert_compact_json_snapshot!(form_with(json!({
        "a": { "type": "string" },
        "b": in_group("Model", 0),
        "c": { "type": "string" },
        "d": in_group("Model", 0),
        "e": in_group("Data", -1),
        "f": in_group("Model", -1),
    })));
}

#[test]
fn order_and_groups_hold_within_a_level() {
    let item = item_for(json!({ "type": "object", "properties": {
        "a": { "type": "string", "x-ui": { "group": "G" } },
        "b": { "type": "string", "x-ui": { "order": -1 } },
    } }));
    assert_eq!(item["children"][0]["name"], "b");
    assert_eq!(item["children"][1]["$el"], "fieldset");
    assert_eq!(item["children"][1]["children"][1]["name"], "a");
}

#[test]
fn hidden_fields_keep_their_value() {
    assert_compact_json_snapshot!(form_with(json!({
        "version": { "type": "integer", "default": 3, "x-ui": { "hidden": true } },
        "kept": { "$ref": "#/$defs/None", "type": "array", "items": { "type": "string" }, "default": ["a"], "x-ui": { "hidden": true } },
        "made": {
            "type": "object",
            "properties": { "depth": { "type": "integer", "default": 2 }, "name": { "type": "string" } },
            "x-ui": { "hidden": true },
        },
        "empty": { "type": "string", "x-ui": { "hidden": true } },
        "shown": { "type": "string", "x-ui": { "hidden": false } },
    })));
}

#[test]
fn excluded_fields_and_types_are_not_in_the_form() {
    let schema = json!({
        "properties": {
            "a": { "type": "string", "x-ui": { "exclude": true } },
            "b": { "$ref": "#/$defs/Secret", "x-ui": { "label": "B" } },
            "c": { "type": "string" },
        },
        "$defs": { "Secret": { "type": "object", "properties": { "x": {} }, "x-ui": { "exclude": true } } },
    });
    assert_eq!(names(&form(&schema)), ["c"]);
    assert_eq!(
        form(&json!({ "properties": { "a": { "type": "string" } }, "x-ui": { "exclude": true } })),
        [] as [Value; 0]
    );
}
