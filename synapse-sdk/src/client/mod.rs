//! Datasets and models: what [`Context::client`](crate::Context::client) leads to.
//!
//! A [`Client`] takes operations by name. What is asked most often has methods:
//!
//! ```
//! use synapse_sdk::prelude::*;
//! use synapse_sdk::client::FileStore;
//!
//! # let folder = std::env::temp_dir().join(format!("client-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(folder.join("harbour/train"))?;
//! # std::fs::write(folder.join("harbour/train/a.txt"), "boat")?;
//! let store = FileStore::at(folder.join("store"));
//! let client: &dyn Client = &store;
//!
//! let harbour = client.create_dataset(NewDataset::new("harbour", folder.join("harbour")))?;
//! assert_eq!(client.dataset(&harbour.id)?.name, "harbour");
//! assert!(harbour.split("train")?.join("a.txt").exists());
//!
//! std::fs::write(folder.join("weights.bin"), [1, 2, 3])?;
//! let model = client.create_model(NewModel::new(folder.join("weights.bin")).name("boats").epochs(3))?;
//! assert_eq!((model.id.to_string(), model.more["epochs"].as_u64()), ("model-1".to_owned(), Some(3)));
//! # std::fs::remove_dir_all(folder)?;
//! # Ok::<(), PluginError>(())
//! ```
//!
//! | operation | body | answer |
//! |---|---|---|
//! | `dataset.get` | `{"id"}` | a dataset: `{"id", "name", "path", "format", "splits": {name: path}, "revision"}` |
//! | `dataset.files` | `{"id", "split", "filters", "after"}` | a page: `{"files": [{"name", "path", "bytes"}], "next"}` |
//! | `dataset.convert` | `{"path", "from", "to", "output"}` | `{"path", "images", "annotations"}`; by the host |
//! | `dataset.list` | `{}` | a list of datasets, oldest first |
//! | `dataset.create` | `{"path", "name", "format", "splits": {name: path}}` | the dataset |
//! | `model.get` | `{"id"}` | a model: `{"id", "name", "path", "category", …}` |
//! | `model.list` | `{}` | a list of models, oldest first |
//! | `model.create` | `{"path", "name", "description", "category", "metrics", …}` | the model |
//! | `export.list` | `{"target", "filter", "after"}` | a page: `{"items": [{"id", "data", "files"}], "next"}`; of a backend |
//! | `data_collection.get` | `{"id"}` | `{"file_specifications": [{"name", "is_required", "extensions"}]}`; of a backend |
//! | `data_unit.create` | `{"data_collection", "key", "files", "meta"}` | the unit; of a backend |
//! | `cache.dir` | `{}` | `{"path"}`: a folder that outlives runs, for what can be made again |

pub(crate) mod digest;
pub(crate) mod folder;
mod id;
mod new;
mod records;
mod store;

use serde_json::{Value, json};

use crate::errors::{Result, ResultExt, ValidationError};
pub use crate::services::Client;

pub use id::{Id, IntoId};
pub use new::{NewDataset, NewModel};
pub use records::{DatasetInfo, ModelInfo};
pub use store::FileStore;

impl dyn Client + '_ {
    /// A dataset.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when there is none of that id;
    /// what the client fails with.
    pub fn dataset(&self, id: &Id) -> Result<DatasetInfo> {
        DatasetInfo::from_value(self.request("dataset.get", &json!({ "id": id.to_value() }))?)
    }

    /// All datasets, oldest first.
    ///
    /// # Errors
    /// What the client fails with.
    pub fn datasets(&self) -> Result<Vec<DatasetInfo>> {
        list(self.request("dataset.list", &json!({}))?)?.into_iter().map(DatasetInfo::from_value).collect()
    }

    /// Takes in a dataset that lies on this machine.
    ///
    /// # Errors
    /// Its files cannot be read; what the client fails with.
    pub fn create_dataset(&self, dataset: NewDataset) -> Result<DatasetInfo> {
        DatasetInfo::from_value(self.request("dataset.create", &dataset.into_value())?)
    }

    /// A model.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when there is none of that id;
    /// [`ChecksumMismatch`](crate::ErrorKind::ChecksumMismatch) when its files
    /// are damaged; what the client fails with.
    pub fn model(&self, id: &Id) -> Result<ModelInfo> {
        ModelInfo::from_value(self.request("model.get", &json!({ "id": id.to_value() }))?)
    }

    /// All models, oldest first.
    ///
    /// # Errors
    /// What the client fails with.
    pub fn models(&self) -> Result<Vec<ModelInfo>> {
        list(self.request("model.list", &json!({}))?)?.into_iter().map(ModelInfo::from_value).collect()
    }

    /// Takes in a model's file or folder. Whoever lists models sees the whole
    /// of it, or nothing.
    ///
    /// # Errors
    /// Its files cannot be read; what the client fails with.
    pub fn create_model(&self, model: NewModel) -> Result<ModelInfo> {
        ModelInfo::from_value(self.request("model.create", &model.into_value())?)
    }

    /// A folder that outlives runs, for what can be made again.
    ///
    /// # Errors
    /// What the client fails with.
    pub fn cache_dir(&self) -> Result<std::path::PathBuf> {
        let answer = self.request("cache.dir", &json!({}))?;
        let path = answer["path"].as_str().context("the client's cache has no `path`")?;
        Ok(path.into())
    }
}

fn list(answer: Value) -> Result<Vec<Value>> {
    match answer {
        Value::Array(items) => Ok(items),
        other => Err(ValidationError::new(format!("the client answered with no list: {other}"))),
    }
}
