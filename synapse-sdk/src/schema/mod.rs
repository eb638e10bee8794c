//! Checks JSON against the schemas that params and results have.
//!
//! The schema is the one truth about params: the form, the documentation and
//! this check come from it. A [`Schema`] is compiled once from the JSON Schema
//! (draft 2020-12, what Rust types need of it) and reports **every** violation,
//! not the first.
//!
//! ```
//! use synapse_sdk::prelude::*;
//! use synapse_sdk::schema::Schema;
//!
//! #[params]
//! struct TrainParams {
//!     #[param(default = 100, ge = 1)]
//!     epochs: u32,
//!     batch_size: u32,
//! }
//!
//! let schema = Schema::of::<TrainParams>()?;
//! let violations = schema.check(&json!({ "epochs": 0, "batch_sise": 8 }));
//! let found: Vec<_> = violations.iter().map(|v| (v.pointer.as_str(), v.rule.as_str())).collect();
//! assert_eq!(found, [("/epochs", "minimum"), ("/batch_sise", "unknown"), ("/batch_size", "required")]);
//! # Ok::<(), PluginError>(())
//! ```

mod accept;
mod compile;
mod decimal;
mod defaults;
mod emit;
mod equal;
mod evaluate;
pub mod form;
mod message;
mod node;
mod numbers;
mod pass;
pub mod pattern;
mod place;
mod read;
pub mod types;
mod variants;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::errors::{PluginError, Result, ValidationError};

pub use compile::Schema;
pub use defaults::with_defaults;
pub use emit::json_schema;
pub(crate) use emit::limits;

/// One place where a document breaks its schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Violation {
    /// Where, as a JSON pointer; empty for the document itself.
    pub pointer: String,
    /// Which rule, named as in JSON Schema: `minimum`, `type`, `required`, …;
    /// `unknown` for a field that is not in the schema, `duplicate` for one
    /// that is given twice.
    pub rule: String,
    /// What stands there; `null` when nothing does.
    #[serde(default)]
    pub given: Value,
    /// What may stand there.
    #[serde(default)]
    pub allowed: Value,
    /// The same as a sentence.
    pub message: String,
}

/// The error that `violations` of the params of `action` make.
pub fn invalid_params(action: &str, violations: &[Violation]) -> PluginError {
    invalid(&format!("params of `{action}`"), violations)
}

/// The error that `violations` in `what` make, each of them in its details.
pub fn invalid(what: &str, violations: &[Violation]) -> PluginError {
    let count = match violations.len() {
        1 => "1 violation".to_owned(),
        more => format!("{more} violations"),
    };
    let mut message = format!("{what}: {count}");
    for violation in violations {
        let place = if violation.pointer.is_empty() { "/" } else { &violation.pointer };
        message.push_str(&format!("\n  {place}: {}", violation.message));
    }
    let details = serde_json::to_value(violations).unwrap_or(Value::Null);
    ValidationError::new(message).details(details)
}

/// Which way a type travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contract {
    /// JSON is read into the type.
    Params,
    /// The type is written as JSON.
    Result,
}

/// A document, and where it breaks its schema.
#[derive(Debug)]
pub struct Checked {
    /// The document, ready to be decoded when there are no violations: whole
    /// floats such as `1.0` are integers where the schema wants integers.
    pub document: Value,
    /// Every violation: first names that stand twice, then the others in the
    /// document's order.
    pub violations: Vec<Violation>,
}

/// Adds a field to a JSON pointer (RFC 6901).
pub(crate) fn push_field(pointer: &mut String, name: &str) {
    pointer.push('/');
    pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
}

impl Schema {
    /// Reads JSON text and checks it. Other than [`check`](Self::check) this
    /// notices names that stand twice, wherever they do.
    ///
    /// # Errors
    /// The text is not JSON.
    pub fn check_text(&self, json: &[u8]) -> serde_json::Result<Checked> {
        let (mut document, mut violations) = read::read(json)?;
        let found = self.walk(&document);
        violations.extend(found.violations);
        evaluate::make_whole(&mut document, &found.whole_floats);
        Ok(Checked { document, violations })
    }

    /// The compiled schema of a params type.
    ///
    /// # Errors
    /// The schema uses what [`compile`](Self::compile) does not support.
    pub fn of<T: schemars::JsonSchema>() -> Result<Self> {
        Self::compile(&json_schema::<T>(Contract::Params))
    }
}
