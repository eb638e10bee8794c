//! What runs here have for a backend as long as none is connected: a folder.

mod convert;

use std::path::{Path, PathBuf};
use std::sync::Once;

use serde_json::Value;
use synapse_sdk::client::FileStore;
use synapse_sdk::errors::{NotFoundError, Result};
use synapse_sdk::services::Client;

use crate::home::Home;

type Tell = Box<dyn Fn(&str) + Send + Sync>;

/// The store of one run.
pub(crate) struct RunStore {
    store: FileStore,
    /// Says once that this is no backend; nothing where the store was named.
    tell: Option<Tell>,
    told: Once,
}

impl RunStore {
    /// The store in the folder that was named, else in the home. `None` where
    /// there is neither. The first request makes `tell` say that there is no
    /// backend, unless the folder was named.
    pub(crate) fn open(named: Option<&Path>, tell: impl Fn(&str) + Send + Sync + 'static) -> Option<Self> {
        let (root, tell) = match named {
            Some(named) => (named.to_owned(), None),
            None => (Home::from_env()?.store(), Some(Box::new(tell) as Tell)),
        };
        Some(Self { store: FileStore::at(root), tell, told: Once::new() })
    }

    /// Whether [`open`](Self::open) finds one.
    pub(crate) fn is_there(named: Option<&PathBuf>) -> bool {
        named.is_some() || Home::from_env().is_some()
    }
}

/// The store in the folder that was named, else in the home.
///
/// # Errors
/// Not found when there is neither.
pub(crate) fn at(named: Option<PathBuf>) -> Result<FileStore> {
    let folder = named.or_else(|| Home::from_env().map(|home| home.store())).ok_or_else(|| {
        NotFoundError::new("there is no folder that keeps datasets and models")
            .hint("name one with --store, or set SYNAPSE_HOME")
    })?;
    Ok(FileStore::at(folder))
}

impl Client for RunStore {
    fn request(&self, operation: &str, body: &Value) -> Result<Value> {
        if let Some(tell) = &self.tell {
            self.told.call_once(|| {
                let place = self.store.root().display();
                tell(&format!("no backend is connected: datasets and models are kept in {place}"));
            });
        }
        match operation {
            "dataset.convert" => convert::run(body),
            _ => self.store.request(operation, body),
        }
    }
}
