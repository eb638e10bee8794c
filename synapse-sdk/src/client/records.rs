//! What a backend, or a store in its place, tells of datasets and models.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value};

use super::Id;
use crate::errors::{NotFoundError, Result, ResultExt, ValidationError};
use crate::services::Checkpoint;
use crate::suggest::nearest;

/// A dataset, and where it lies on this machine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DatasetInfo {
    /// Its identifier.
    pub id: Id,
    /// Its name, for people.
    pub name: String,
    /// Its folder.
    pub path: PathBuf,
    /// The file format, such as `yolo`, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The path of each split, by its name (`train`, `valid`, `test`).
    pub splits: BTreeMap<String, PathBuf>,
    /// Changes whenever the content does; empty where that is not known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub revision: String,
}

impl DatasetInfo {
    /// The path of a split that has something in it.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when the dataset has no such
    /// split, [`Validation`](crate::ErrorKind::Validation) when it is empty.
    pub fn split(&self, name: &str) -> Result<&Path> {
        let Some(path) = self.splits.get(name) else { return Err(self.no_split(name)) };
        if is_empty(path).with_context(|| format!("split `{name}` of {self}"))? {
            return Err(ValidationError::new(format!(
                "split `{name}` of {self} is empty: {}",
                path.display()
            ))
            .hint("choose another split, or a dataset that has data in it"));
        }
        Ok(path)
    }

    fn no_split(&self, name: &str) -> crate::PluginError {
        let known: Vec<&str> = self.splits.keys().map(String::as_str).collect();
        let error = NotFoundError::new(match known[..] {
            [] => format!("{self} has no splits, so no `{name}`"),
            _ => format!("{self} has no split `{name}`; it has {}", known.join(", ")),
        });
        match nearest(name, known.iter().copied()) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint("its whole folder is `path`"),
        }
    }
}

impl std::fmt::Display for DatasetInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "dataset {} ({})", self.id, self.name)
    }
}

/// A folder without entries, or a file without bytes.
fn is_empty(path: &Path) -> std::io::Result<bool> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_dir() {
        return Ok(metadata.len() == 0);
    }
    Ok(fs::read_dir(path)?.next().is_none())
}

/// A model, and where it lies on this machine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelInfo {
    /// Its identifier.
    pub id: Id,
    /// Its name, for people.
    pub name: String,
    /// Its file, or its folder.
    pub path: PathBuf,
    /// `base` for a pretrained model, else how it was made.
    pub category: String,
    /// What else is known of it: `description`, `metrics`, `architecture`,
    /// `epochs`, `checkpoint`, and whatever was given when it was made.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl ModelInfo {
    /// What was measured when it was made.
    pub fn metrics(&self) -> Option<&Map<String, Value>> {
        self.more.get("metrics").and_then(Value::as_object)
    }

    /// What kind of model it is, in the words of the plugin that made it.
    pub fn architecture(&self) -> Option<&str> {
        self.more.get("architecture").and_then(Value::as_str)
    }
}

impl From<ModelInfo> for Checkpoint {
    fn from(model: ModelInfo) -> Self {
        Self {
            category: Some(model.category),
            path: model.path,
            name: Some(model.name),
            id: model.id.to_value(),
            more: model.more,
        }
    }
}

/// Takes fields of an answer apart. By hand, because what serde would derive
/// makes every plugin larger.
struct Fields {
    what: &'static str,
    fields: Map<String, Value>,
}

impl Fields {
    fn of(what: &'static str, answer: Value) -> Result<Self> {
        match answer {
            Value::Object(fields) => Ok(Self { what, fields }),
            other => {
                Err(ValidationError::new(format!("the client answered for a {what} with no object: {other}")))
            }
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.fields.remove(name).filter(|value| !value.is_null())
    }

    fn text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    fn needed<T>(&self, name: &str, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| ValidationError::new(format!("the client's {} has no `{name}`", self.what)))
    }
}

impl DatasetInfo {
    /// Reads a client's answer.
    ///
    /// # Errors
    /// [`Validation`](crate::ErrorKind::Validation) when it lacks `id` or `path`.
    pub fn from_value(answer: Value) -> Result<Self> {
        let mut fields = Fields::of("dataset", answer)?;
        let id = fields.take("id");
        let id = fields.needed("id", id.as_ref().and_then(Id::from_value))?;
        let path = fields.text("path");
        let path = fields.needed("path", path)?.into();
        let splits = match fields.take("splits") {
            Some(Value::Object(splits)) => splits,
            _ => Map::new(),
        };
        let splits = splits.into_iter().filter_map(|(name, path)| Some((name, path.as_str()?.into())));
        Ok(Self {
            name: fields.text("name").unwrap_or_else(|| id.to_string()),
            id,
            path,
            format: fields.text("format"),
            splits: splits.collect(),
            revision: fields.text("revision").unwrap_or_default(),
        })
    }
}

impl ModelInfo {
    /// Reads a client's answer.
    ///
    /// # Errors
    /// [`Validation`](crate::ErrorKind::Validation) when it lacks `id` or `path`.
    pub fn from_value(answer: Value) -> Result<Self> {
        let mut fields = Fields::of("model", answer)?;
        let id = fields.take("id");
        let id = fields.needed("id", id.as_ref().and_then(Id::from_value))?;
        let path = fields.text("path");
        let path = fields.needed("path", path)?.into();
        Ok(Self {
            name: fields.text("name").unwrap_or_else(|| id.to_string()),
            id,
            path,
            category: fields.text("category").unwrap_or_else(|| "base".to_owned()),
            more: fields.fields,
        })
    }
}
