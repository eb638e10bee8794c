//! The reader of a plugin's `config.yaml`.
//!
//! [`parse`] checks a whole file and says everything that is wrong with it at
//! once, each problem with its line, its key and what to do about it.

mod action;
mod check;
pub mod edit;
mod entrypoint;
pub(crate) mod fields;
mod identity;
mod model;
pub(crate) mod problems;
mod requirement;
pub(crate) mod scalar;
mod schema;
mod syntax;
mod words;
pub(crate) mod yaml;

#[cfg(test)]
mod tests;

use problems::Problems;
use std::path::{Path, PathBuf};

pub use entrypoint::{Entrypoint, EntrypointError};
pub(crate) use identity::{is_code, nearest_code};
pub use model::{ActionConfig, Loaded, PluginConfig, Requires};
pub use problems::{Problem, Severity, render};
pub use requirement::Requirement;
pub use schema::json_schema;
pub use words::{
    AnnotationCategory, AnnotationTool, AnnotationType, Category, DataKind, Method, PackageManager,
    SmartToolKind, UnknownWord, Word,
};

/// Names a config file may have, the preferred one first.
pub const FILE_NAMES: [&str; 2] = ["config.yaml", "synapse.yaml"];

/// The config file in the folder `dir`, if there is one.
pub fn find(dir: &Path) -> Option<PathBuf> {
    FILE_NAMES.iter().map(|name| dir.join(name)).find(|path| path.is_file())
}

/// Reads a config file's text.
///
/// # Errors
///
/// Every problem of the file, warnings included, from its top to its end, if
/// at least one of them is an error. Text that is not YAML is a single one,
/// since nothing after it can be trusted.
pub fn parse(text: &str) -> Result<Loaded, Vec<Problem>> {
    let mut problems = Problems::default();
    let root = yaml::read(text, &mut problems);
    let config = root.and_then(|root| check::plugin(&root, &mut problems));
    match config {
        Some(config) if !problems.has_errors() => Ok(Loaded { config, warnings: problems.sorted() }),
        _ => Err(problems.sorted()),
    }
}
