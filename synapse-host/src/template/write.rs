//! From filled files to a folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use synapse_sdk::errors::Result;
use synapse_sdk::{ErrorKind, PluginError};

/// A file to be written.
pub(super) struct NewFile {
    /// Below the plugin's folder.
    pub(super) path: &'static str,
    /// What it holds, for people.
    pub(super) about: &'static str,
    pub(super) text: String,
}

/// A plugin that was created.
#[derive(Clone, Debug)]
pub struct Created {
    /// Its folder.
    pub folder: PathBuf,
    /// Its files, below the folder, each with what it holds.
    pub files: Vec<(&'static str, &'static str)>,
    /// Its actions, the one to begin with first.
    pub actions: Vec<&'static str>,
    /// How many files were there already and are replaced.
    pub replaced: usize,
}

/// Writes files into `folder`, which lies in `parent`; gives how many took the
/// place of others. A folder that is not there appears with all its files at
/// once.
pub(super) fn all(parent: &Path, folder: &Path, files: &[NewFile]) -> Result<usize> {
    let failed = |error: io::Error| {
        PluginError::new(ErrorKind::Io, format!("{} cannot be created: {error}", folder.display()))
            .hint("choose another folder with --path")
    };
    if folder.exists() {
        let replaced = files.iter().filter(|file| folder.join(file.path).exists()).count();
        write_into(folder, files).map_err(failed)?;
        return Ok(replaced);
    }
    fs::create_dir_all(parent).map_err(failed)?;
    let temporary = parent.join(format!(".synapse-create-{}", process::id()));
    let created = write_into(&temporary, files).and_then(|()| fs::rename(&temporary, folder));
    if created.is_err() {
        let _ = fs::remove_dir_all(&temporary);
    }
    created.map(|()| 0).map_err(failed)
}

fn write_into(folder: &Path, files: &[NewFile]) -> io::Result<()> {
    for file in files {
        let path = folder.join(file.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, &file.text)?;
    }
    Ok(())
}
