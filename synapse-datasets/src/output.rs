//! A folder that appears whole or not at all.

use crate::convert::Images;
use crate::error::{Error, ErrorKind};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use tempfile::TempDir;

/// The output while it is written: a hidden folder beside the destination.
#[derive(Debug)]
pub(crate) struct Output {
    staging: TempDir,
    destination: PathBuf,
    images: Images,
    /// Folders known to be there, so that each is made once.
    folders: Mutex<HashSet<PathBuf>>,
}

impl Output {
    /// Starts an output that will be at `destination`.
    pub(crate) fn new(destination: &Path, images: Images) -> Result<Self, Error> {
        let destination =
            std::path::absolute(destination).map_err(|error| Error::io("use", destination, error))?;
        let is_empty = || fs::read_dir(&destination).is_ok_and(|mut entries| entries.next().is_none());
        if destination.symlink_metadata().is_ok() && !is_empty() {
            let message = format!("{} is already there", destination.display());
            return Err(
                Error::new(ErrorKind::OutputExists, message).hint("name another folder, or remove it")
            );
        }
        let parent = destination.parent().unwrap_or(&destination);
        fs::create_dir_all(parent).map_err(|error| Error::io("make", parent, error))?;
        let staging = tempfile::Builder::new()
            .prefix(".synapse-")
            .suffix(".partial")
            .tempdir_in(parent)
            .map_err(|error| Error::io("make a folder in", parent, error))?;
        Ok(Self { staging, destination, images, folders: Mutex::new(HashSet::new()) })
    }

    /// Where a file of the output stands for now.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.staging.path().join(relative)
    }

    /// Makes a folder of the output, if it is not there.
    pub(crate) fn folder(&self, relative: &str) -> Result<(), Error> {
        let path = self.path(relative);
        let mut folders = self.folders.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if folders.contains(&path) {
            return Ok(());
        }
        fs::create_dir_all(&path).map_err(|error| Error::io("make", &path, error))?;
        folders.insert(path);
        Ok(())
    }

    /// Writes a file of the output. Its folder is made if it is deeper than
    /// `base`, which must be there.
    pub(crate) fn write(&self, base: &str, relative: &str, bytes: &[u8]) -> Result<(), Error> {
        let whole = self.in_base(base, relative)?;
        let path = self.path(&whole);
        fs::write(&path, bytes).map_err(|error| Error::io("write", &path, error))
    }

    fn in_base(&self, base: &str, relative: &str) -> Result<String, Error> {
        let whole = if base.is_empty() { relative.to_owned() } else { format!("{base}/{relative}") };
        if let Some((folder, _)) = relative.rsplit_once('/') {
            let folder = if base.is_empty() { folder.to_owned() } else { format!("{base}/{folder}") };
            self.folder(&folder)?;
        }
        Ok(whole)
    }

    /// Whether images are part of the output.
    pub(crate) fn has_images(&self) -> bool {
        self.images != Images::Without
    }

    /// Puts an image in the output. `false` if there is no such file.
    pub(crate) fn image(&self, source: &Path, base: &str, relative: &str) -> Result<bool, Error> {
        let whole = self.in_base(base, relative)?;
        let path = self.path(&whole);
        let placed = match self.images {
            Images::Without => return Ok(true),
            Images::Link => fs::canonicalize(source).and_then(|file| {
                // Another file system, or one without links.
                fs::hard_link(&file, &path).or_else(|_| fs::copy(&file, &path).map(drop))
            }),
            Images::Copy => fs::copy(source, &path).map(drop),
            Images::Symlink => fs::canonicalize(source).and_then(|file| symlink(&file, &path)),
        };
        match placed {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("put an image at", &path, error)),
        }
    }

    /// Gives the output its name.
    pub(crate) fn finish(self) -> Result<(), Error> {
        if self.destination.exists() {
            fs::remove_dir(&self.destination)
                .map_err(|error| Error::io("replace", &self.destination, error))?;
        }
        let staging = self.staging.keep();
        let renamed = readable(&staging).and_then(|()| fs::rename(&staging, &self.destination));
        renamed.map_err(|error| {
            let _ = fs::remove_dir_all(&staging);
            Error::io("rename to", &self.destination, error)
        })
    }
}

#[cfg(unix)]
fn symlink(file: &Path, path: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(file, path)
}

#[cfg(not(unix))]
fn symlink(file: &Path, path: &Path) -> std::io::Result<()> {
    fs::copy(file, path).map(drop)
}

/// A temporary folder is for its owner alone; the output is as any other.
#[cfg(unix)]
fn readable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn readable(_path: &Path) -> std::io::Result<()> {
    Ok(())
}
