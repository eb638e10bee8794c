//! The JSON Schema of a type: what schemars makes, with every rule in it that
//! decoding has.

use serde_json::{Map, Number, Value};

use super::Contract;
use super::numbers::Num;

/// The JSON Schema of `T`, for reading (`deserialize`) or writing.
///
/// Integers have the bounds of their width, and of two bounds on one side only
/// the stronger is left.
///
/// ```
/// use synapse_sdk::schema::{Contract, json_schema};
///
/// let schema = json_schema::<u32>(Contract::Params);
/// assert_eq!((&schema["minimum"], &schema["maximum"]), (&0.into(), &u32::MAX.into()));
/// ```
pub fn json_schema<T: schemars::JsonSchema>(contract: Contract) -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12();
    let settings = match contract {
        Contract::Params => settings.for_deserialize(),
        Contract::Result => settings.for_serialize(),
    };
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    tidy(&mut schema);
    schema
}

/// Tidies a schema and those within it. Most keywords ask for nothing, and are
/// looked at once.
fn tidy(schema: &mut Value) {
    let Value::Object(keywords) = schema else { return };
    let mut width = None;
    let (mut has_exclusive, mut has_each) = (false, false);
    for (keyword, value) in keywords.iter_mut() {
        match keyword.as_str() {
            "properties" | "$defs" | "patternProperties" => each_value(value),
            "allOf" | "anyOf" | "oneOf" | "prefixItems" => each_item(value),
            "items"
            | "additionalProperties"
            | "contains"
            | "propertyNames"
            | "not"
            | "if"
            | "then"
            | "else" => {
                tidy(value);
            }
            "format" => width = value.as_str().and_then(limits),
            "exclusiveMinimum" | "exclusiveMaximum" => has_exclusive = true,
            "x-each" => has_each = true,
            _ => {}
        }
    }
    if let Some((least, most)) = width {
        strengthen(keywords, "minimum", least, |limit, other| limit.compare(other).is_lt());
        strengthen(keywords, "maximum", most, |limit, other| limit.compare(other).is_gt());
    }
    if has_exclusive {
        drop_weaker(keywords, "minimum", "exclusiveMinimum", |limit, exclusive| {
            limit.compare(exclusive).is_le()
        });
        drop_weaker(keywords, "maximum", "exclusiveMaximum", |limit, exclusive| {
            limit.compare(exclusive).is_ge()
        });
    }
    if has_each && let Some(Value::Object(each)) = keywords.shift_remove("x-each") {
        merge_each(keywords, each);
    }
}

fn each_value(schemas: &mut Value) {
    if let Value::Object(schemas) = schemas {
        schemas.values_mut().for_each(tidy);
    }
}

fn each_item(schemas: &mut Value) {
    if let Value::Array(schemas) = schemas {
        schemas.iter_mut().for_each(tidy);
    }
}

/// The least and the greatest number of a width, as schemars names it. JSON
/// readers have nothing wider than 64 bits.
pub(crate) fn limits(format: &str) -> Option<(Number, Number)> {
    Some(match format {
        "int8" => (i8::MIN.into(), i8::MAX.into()),
        "int16" => (i16::MIN.into(), i16::MAX.into()),
        "int32" => (i32::MIN.into(), i32::MAX.into()),
        "int64" => (i64::MIN.into(), i64::MAX.into()),
        "int" => (isize::MIN.into(), isize::MAX.into()),
        "int128" => (i64::MIN.into(), u64::MAX.into()),
        "uint8" => (0.into(), u8::MAX.into()),
        "uint16" => (0.into(), u16::MAX.into()),
        "uint32" => (0.into(), u32::MAX.into()),
        "uint64" | "uint128" => (0.into(), u64::MAX.into()),
        "uint" => (0.into(), usize::MAX.into()),
        "float" => (Number::from_f64(f32::MIN.into())?, Number::from_f64(f32::MAX.into())?),
        _ => return None,
    })
}

/// Sets a bound, unless there is a stronger one.
fn strengthen(
    keywords: &mut Map<String, Value>,
    keyword: &str,
    limit: Number,
    is_weaker: fn(Num, Num) -> bool,
) {
    match keywords.get_mut(keyword) {
        Some(Value::Number(given)) => {
            if is_weaker(Num::from(&*given), Num::from(&limit)) {
                *given = limit;
            }
        }
        Some(_) => {}
        None => {
            keywords.insert(keyword.to_owned(), limit.into());
        }
    }
}

/// Of an inclusive and an exclusive bound, only the stronger says something.
fn drop_weaker(
    keywords: &mut Map<String, Value>,
    inclusive: &str,
    exclusive: &str,
    exclusive_is_stronger: fn(Num, Num) -> bool,
) {
    let Some(Value::Number(limit)) = keywords.get(exclusive) else { return };
    let Some(Value::Number(other)) = keywords.get(inclusive) else { return };
    let weaker = match exclusive_is_stronger(Num::from(other), Num::from(limit)) {
        true => inclusive,
        false => exclusive,
    };
    keywords.shift_remove(weaker);
}

/// What is said of each item or value goes to where the schema speaks of them.
fn merge_each(keywords: &mut Map<String, Value>, each: Map<String, Value>) {
    if let Some(Value::Object(patterns)) = keywords.get_mut("patternProperties") {
        patterns.values_mut().for_each(|schema| merge(schema, &each));
        return;
    }
    let place = if is_object(keywords) { "additionalProperties" } else { "items" };
    merge(keywords.entry(place).or_insert(Value::Bool(true)), &each);
}

fn is_object(keywords: &Map<String, Value>) -> bool {
    match keywords.get("type") {
        Some(Value::String(word)) => word == "object",
        Some(Value::Array(words)) => words.iter().any(|word| word == "object"),
        _ => false,
    }
}

fn merge(schema: &mut Value, rules: &Map<String, Value>) {
    if !schema.is_object() {
        *schema = Value::Object(Map::new());
    }
    if let Value::Object(keywords) = schema {
        keywords.extend(rules.iter().map(|(keyword, rule)| (keyword.clone(), rule.clone())));
    }
    tidy(schema);
}

#[cfg(test)]
mod tests;
