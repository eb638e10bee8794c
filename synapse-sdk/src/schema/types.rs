//! What JSON Schemas say of types and fields, as far as a check needs it.

use std::fmt;

use serde_json::{Map, Value};

/// The JSON types a value may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Types(u8);

const NAMES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];
const ALL: u8 = 0x7f;
const INTEGER: u8 = 1 << 2;
const NUMBER: u8 = 1 << 3;

impl Types {
    /// Every type.
    pub const ANY: Self = Self(ALL);
    /// Lists.
    pub const ARRAY: Self = Self(1 << 5);
    /// Whole numbers.
    pub const INTEGER: Self = Self(INTEGER);
    /// Texts.
    pub const TEXT: Self = Self(1 << 4);

    /// The type of that name in JSON Schema; any where there is none.
    pub fn named(name: &str) -> Self {
        let bit = NAMES.iter().position(|known| *known == name).map_or(ALL, |index| 1 << index);
        // Every integer is a number.
        Self(if bit == NUMBER { NUMBER | INTEGER } else { bit })
    }

    /// The type of a value.
    pub fn of_value(value: &Value) -> Self {
        Self::named(match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        })
    }

    /// Whether a value of these types may be one of `expected`.
    pub fn may_be(self, expected: Self) -> bool {
        self.0 & expected.0 != 0
    }

    /// Whether a list may be of these types.
    pub fn can_be_list(self) -> bool {
        self.may_be(Self::ARRAY)
    }

    /// The types that `schema`, within `root`, admits.
    pub fn of_schema(root: &Value, schema: &Value) -> Self {
        Self(types(root, schema, 0))
    }
}

impl fmt::Display for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = if self.0 & NUMBER != 0 { self.0 & !INTEGER } else { self.0 };
        let names = NAMES.iter().enumerate().filter(|(index, _)| shown & (1 << index) != 0);
        let names: Vec<&str> = names.map(|(_, name)| *name).collect();
        match self.0 {
            ALL => f.write_str("any value"),
            _ => f.write_str(&names.join(" or ")),
        }
    }
}

/// References may go round in circles.
const DEEPEST: usize = 16;

fn types(root: &Value, schema: &Value, depth: usize) -> u8 {
    let Value::Object(rules) = schema else { return if schema == &Value::Bool(false) { 0 } else { ALL } };
    if depth > DEEPEST {
        return ALL;
    }
    let mut found = ALL;
    if let Some(named) = rules.get("type") {
        let words = named.as_array().map_or_else(|| vec![named], |words| words.iter().collect());
        let words = words.into_iter().filter_map(Value::as_str);
        found &= words.fold(0, |all, word| all | Types::named(word).0);
    }
    let values = rules.get("enum").and_then(Value::as_array).map(Vec::as_slice);
    if let Some(values) = values.or_else(|| rules.get("const").map(std::slice::from_ref)) {
        found &= values.iter().fold(0, |all, value| all | Types::of_value(value).0);
    }
    if let Some(target) = target(root, rules) {
        found &= types(root, target, depth + 1);
    }
    for keyword in ["anyOf", "oneOf"] {
        if let Some(options) = rules.get(keyword).and_then(Value::as_array) {
            found &= options.iter().fold(0, |all, option| all | types(root, option, depth + 1));
        }
    }
    let all = rules.get("allOf").and_then(Value::as_array).into_iter().flatten();
    all.fold(found, |found, part| found & types(root, part, depth + 1))
}

fn target<'a>(root: &'a Value, rules: &Map<String, Value>) -> Option<&'a Value> {
    root.pointer(rules.get("$ref")?.as_str()?.strip_prefix('#')?)
}

/// A field of what a schema describes.
#[derive(Clone, Copy, Debug)]
pub enum Field<'a> {
    /// Described.
    Known(&'a Value),
    /// The schema leaves it open.
    Open,
    /// There is none.
    Missing,
}

/// What `schema` says of the field `name`.
pub fn field<'a>(root: &'a Value, schema: &'a Value, name: &str) -> Field<'a> {
    let mut parts = Vec::new();
    collect(root, schema, &mut parts, 0);
    let described = |rules: &&'a Map<String, Value>| rules.contains_key("properties");
    for rules in &parts {
        let Some(properties) = rules.get("properties").and_then(Value::as_object) else { continue };
        let aliased = || properties.values().find(|property| has_alias(property, name));
        if let Some(found) = properties.get(name).or_else(aliased) {
            return Field::Known(found);
        }
    }
    let open = |rules: &&'a Map<String, Value>| match rules.get("additionalProperties") {
        None | Some(Value::Bool(false)) => rules.contains_key("patternProperties"),
        Some(_) => true,
    };
    if parts.iter().any(described) && !parts.iter().any(open) {
        return Field::Missing;
    }
    if Types::of_schema(root, schema).may_be(Types::named("object")) { Field::Open } else { Field::Missing }
}

fn has_alias(property: &Value, name: &str) -> bool {
    let aliases = property.get("x-aliases").and_then(Value::as_array);
    aliases.into_iter().flatten().any(|alias| alias == name)
}

/// What a schema consists of, as far as that describes fields.
fn collect<'a>(root: &'a Value, schema: &'a Value, parts: &mut Vec<&'a Map<String, Value>>, depth: usize) {
    let Value::Object(rules) = schema else { return };
    if depth > DEEPEST {
        return;
    }
    parts.push(rules);
    if let Some(target) = target(root, rules) {
        collect(root, target, parts, depth + 1);
    }
    for keyword in ["anyOf", "oneOf", "allOf"] {
        let options = rules.get(keyword).and_then(Value::as_array).into_iter().flatten();
        options.for_each(|option| collect(root, option, parts, depth + 1));
    }
}

/// The names of the fields that a schema describes.
pub fn field_names<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a str> {
    let mut parts = Vec::new();
    collect(root, schema, &mut parts, 0);
    let properties = parts.iter().filter_map(|rules| rules.get("properties")?.as_object());
    properties.flat_map(|properties| properties.keys().map(String::as_str)).collect()
}

/// The names of the fields that have to be there.
pub fn required<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a str> {
    let rules = schema.as_object();
    let own = |rules: &'a Map<String, Value>| {
        rules.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    };
    let referred = rules.and_then(|rules| target(root, rules)).and_then(Value::as_object);
    rules.into_iter().chain(referred).flat_map(own).collect()
}

/// The schema of the elements of a list.
pub fn items<'a>(root: &'a Value, schema: &'a Value) -> Option<&'a Value> {
    let mut parts = Vec::new();
    collect(root, schema, &mut parts, 0);
    parts.iter().find_map(|rules| rules.get("items"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn root() -> Value {
        json!({
            "type": "object",
            "properties": {
                "n": { "type": "integer" },
                "maybe": { "anyOf": [{ "type": "string" }, { "type": "null" }] },
                "kind": { "$ref": "#/$defs/Kind" },
                "epochs": { "type": "integer", "x-aliases": ["rounds"] },
                "free": {}
            },
            "required": ["n"],
            "$defs": { "Kind": { "enum": ["a", "b"] }, "Loop": { "$ref": "#/$defs/Loop" } }
        })
    }

    #[test]
    fn types_are_read_through_references_and_alternatives() {
        let root = root();
        let of = |name: &str| match field(&root, &root, name) {
            Field::Known(schema) => Types::of_schema(&root, schema).to_string(),
            Field::Open => "open".to_owned(),
            Field::Missing => "missing".to_owned(),
        };
        let found = ["n", "maybe", "kind", "rounds", "free", "other"].map(of);
        assert_eq!(found, ["integer", "null or string", "string", "integer", "any value", "missing"]);
        assert_eq!(Types::of_schema(&root, &json!({ "$ref": "#/$defs/Loop" })), Types::ANY);
    }

    #[test]
    fn integers_are_numbers_and_numbers_may_be_integers() {
        let (integer, number, text) = (Types::INTEGER, Types::named("number"), Types::TEXT);
        assert!(integer.may_be(number) && number.may_be(integer) && !integer.may_be(text));
        assert_eq!(number.to_string(), "number");
    }

    #[test]
    fn what_a_schema_leaves_open_is_not_missing() {
        let of_map = json!({ "type": "object", "additionalProperties": { "type": "number" } });
        assert!(matches!(field(&of_map, &of_map, "x"), Field::Open));
        assert!(matches!(field(&json!(true), &json!(true), "x"), Field::Open));
        let text = json!({ "type": "string" });
        assert!(matches!(field(&text, &text, "x"), Field::Missing));
    }
}
