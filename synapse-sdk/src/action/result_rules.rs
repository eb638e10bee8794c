//! What a result's schema asks beyond what its type ensures.

use serde_json::{Map, Value};

use crate::errors::Result;
use crate::schema::{Schema, Violation, limits};

/// A result's schema, and whether results can break it.
pub(super) struct ResultRules {
    schema: Schema,
    /// The type of the body's result ensures the schema, but for NaN.
    ensured: bool,
}

impl ResultRules {
    /// For results whose type has this schema.
    pub(super) fn of_type(schema: &Value) -> Result<Self> {
        Ok(Self { schema: Schema::compile(schema)?, ensured: !asks_more_than_types(schema) })
    }

    /// For untyped results that were declared to have this schema.
    pub(super) fn of_declared(schema: &Value) -> Result<Self> {
        Ok(Self { schema: Schema::compile(schema)?, ensured: false })
    }

    /// Where `result` breaks the schema. NaN is written as `null`, so results
    /// that hold one are always looked at.
    pub(super) fn violations(&self, result: &[u8]) -> Result<Vec<Violation>> {
        let certain = self.ensured && memchr::memmem::find(result, b"null").is_none();
        if certain || self.schema.accepts(result) {
            return Ok(Vec::new());
        }
        Ok(self.schema.check_text(result)?.violations)
    }
}

/// Whether a value of the schema's own type may break it: there are rules, such
/// as bounds, that the type does not ensure.
fn asks_more_than_types(schema: &Value) -> bool {
    const RULES: &[&str] = &[
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "pattern",
        "minItems",
        "maxItems",
        "uniqueItems",
        "minProperties",
        "maxProperties",
        "not",
        "if",
    ];
    match schema {
        Value::Object(keywords) => {
            RULES.iter().any(|rule| keywords.contains_key(*rule))
                || has_bounds_of_its_own(keywords)
                || keywords.values().any(asks_more_than_types)
        }
        Value::Array(schemas) => schemas.iter().any(asks_more_than_types),
        _ => false,
    }
}

/// Numbers have the bounds of their width, which hold anyway.
fn has_bounds_of_its_own(keywords: &Map<String, Value>) -> bool {
    let width = keywords.get("format").and_then(Value::as_str).and_then(limits);
    let (least, most) = width.map_or((None, None), |(least, most)| (Some(least), Some(most)));
    let differs =
        |keyword: &str, limit| keywords.get(keyword).is_some_and(|bound| bound.as_number() != limit);
    differs("minimum", least.as_ref()) || differs("maximum", most.as_ref())
}
