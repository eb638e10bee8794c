//! Params with their defaults filled in.

use serde_json::{Map, Value};

use super::form::view::{Alternatives, View};

/// The `given` params with every default of the schema filled in: through
/// nested types, lists and maps, and the variant of a tagged enum that the
/// given value is.
///
/// A field that is not given and has no default stays absent. A field given
/// under an alias comes out under its name. Fields come in the schema's order,
/// then those that the schema does not know, unchanged.
///
/// ```
/// use synapse_sdk::prelude::*;
/// use synapse_sdk::schema::with_defaults;
///
/// let schema = json!({
///     "type": "object",
///     "properties": {
///         "epochs": { "type": "integer", "default": 10 },
///         "tag": { "type": "string" },
///     },
/// });
/// assert_eq!(with_defaults(&schema, &json!({})), json!({ "epochs": 10 }));
/// assert_eq!(with_defaults(&schema, &json!({ "epochs": 3 })), json!({ "epochs": 3 }));
/// ```
pub fn with_defaults(schema: &Value, given: &Value) -> Value {
    fill(&View::whole(schema), given)
}

/// The same for a schema within a schema.
pub(super) fn fill(view: &View<'_>, given: &Value) -> Value {
    match given {
        Value::Object(fields) => Value::Object(object(view, fields)),
        Value::Array(items) => Value::Array(list(view, items)),
        scalar => scalar.clone(),
    }
}

fn object(view: &View<'_>, given: &Map<String, Value>) -> Map<String, Value> {
    let mut object = Object { given, taken: Vec::new(), filled: Map::new() };
    object.add_fields(view);
    object.finish(view)
}

struct Object<'a> {
    given: &'a Map<String, Value>,
    /// The given names that were dealt with.
    taken: Vec<&'a str>,
    filled: Map<String, Value>,
}

impl<'a> Object<'a> {
    fn add_fields(&mut self, view: &View<'_>) {
        for (name, schema) in view.properties() {
            self.add_field(name, schema, view);
        }
        for alternatives in view.alternatives() {
            if let Some(variant) = fitting(view, alternatives, self.given) {
                self.add_fields(&variant);
            }
        }
    }

    fn add_field(&mut self, name: &str, schema: &Value, view: &View<'_>) {
        let field = view.inside(schema);
        if let Some((given_name, value)) = self.find(name, &field) {
            self.taken.push(given_name);
            self.filled.insert(name.to_owned(), fill(&view.of_value(schema), value));
        } else if let Some(default) = field.get("default") {
            self.filled.insert(name.to_owned(), fill(&field.for_default(), default));
        }
    }

    /// What is given for a field, by its name or else by an alias.
    fn find(&self, name: &str, field: &View<'_>) -> Option<(&'a str, &'a Value)> {
        let aliases = field.get("x-aliases").and_then(Value::as_array).into_iter().flatten();
        let mut names = std::iter::once(name).chain(aliases.filter_map(Value::as_str));
        let (name, value) = names.find_map(|name| self.given.get_key_value(name))?;
        Some((name.as_str(), value))
    }

    fn finish(mut self, view: &View<'_>) -> Map<String, Value> {
        let of_others = view.get("additionalProperties");
        for (name, value) in self.given {
            if self.taken.contains(&name.as_str()) || self.filled.contains_key(name) {
                continue;
            }
            let value = of_others.map_or_else(|| value.clone(), |schema| fill(&view.of_value(schema), value));
            self.filled.insert(name.clone(), value);
        }
        self.filled
    }
}

/// The variant that was given: the one with the same tag, or the one named by
/// its only field.
fn fitting<'a>(
    view: &View<'a>,
    alternatives: &Alternatives<'a>,
    given: &Map<String, Value>,
) -> Option<View<'a>> {
    let mut variants = alternatives.schemas.iter().map(|schema| view.inside(schema));
    variants.find(|variant| {
        let constants = variant.constants();
        if constants.is_empty() {
            let only = variant.only_field().filter(|_| alternatives.exclusive);
            return only.is_some_and(|(name, _)| given.contains_key(name));
        }
        constants.iter().all(|(name, value)| given.get(*name) == Some(value))
    })
}

fn list(view: &View<'_>, given: &[Value]) -> Vec<Value> {
    let first = view.get("prefixItems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let schema_of = |index: usize| first.get(index).or_else(|| view.get("items"));
    let filled = given.iter().enumerate().map(|(index, item)| {
        schema_of(index).map_or_else(|| item.clone(), |schema| fill(&view.of_value(schema), item))
    });
    filled.collect()
}

#[cfg(test)]
mod tests;
