//! What stands in a keyword, or why it cannot.

use serde_json::{Map, Number, Value};

use crate::errors::{ErrorKind, PluginError, Result};
use crate::schema::decimal::Step;
use crate::schema::node::{Type, Types};
use crate::schema::numbers::Num;
use crate::schema::place::Place;

pub(super) fn types(value: &Value, place: &Place<'_>) -> Result<Types> {
    let words = match value {
        Value::Array(words) => words.as_slice(),
        word => std::slice::from_ref(word),
    };
    let mut types = Types::NONE;
    for word in words {
        types.add(match word.as_str() {
            Some("null") => Type::Null,
            Some("boolean") => Type::Boolean,
            Some("integer") => Type::Integer,
            Some("number") => Type::Number,
            Some("string") => Type::String,
            Some("array") => Type::Array,
            Some("object") => Type::Object,
            _ => return Err(unsupported(place, "no such type")),
        });
    }
    Ok(types)
}

pub(super) fn array<'a>(value: &'a Value, place: &Place<'_>) -> Result<&'a Vec<Value>> {
    value.as_array().ok_or_else(|| unsupported(place, "expected a list"))
}

pub(super) fn object<'a>(value: &'a Value, place: &Place<'_>) -> Result<&'a Map<String, Value>> {
    value.as_object().ok_or_else(|| unsupported(place, "expected an object"))
}

pub(super) fn text<'a>(value: &'a Value, place: &Place<'_>) -> Result<&'a str> {
    value.as_str().ok_or_else(|| unsupported(place, "expected a text"))
}

pub(super) fn number(value: &Value, place: &Place<'_>) -> Result<Number> {
    value.as_number().cloned().ok_or_else(|| unsupported(place, "expected a number"))
}

pub(super) fn step(value: &Value, place: &Place<'_>) -> Result<Step> {
    Step::new(number(value, place)?).ok_or_else(|| unsupported(place, "expected a number greater than 0"))
}

pub(super) fn count(value: &Value, place: &Place<'_>) -> Result<u64> {
    let whole = value.as_number().and_then(|number| Num::from(number).whole_float());
    let count = value.as_u64().or_else(|| whole?.as_u64());
    count.ok_or_else(|| unsupported(place, "expected a count"))
}

pub(super) fn strings(value: &Value, place: &Place<'_>) -> Result<Vec<String>> {
    let words = array(value, place)?.iter();
    words
        .map(|word| word.as_str().map(str::to_owned).ok_or_else(|| unsupported(place, "expected names")))
        .collect()
}

pub(super) fn dependent(value: &Value, place: &Place<'_>) -> Result<Vec<(String, Vec<String>)>> {
    let lists = object(value, place)?.iter();
    lists.map(|(name, others)| Ok((name.clone(), strings(others, &place.field(name))?))).collect()
}

#[cold]
pub(in crate::schema) fn unsupported(place: &Place<'_>, why: &str) -> PluginError {
    PluginError::new(ErrorKind::Unsupported, format!("JSON Schema at #{}: {why}", place.pointer()))
}
