//! Params made from a schema: such as it allows, and such as it just does not.
//!
//! Values are proposed at and beside each bound, one place at a time: fields
//! first, then what lies within them. Whether a proposal fits is not guessed: the
//! evaluator of schemas says it.

use serde_json::{Map, Value, json};
use synapse_sdk::schema::{Schema, pattern, with_defaults};

use super::pattern_text;

/// More are not made for one action.
const MOST: usize = 400;
/// Deeper than this a type may contain itself.
const DEEPEST: usize = 8;
/// Deeper than this nothing is changed within a value.
const REACH: usize = 4;

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
    if base.is_object() {
        proposals.push(base.clone());
        let mut edges = root.edges(schema, Some(&base), 0);
        // Stable: of one depth, fields stay in their order.
        edges.sort_by_key(|edge| edge.depth);
        proposals.extend(edges.into_iter().map(|edge| edge.value));
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
            "string" => string(schema).into(),
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

    /// Values at the bounds of a schema, beside them, and of other types, `base`
    /// with one place in it changed.
    fn edges(&self, schema: &'a Value, base: Option<&Value>, depth: usize) -> Vec<Edge> {
        let schema = self.resolved(schema);
        if depth > REACH {
            return Vec::new();
        }
        let own = match base {
            Some(Value::Object(_)) if depth == 0 => Vec::new(),
            _ => [of_other_types(), at_bounds(schema), self.counts(schema)].concat(),
        };
        let mut edges: Vec<Edge> = own.into_iter().map(|value| Edge { value, depth }).collect();
        for choice in ["oneOf", "anyOf"] {
            for way in schema[choice].as_array().into_iter().flatten() {
                let value = self.value(way, depth);
                edges.extend(self.edges(way, Some(&value), depth + 1));
                edges.push(Edge { value, depth });
            }
        }
        let made;
        let base = match base {
            Some(base) => base,
            None => {
                made = self.value(schema, depth);
                &made
            }
        };
        match (kind(schema), base) {
            ("object", Value::Object(fields)) => edges.extend(self.in_fields(schema, fields, depth)),
            ("array", _) => edges.extend(self.in_items(schema, depth)),
            _ => {}
        }
        edges
    }

    /// An object with one field changed, left out or added.
    fn in_fields(&self, schema: &'a Value, base: &Map<String, Value>, depth: usize) -> Vec<Edge> {
        let with = |name: &str, Edge { value, depth }: Edge| {
            let mut changed = base.clone();
            changed.insert(name.to_owned(), value);
            Edge { value: Value::Object(changed), depth }
        };
        let mut edges = vec![with("no such field", Edge { value: json!(1), depth })];
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let mut without = base.clone();
            without.shift_remove(name);
            edges.push(Edge { value: Value::Object(without), depth });
            edges.extend(
                self.edges(field, base.get(name), depth + 1).into_iter().map(|edge| with(name, edge)),
            );
        }
        if schema["additionalProperties"].is_object() {
            let further = self.edges(&schema["additionalProperties"], None, depth + 1);
            edges.extend(further.into_iter().map(|edge| with("key", edge)));
        }
        edges
    }

    /// A list whose first item is changed, or each of those that have a schema of
    /// their own.
    fn in_items(&self, schema: &'a Value, depth: usize) -> Vec<Edge> {
        let own = schema["prefixItems"].as_array().map_or(&[][..], Vec::as_slice);
        let mut whole: Vec<Value> = own.iter().map(|item| self.value(item, depth + 1)).collect();
        let least = schema["minItems"].as_u64().unwrap_or(0).min(64) as usize;
        let more = usize::from(own.is_empty()).max(least.saturating_sub(own.len()));
        let item = schema.get("items").filter(|item| item.is_object());
        if let Some(item) = item {
            whole.extend(vec![self.value(item, depth + 1); more]);
        }
        let changed = own.iter().chain(item.filter(|_| own.is_empty())).enumerate();
        let edges = changed.flat_map(|(index, item)| {
            let edges = self.edges(item, whole.get(index), depth + 1).into_iter();
            edges.map(move |edge| (index, edge)).collect::<Vec<_>>()
        });
        let replaced = edges.filter_map(|(index, Edge { value, depth })| {
            let mut items = whole.clone();
            *items.get_mut(index)? = value;
            Some(Edge { value: items.into(), depth })
        });
        replaced.collect()
    }

    /// Lists that are just long enough, too short and too long.
    fn counts(&self, schema: &'a Value) -> Vec<Value> {
        let mut lists = Vec::new();
        for key in ["minItems", "maxItems"] {
            let Some(count) = schema[key].as_u64().filter(|count| *count < 256) else { continue };
            let item = self.value(&schema["items"], 1);
            let near = [count.saturating_sub(1), count, count + 1];
            lists.extend(near.map(|count| Value::from(vec![item.clone(); count as usize])));
        }
        lists
    }
}

/// A proposal, and how deep in the params it differs from the first.
struct Edge {
    value: Value,
    depth: usize,
}

fn of_other_types() -> Vec<Value> {
    vec![Value::Null, json!(true), json!("text"), json!({}), json!([]), json!(0.5)]
}

/// Choices, and values at and beside the bounds of numbers and texts.
fn at_bounds(schema: &Value) -> Vec<Value> {
    let mut edges: Vec<Value> = schema["enum"].as_array().into_iter().flatten().cloned().collect();
    for key in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"] {
        let Some(bound) = schema[key].as_f64() else { continue };
        // Beyond this, one more or less is the same number.
        let exact = bound.abs() < 1e15;
        let near = [bound - 1.0, bound, bound + 1.0].into_iter().filter(|_| exact);
        edges.extend(near.map(whole));
        edges.extend((!exact).then(|| schema[key].clone()));
    }
    let pattern = schema["pattern"].as_str();
    for key in ["minLength", "maxLength"] {
        let Some(length) = schema[key].as_u64().filter(|length| *length < 4096) else { continue };
        let near = [length.saturating_sub(1), length, length + 1];
        edges.extend(near.map(|length| Value::from("é".repeat(length as usize))));
    }
    for text in pattern.map(pattern_text::texts).unwrap_or_default() {
        let last = text.chars().next_back().unwrap_or('a');
        let mut shorter = text.clone();
        shorter.pop();
        let longer = [format!("{text}{last}"), format!("{text}\n"), format!(" {text}")];
        edges.extend(longer.into_iter().chain([shorter, text]).map(Value::from));
    }
    edges
}

/// A text that fits pattern and lengths, if one is found.
fn string(schema: &Value) -> String {
    let length = |key: &str| schema[key].as_u64();
    let least = length("minLength").unwrap_or(0);
    let fits = |text: &String| {
        let count = text.chars().count() as u64;
        least <= count && length("maxLength").is_none_or(|most| count <= most)
    };
    let of_pattern = schema["pattern"].as_str().map(pattern_text::texts).unwrap_or_default();
    let found = of_pattern.into_iter().find(fits);
    found.unwrap_or_else(|| "a".repeat(least.min(1024) as usize))
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
        for wrong in [json!(0), json!(1), json!("text"), Value::Null] {
            let at = json!({ "at": { "x": wrong }, "all": [{ "x": 0.5 }] });
            let all = json!({ "at": { "x": 0.5 }, "all": [{ "x": wrong }] });
            assert!(invalid.contains(&at) && invalid.contains(&all), "{at} {all}");
        }
        assert!(invalid.contains(&json!({ "at": {}, "all": [{ "x": 0.5 }] })));
    }

    #[test]
    fn maps_tuples_and_alternatives_are_changed_within() {
        let schema = json!({
            "type": "object",
            "properties": {
                "weights": { "type": "object", "additionalProperties": { "type": "number", "minimum": 0 } },
                "size": {
                    "type": "array", "minItems": 2, "maxItems": 2,
                    "prefixItems": [{ "type": "integer", "minimum": 1 }, { "type": "integer", "maximum": 9 }],
                },
                "loss": { "oneOf": [
                    { "type": "object", "properties": { "kind": { "const": "hinge" } }, "required": ["kind"] },
                    {
                        "type": "object",
                        "properties": { "kind": { "const": "focal" }, "gamma": { "type": "number", "maximum": 5 } },
                        "required": ["kind", "gamma"],
                    },
                ] },
            },
            "required": ["size", "loss"],
        });
        let (valid, invalid) = made(&schema);
        let params = |weight: Value, size: Value, loss: Value| {
            let mut params = json!({ "size": size, "loss": loss });
            if !weight.is_null() {
                params["weights"] = json!({ "key": weight });
            }
            params
        };
        let (size, hinge) = (json!([1, 1]), json!({ "kind": "hinge" }));
        let focal = |gamma: f64| json!({ "kind": "focal", "gamma": whole(gamma) });
        assert!(valid.contains(&params(json!(0), size.clone(), hinge.clone())), "{valid:#?}");
        assert!(invalid.contains(&params(json!(-1), size.clone(), hinge.clone())), "{invalid:#?}");
        assert!(valid.contains(&params(Value::Null, json!([1, 9]), hinge.clone())));
        assert!(invalid.contains(&params(Value::Null, json!([1, 10]), hinge.clone())));
        assert!(invalid.contains(&params(Value::Null, json!([0, 1]), hinge)));
        assert!(valid.contains(&params(Value::Null, size.clone(), focal(5.0))));
        assert!(invalid.contains(&params(Value::Null, size, focal(6.0))));
    }

    #[test]
    fn patterns_have_texts_that_fit_and_texts_that_just_do_not() {
        let schema = json!({
            "type": "object",
            "properties": { "code": { "type": "string", "pattern": "^[a-z]{2,4}$", "minLength": 3 } },
            "required": ["code"],
        });
        let (valid, invalid) = made(&schema);
        for code in ["aaa", "aaaa"] {
            assert!(valid.contains(&json!({ "code": code })), "{valid:?}");
        }
        for code in ["aa", "aaaaa", " aaa", "aaa\n", "ééé"] {
            assert!(invalid.contains(&json!({ "code": code })), "{code}: {invalid:?}");
        }
    }

    #[test]
    fn a_type_that_contains_itself_comes_to_an_end() {
        let schema = json!({
            "type": "object",
            "properties": { "next": { "anyOf": [{ "$ref": "#" }, { "type": "null" }] }, "n": { "minimum": 1 } },
        });
        let all = params(&schema);
        assert!(all.len() > 20 && all.len() <= MOST, "{}", all.len());
    }
}
