//! Params made from a schema: such as it allows, and such as it just does not.
//!
//! Values are proposed at and beside each bound, one field at a time. Whether a
//! proposal fits is not guessed: the evaluator of schemas says it.

use serde_json::{Map, Value, json};
use synapse_sdk::schema::{Schema, pattern, with_defaults};

/// More are not made for one action.
const MOST: usize = 200;
/// Deeper than this a type may contain itself.
const DEEPEST: usize = 8;

/// Params, and whether the schema allows them.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// The params.
    pub params: Value,
    /// Whether they fit the schema.
    pub valid: bool,
}

/// Params for an action with this schema, each made once.
pub fn params(schema: &Value) -> Vec<Made> {
    pattern::enable();
    let Ok(compiled) = Schema::compile(schema) else { return Vec::new() };
    let root = Maker { root: schema };
    let mut proposals = vec![json!([]), Value::Null];
    let base = with_defaults(schema, &root.value(schema, 0));
    if let Some(fields) = base.as_object() {
        proposals.push(base.clone());
        proposals.extend(root.variants(fields, schema));
    }
    let mut made: Vec<Made> = Vec::new();
    for params in proposals.into_iter().take(MOST) {
        if !made.iter().any(|known| known.params == params) {
            let valid = compiled.check(&params).is_empty();
            made.push(Made { params, valid });
        }
    }
    made
}

struct Maker<'a> {
    root: &'a Value,
}

impl<'a> Maker<'a> {
    /// The schema itself, where it is only pointed to.
    fn resolved(&self, schema: &'a Value) -> &'a Value {
        let pointer = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        pointer.and_then(|pointer| self.root.pointer(pointer)).unwrap_or(schema)
    }

    /// A value that most likely fits.
    fn value(&self, schema: &'a Value, depth: usize) -> Value {
        let schema = self.resolved(schema);
        if depth > DEEPEST {
            return Value::Null;
        }
        for known in ["default", "const"] {
            if let Some(value) = schema.get(known) {
                return value.clone();
            }
        }
        if let Some(first) = schema["enum"].get(0) {
            return first.clone();
        }
        for choice in ["oneOf", "anyOf"] {
            if let Some(first) = schema[choice].get(0) {
                return self.value(first, depth + 1);
            }
        }
        match kind(schema) {
            "object" => self.object(schema, depth),
            "array" => {
                let count = schema["minItems"].as_u64().unwrap_or(0).min(64) as usize;
                let prefix = schema["prefixItems"].as_array();
                let item = |index: usize| match prefix.and_then(|items| items.get(index)) {
                    Some(own) => self.value(own, depth + 1),
                    None => self.value(&schema["items"], depth + 1),
                };
                (0..count).map(item).collect()
            }
            "string" => "a".repeat(schema["minLength"].as_u64().unwrap_or(0).min(1024) as usize).into(),
            "boolean" => json!(false),
            "integer" | "number" => number(schema),
            _ => Value::Null,
        }
    }

    fn object(&self, schema: &'a Value, depth: usize) -> Value {
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let field = |name: &str| (name.to_owned(), self.value(&schema["properties"][name], depth + 1));
        Value::Object(required.map(field).collect::<Map<_, _>>())
    }

    /// The params with one field changed, left out or added.
    fn variants(&self, base: &Map<String, Value>, schema: &'a Value) -> Vec<Value> {
        let with = |name: &str, value: Value| {
            let mut changed = base.clone();
            changed.insert(name.to_owned(), value);
            Value::Object(changed)
        };
        let mut variants = vec![with("no such field", json!(1))];
        for (name, field) in self.resolved(schema)["properties"].as_object().into_iter().flatten() {
            let mut without = base.clone();
            without.shift_remove(name);
            variants.push(Value::Object(without));
            variants.extend(self.edges(field).into_iter().map(|value| with(name, value)));
        }
        variants
    }

    /// Values at the bounds of a field, beside them, and of other types.
    fn edges(&self, field: &'a Value) -> Vec<Value> {
        let field = self.resolved(field);
        let mut edges = vec![Value::Null, json!(true), json!("text"), json!({}), json!([]), json!(0.5)];
        edges.extend(field["enum"].as_array().into_iter().flatten().cloned());
        for key in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"] {
            let Some(bound) = field[key].as_f64() else { continue };
            // Beyond this, one more or less is the same number.
            let exact = bound.abs() < 1e15;
            let near = [bound - 1.0, bound, bound + 1.0].into_iter().filter(|_| exact);
            edges.extend(near.map(whole));
            edges.extend((!exact).then(|| field[key].clone()));
        }
        for key in ["minLength", "maxLength"] {
            let Some(length) = field[key].as_u64().filter(|length| *length < 4096) else { continue };
            let near = [length.saturating_sub(1), length, length + 1];
            edges.extend(near.map(|length| Value::from("é".repeat(length as usize))));
        }
        for key in ["minItems", "maxItems"] {
            let Some(count) = field[key].as_u64().filter(|count| *count < 256) else { continue };
            let item = self.value(&field["items"], 1);
            let near = [count.saturating_sub(1), count, count + 1];
            edges.extend(near.map(|count| Value::from(vec![item.clone(); count as usize])));
        }
        edges
    }
}

/// The type, the first of several.
fn kind(schema: &Value) -> &str {
    let named = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    named.unwrap_or(if schema.get("properties").is_some() { "object" } else { "" })
}

fn number(schema: &Value) -> Value {
    let bound = |key: &str| schema[key].as_f64();
    let least = bound("minimum").or(bound("exclusiveMinimum"));
    let most = bound("maximum").or(bound("exclusiveMaximum"));
    let fits = |value: &f64| {
        bound("minimum").is_none_or(|least| least <= *value)
            && bound("exclusiveMinimum").is_none_or(|least| least < *value)
            && bound("maximum").is_none_or(|most| *value <= most)
            && bound("exclusiveMaximum").is_none_or(|most| *value < most)
    };
    let (low, high) = (least.unwrap_or_default(), most.unwrap_or_default());
    let mut candidates = [1.0, low, high, low + 1.0, high - 1.0, (low + high) / 2.0].into_iter();
    whole(candidates.find(fits).unwrap_or(low))
}

/// Whole numbers as JSON writes them.
fn whole(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 { json!(value as i64) } else { json!(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(schema: &Value) -> (Vec<Value>, Vec<Value>) {
        let (valid, invalid): (Vec<Made>, Vec<Made>) =
            params(schema).into_iter().partition(|made| made.valid);
        let values = |made: Vec<Made>| made.into_iter().map(|made| made.params).collect();
        (values(valid), values(invalid))
    }

    #[test]
    fn bounds_are_tried_from_both_sides() {
        let schema = json!({
            "type": "object",
            "properties": {
                "epochs": { "type": "integer", "minimum": 1, "maximum": 10, "default": 3 },
                "name": { "type": "string", "minLength": 1, "maxLength": 2 },
            },
            "required": ["name"],
            "additionalProperties": false,
        });
        let (valid, invalid) = made(&schema);
        for epochs in [1, 2, 9, 10] {
            assert!(valid.contains(&json!({ "name": "a", "epochs": epochs })), "{epochs}: {valid:?}");
        }
        for epochs in [0, 11] {
            assert!(invalid.contains(&json!({ "name": "a", "epochs": epochs })), "{epochs}");
        }
        assert!(valid.contains(&json!({ "name": "éé", "epochs": 3 })));
        assert!(invalid.contains(&json!({ "name": "", "epochs": 3 })));
        assert!(invalid.contains(&json!({ "epochs": 3 })));
        assert!(invalid.iter().any(|params| params.get("no such field").is_some()));
        assert!(invalid.contains(&Value::Null));
    }

    #[test]
    fn types_within_types_get_values_too() {
        let schema = json!({
            "type": "object",
            "properties": { "at": { "$ref": "#/$defs/Point" }, "all": { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/Point" } } },
            "required": ["at", "all"],
            "$defs": { "Point": { "type": "object", "properties": { "x": { "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1 } }, "required": ["x"] } },
        });
        let (valid, invalid) = made(&schema);
        assert!(valid.contains(&json!({ "at": { "x": 0.5 }, "all": [{ "x": 0.5 }] })), "{valid:?}");
        assert!(invalid.contains(&json!({ "at": { "x": 0.5 }, "all": [] })));
    }
}
