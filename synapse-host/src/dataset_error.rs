//! Errors of datasets as errors of the SDK.

use serde_json::json;
use synapse_datasets::{Error, ErrorKind as Kind};
use synapse_sdk::{ErrorKind, PluginError};

/// The error with its place, its advice and its exit code.
pub(crate) fn told(error: Error) -> PluginError {
    let kind = match error.kind() {
        Kind::NotFound => ErrorKind::NotFound,
        Kind::UnknownFormat | Kind::Data(_) | Kind::Loss | Kind::Unsupported => ErrorKind::Validation,
        Kind::OutputExists | Kind::Options => ErrorKind::Usage,
        Kind::Cancelled => ErrorKind::Cancelled,
        Kind::Io => ErrorKind::Io,
    };
    let mut told = PluginError::new(kind, error.to_string());
    if let Some(place) = error.place() {
        let rule = match error.kind() {
            Kind::Data(problem) => serde_json::to_value(problem).unwrap_or_default(),
            Kind::Loss => json!("loss"),
            _ => json!("dataset"),
        };
        told = told.details(json!([{
            "file": place.file,
            "line": place.line,
            "pointer": place.pointer.as_deref().unwrap_or_default(),
            "rule": rule,
            "message": error.to_string(),
        }]));
    }
    match error.advice() {
        Some(advice) => told.hint(advice),
        None => told,
    }
}
