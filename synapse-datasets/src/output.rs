//! A folder that appears whole or not at all.

use crate::convert::Images;
use crate::error::{Error, ErrorKind};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tempfile::TempDir;

/// The output while it is written: a hidden folder beside the destination.
#[derive(Debug)]
pub(crate) struct Output {
    staging: Staging,
    destination: PathBuf,
    images: Images,
    /// Folders known to be there, so that each is made once.
    folders: Mutex<HashSet<PathBuf>>,
}

#[derive(Debug)]
enum Staging {
    /// Gone with an interruption.
    Temporary(TempDir),
    Kept(Kept),
}

/// A folder that an interruption leaves, to be gone on with.
#[derive(Debug)]
struct Kept {
    path: PathBuf,
    /// Held locked, so that two do not write to it at once.
    _lock: File,
    /// What was written this time. Anything else is of an earlier time.
    written: Mutex<HashSet<PathBuf>>,
}

impl Output {
    /// Starts an output that will be at `destination`. With `resume` it goes
    /// on with what an interrupted one left, and leaves it when interrupted.
    pub(crate) fn new(destination: &Path, images: Images, resume: bool) -> Result<Self, Error> {
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
        let staging = if resume {
            Staging::Kept(Kept::new(&destination)?)
        } else {
            let temporary =
                tempfile::Builder::new().prefix(".synapse-").suffix(".partial").tempdir_in(parent);
            Staging::Temporary(temporary.map_err(|error| Error::io("make a folder in", parent, error))?)
        };
        Ok(Self { staging, destination, images, folders: Mutex::new(HashSet::new()) })
    }

    /// Where a file of the output stands for now.
    fn path(&self, relative: &str) -> PathBuf {
        match &self.staging {
            Staging::Temporary(folder) => folder.path().join(relative),
            Staging::Kept(kept) => kept.path.join(relative),
        }
    }

    /// Makes a folder of the output, if it is not there.
    pub(crate) fn folder(&self, relative: &str) -> Result<(), Error> {
        let path = self.path(relative);
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        if folders.contains(&path) {
            return Ok(());
        }
        fs::create_dir_all(&path).map_err(|error| Error::io("make", &path, error))?;
        folders.insert(path);
        Ok(())
    }

    /// Makes an empty file of the output, to be written and read.
    pub(crate) fn create(&self, relative: &str) -> Result<(PathBuf, File), Error> {
        let path = self.path(relative);
        let file = self
            .begin(&path)
            .and_then(|()| File::options().create_new(true).read(true).write(true).open(&path))
            .map_err(|error| Error::io("write", &path, error))?;
        Ok((path, file))
    }

    /// Writes a file of the output. Its folder is made if it is deeper than
    /// `base`, which must be there.
    pub(crate) fn write(&self, base: &str, relative: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.path(&self.in_base(base, relative)?);
        let written = self.begin(&path).and_then(|()| fs::write(&path, bytes));
        written.map_err(|error| Error::io("write", &path, error))
    }

    /// Takes away what an earlier time left: it could be a link to an image of
    /// the source.
    fn begin(&self, path: &Path) -> io::Result<()> {
        let Staging::Kept(kept) = &self.staging else { return Ok(()) };
        kept.is_written(path);
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
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
        if self.images == Images::Without {
            return Ok(true);
        }
        let path = self.path(&self.in_base(base, relative)?);
        let placed = self.is_there(source, &path).and_then(|is_there| match is_there {
            true => Ok(()),
            false => place(self.images, source, &path),
        });
        match placed {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("put an image at", &path, error)),
        }
    }

    /// Whether an earlier time has put the image there as it is now. What
    /// else it put there is taken away.
    fn is_there(&self, source: &Path, path: &Path) -> io::Result<bool> {
        let Staging::Kept(kept) = &self.staging else { return Ok(false) };
        if !kept.is_written(path) || path.symlink_metadata().is_err() {
            return Ok(false);
        }
        if is_same(self.images, source, path).unwrap_or(false) {
            return Ok(true);
        }
        fs::remove_file(path)?;
        Ok(false)
    }

    /// Gives the output its name.
    pub(crate) fn finish(self) -> Result<(), Error> {
        if self.destination.exists() {
            fs::remove_dir(&self.destination)
                .map_err(|error| Error::io("replace", &self.destination, error))?;
        }
        let folders = self.folders.into_inner().unwrap_or_else(PoisonError::into_inner);
        let staging = match self.staging {
            Staging::Temporary(folder) => folder.keep(),
            Staging::Kept(kept) => {
                kept.finish(&folders).map_err(|error| Error::io("tidy", &self.destination, error))?
            }
        };
        let renamed = readable(&staging).and_then(|()| fs::rename(&staging, &self.destination));
        renamed.map_err(|error| {
            let _ = fs::remove_dir_all(&staging);
            Error::io("rename to", &self.destination, error)
        })
    }
}

impl Kept {
    fn new(destination: &Path) -> Result<Self, Error> {
        let name = destination.file_name().unwrap_or_default().to_string_lossy();
        let path = destination.with_file_name(format!(".synapse-{name}.partial"));
        let lock = fs::create_dir_all(&path)
            .and_then(|()| File::open(&path))
            .map_err(|error| Error::io("make", &path, error))?;
        if lock.try_lock().is_err() {
            let message = format!("{} is being written", path.display());
            return Err(Error::new(ErrorKind::OutputExists, message).hint("wait until the other has ended"));
        }
        Ok(Self { path, _lock: lock, written: Mutex::new(HashSet::new()) })
    }

    /// Notes that a path is of this time. `false` if it was already.
    fn is_written(&self, path: &Path) -> bool {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned())
    }

    /// Removes what is not of this time.
    fn finish(self, folders: &HashSet<PathBuf>) -> io::Result<PathBuf> {
        let written = self.written.into_inner().unwrap_or_else(PoisonError::into_inner);
        remove_others(&self.path, &written, folders)?;
        Ok(self.path)
    }
}

fn remove_others(folder: &Path, written: &HashSet<PathBuf>, folders: &HashSet<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if !entry.file_type()?.is_dir() {
            if !written.contains(&path) {
                fs::remove_file(&path)?;
            }
            continue;
        }
        remove_others(&path, written, folders)?;
        // One that holds something or was asked for stays.
        if !folders.contains(&path) && fs::read_dir(&path)?.next().is_none() {
            fs::remove_dir(&path)?;
        }
    }
    Ok(())
}

fn place(images: Images, source: &Path, path: &Path) -> io::Result<()> {
    match images {
        Images::Without => Ok(()),
        Images::Copy => copy(source, path),
        Images::Symlink => fs::canonicalize(source).and_then(|file| symlink(&file, path)),
        Images::Link => {
            let file = fs::canonicalize(source)?;
            match fs::hard_link(&file, path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
                // Another file system, or one without links.
                Err(_) => copy(&file, path),
                Ok(()) => Ok(()),
            }
        }
    }
}

/// Copies, and never over something.
fn copy(source: &Path, path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => fs::copy(source, path).map(drop),
    }
}

/// Whether an image that is there is what would be put there: a link to the
/// same file, or a copy that is whole and younger.
fn is_same(images: Images, source: &Path, path: &Path) -> io::Result<bool> {
    if images == Images::Symlink {
        return Ok(fs::read_link(path)? == fs::canonicalize(source)?);
    }
    let (own, there) = (fs::metadata(source)?, path.symlink_metadata()?);
    if images == Images::Link && is_one_file(&own, &there) {
        return Ok(true);
    }
    let is_whole = there.is_file() && there.len() == own.len() && there.modified()? >= own.modified()?;
    Ok(is_whole && (images == Images::Link || !is_one_file(&own, &there)))
}

#[cfg(unix)]
fn is_one_file(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_one_file(_one: &fs::Metadata, _other: &fs::Metadata) -> bool {
    false
}

#[cfg(unix)]
fn symlink(file: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(file, path)
}

#[cfg(not(unix))]
fn symlink(file: &Path, path: &Path) -> io::Result<()> {
    fs::copy(file, path).map(drop)
}

/// A temporary folder is for its owner alone; the output is as any other.
#[cfg(unix)]
fn readable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn readable(_path: &Path) -> io::Result<()> {
    Ok(())
}
