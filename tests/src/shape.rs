//! Whether what programs read has the shape that is written down for it.

use std::fs;

use serde_json::Value;
use synapse_sdk::schema::Schema;

use crate::workspace;

/// A document fits its schema in `docs/schemas`.
///
/// # Panics
/// It does not, or there is no such schema.
#[track_caller]
pub fn fits(document: &Value, schema: &str) {
    let file = workspace().join("docs/schemas").join(schema).with_extension("json");
    let text = fs::read_to_string(&file).expect("the schema is there");
    let schema =
        Schema::compile(&serde_json::from_str(&text).expect("it is JSON")).expect("it can be compiled");
    let violations = schema.check(document);
    assert!(violations.is_empty(), "{violations:#?}\n{document:#}");
}
