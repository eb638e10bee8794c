//! Forms: from a JSON Schema to the list of FormKit items that the platform
//! renders.
//!
//! ```
//! use synapse_sdk::prelude::*;
//! use synapse_sdk::schema::form::form_of;
//!
//! #[params]
//! struct TrainParams {
//!     /// Passes over the data
//!     #[param(default = 10, ge = 1, le = 1000)]
//!     epochs: u32,
//! }
//!
//! assert_eq!(
//!     form_of::<TrainParams>(),
//!     [json!({
//!         "$formkit": "number", "name": "epochs", "label": "Epochs", "value": 10, "placeholder": 10,
//!         "help": "Passes over the data", "min": 1, "max": 1000, "number": true,
//!     })],
//! );
//! ```
//!
//! # Where it differs from the Python SDK's list
//!
//! - Enums are selects with their values, lists repeaters, nested types groups;
//!   what no input fits is JSON in a `textarea` with `"json": true`, to be
//!   parsed as `"number": true` says to cast. There all these are `text`, and a
//!   list of numbers is a `number`.
//! - Computed defaults, lengths and patterns are there. A bound that is itself
//!   excluded stays so: `min` and `max` are moved by one for integers, and for
//!   floats a rule of `validation` excludes the bound.
//! - Floats have `"step": "any"`. Without a step a browser accepts whole
//!   numbers only. With a `multipleOf`, `min` is the lowest multiple: a browser
//!   counts steps from there.
//! - A required boolean has no `required` but the value `false`: a checkbox that
//!   is required would have to be ticked.
//!
//! # What it relies on
//!
//! These facts are from FormKit's documentation, page names in parentheses. Rules,
//! conditions, values, options and raw text were tried with FormKit 2.1.2; the
//! repeater, which is part of FormKit Pro, was not.
//!
//! - The array syntax of `validation` takes typed arguments (Validation, "Array
//!   syntax"). `length` takes least and most and also counts lists; `matches`
//!   takes a pattern in slashes as text, without flags; `not` any number of
//!   values. There can be only one rule of a name, or one takes the other's
//!   message away.
//! - An `if` is an expression, and `$get(id)` reaches any input that has an `id`
//!   (Schema, "The `if` property", "Accessing other inputs"). An expression that
//!   does not begin with `$` is labelled `$:`. `&&` and `||` rank alike, so what
//!   is mixed is in parentheses. Inputs that come and go have a `key` (Schema,
//!   "Conditionals").
//! - Text that begins with `$` is taken as an expression in every prop whose
//!   name does not begin with `__raw__` (Schema, "Raw values"): a default like
//!   `$HOME` is given as `__raw__value`.
//! - In a row of a repeater ids repeat; there `$value` is the value of the row,
//!   or of the group within it.
//! - `group` and `list` show nothing themselves: they give the value its
//!   structure. The children of a `list` go by their position (Group Input, List
//!   Input).
//! - A `repeater` starts with one row unless `min` is 0 (Repeater Input). Its rows
//!   are groups: the one child without a `name` that a list of plain values has
//!   here is the item itself.
//! - Options are texts, or objects with `label`, `value` and perhaps `help`;
//!   values that are no texts need objects. A select without value and
//!   placeholder takes its first option (Select Input), so an optional one
//!   begins with "Not set", which is `null`.
//! - `ignore` keeps an input out of the value (List Input, "Universal props").
//! - `hidden` inputs cast with `number` too (Hidden Input).

mod bounds;
mod builder;
mod condition;
mod ids;
mod item;
mod level;
mod shape;
pub(super) mod view;
mod words;

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde_json::Value;

use self::builder::{Builder, Place};
use self::level::Level;
use self::view::View;
use super::{Contract, json_schema};

/// The form for a JSON Schema: FormKit items in the platform's shape.
///
/// Empty for a type that is excluded from forms, and for a schema without
/// fields. A type that contains itself is cut off with a JSON `textarea`.
pub fn form(schema: &Value) -> Vec<Value> {
    let view = View::whole(schema);
    if view.is_marked("exclude") {
        return Vec::new();
    }
    let level = Level { view: &view, default: None, heading: None };
    Builder::default().level(&level, &Place::default())
}

/// The form for a params type.
pub fn form_of<T: JsonSchema>() -> Vec<Value> {
    form(&json_schema::<T>(Contract::Params))
}
