//! What a result's schema asks beyond what its type ensures.

use serde_json::Value;

use crate::errors::Result;
use crate::schema::{Schema, Violation, asks_more_than_types};

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
