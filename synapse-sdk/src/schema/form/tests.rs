#![expect(clippy::unwrap_used, reason = "tests")]

mod bounds;
mod conditions;
mod enums;
mod hints;
mod inputs;
mod lists;
mod odd;

use serde_json::{Value, json};

use super::form;

/// The form for an object with these fields, none of them required.
fn form_with(properties: Value) -> Vec<Value> {
    form(&json!({ "type": "object", "properties": properties }))
}

/// The only item of the form for an object with this field.
fn item(name: &str, schema: Value) -> Value {
    let [item] = form_with(json!({ name: schema })).try_into().unwrap();
    item
}

/// The item for a field `x`.
fn item_for(schema: Value) -> Value {
    item("x", schema)
}
