//! What a client is asked to take in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Id;

fn text(path: &Path) -> Value {
    // The host has its own working folder, perhaps another one.
    let path = std::path::absolute(path);
    path.map_or(Value::Null, |path| path.to_string_lossy().into_owned().into())
}

/// A dataset to be taken in.
#[derive(Clone, Debug)]
pub struct NewDataset {
    path: PathBuf,
    name: String,
    format: Option<String>,
    splits: BTreeMap<String, PathBuf>,
}

impl NewDataset {
    /// The dataset in a folder. Without [`split`](Self::split) its splits are
    /// the folders `train`, `valid` (or `val`) and `test` that are in it.
    pub fn new(name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), name: name.into(), format: None, splits: BTreeMap::new() }
    }

    /// Its file format, such as `yolo`.
    #[must_use]
    pub fn format(mut self, format: impl Into<String>) -> Self {
        self.format = Some(format.into());
        self
    }

    /// A split, and its path below that of the dataset.
    #[must_use]
    pub fn split(mut self, name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        self.splits.insert(name.into(), path.into());
        self
    }

    pub(super) fn into_value(self) -> Value {
        let mut value = json!({ "name": self.name, "path": text(&self.path), "format": self.format });
        if !self.splits.is_empty() {
            value["splits"] = json!(self.splits);
        }
        value
    }
}

/// A model to be taken in: its file or folder, and what is known of it.
#[derive(Clone, Debug)]
pub struct NewModel {
    path: PathBuf,
    fields: Map<String, Value>,
}

impl NewModel {
    /// The model at `path`, fine-tuned unless [`category`](Self::category)
    /// says otherwise, and named after its file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), fields: Map::new() }
    }

    /// Its name, for people.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        self.with("name", name.into())
    }

    /// What it is, for people.
    #[must_use]
    pub fn description(self, text: impl Into<String>) -> Self {
        self.with("description", text.into())
    }

    /// `base` for a pretrained model, else how it was made.
    #[must_use]
    pub fn category(self, category: impl Into<String>) -> Self {
        self.with("category", category.into())
    }

    /// What was measured: a map from names to values.
    #[must_use]
    pub fn metrics(self, metrics: impl Serialize) -> Self {
        self.with("metrics", metrics)
    }

    /// What kind of model it is. A checkpoint of another architecture can be
    /// told by it; see [`Checkpoint::expect_architecture`](crate::Checkpoint::expect_architecture).
    #[must_use]
    pub fn architecture(self, architecture: impl Into<String>) -> Self {
        self.with("architecture", architecture.into())
    }

    /// The epochs it has been trained for, those of its checkpoint included.
    #[must_use]
    pub fn epochs(self, epochs: u64) -> Self {
        self.with("epochs", epochs)
    }

    /// The model it was made from.
    #[must_use]
    pub fn checkpoint(self, id: Option<&Id>) -> Self {
        match id {
            Some(id) => self.with("checkpoint", id.to_value()),
            None => self,
        }
    }

    /// Anything else. What cannot be written as JSON is left out.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value) {
            self.fields.insert(name.into(), value);
        }
        self
    }

    pub(super) fn into_value(mut self) -> Value {
        self.fields.insert("path".to_owned(), text(&self.path));
        Value::Object(self.fields)
    }
}
