//! A node of a pipeline that runs as a job on a machine without the pipeline's folder.
//!
//! A job has no connection to the host, so files can neither come nor go. A node that needs none runs all
//! the same; one whose params name a file there, or whose result names one here, has failed.

use std::fs;
use std::path::PathBuf;

use synapse_sdk::Env;
use synapse_sdk::errors::{PluginRunError, Result};

use crate::run::folder::{SharedFolder, named_below};

/// What stands in for the folder, and goes with the job.
pub(super) struct Away {
    folder: SharedFolder,
    root: PathBuf,
}

impl Away {
    /// None where the folder is here.
    ///
    /// # Errors
    /// The params name what is not here.
    pub(super) fn of(folder: Option<&SharedFolder>, params: &str) -> Result<Option<Self>> {
        let Some(folder) = folder.filter(|folder| !folder.is_here()) else { return Ok(None) };
        if let Some(path) = folder.named(params).first() {
            return Err(PluginRunError::new(format!(
                "the job runs on a node that does not have the pipeline's folder, and its params name {path} there"
            ))
            .hint(HINT));
        }
        let root = std::env::temp_dir().join(format!("synapse-job-{}", std::process::id()));
        fs::create_dir_all(&root)?;
        Ok(Some(Self { folder: folder.clone(), root }))
    }

    pub(super) fn env(&self, env: Env) -> Env {
        self.folder.env_for(&self.root, env)
    }

    pub(super) fn state_dir(&self) -> PathBuf {
        self.root.join("nodes")
    }

    /// Whether the result can be used elsewhere.
    ///
    /// # Errors
    /// It names a file of this machine.
    pub(super) fn check(&self, result: &str) -> Result<()> {
        match named_below(&self.root, result).first() {
            None => Ok(()),
            Some(path) => Err(PluginRunError::new(format!(
                "the result names {path}, which was made on a node that does not have the pipeline's folder"
            ))
            .hint(HINT)),
        }
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        // Ray's node keeps temporary files as any machine does.
        let _ = fs::remove_dir_all(&self.root);
    }
}

const HINT: &str = "name a folder that this machine and the nodes have in common with `synapse pipeline run \
                    --storage DIR`, or use mode `task`, which brings files there and back";
