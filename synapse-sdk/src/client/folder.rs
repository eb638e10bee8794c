//! Folders that appear whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::errors::{ErrorKind, PluginError, Result};

/// What begins like this is being written; whoever lists the folder passes it over.
pub(crate) const UNFINISHED: &str = ".new-";

/// A folder being written, locked by its writer, gone when it is dropped
/// before [`publish`](Self::publish). One whose writer died is found unlocked,
/// and removed by the next writer.
pub(crate) struct Unfinished {
    path: PathBuf,
    lock: Option<File>,
}

impl Unfinished {
    /// A new one in `parent`, which is made where needed; what dead writers
    /// left there is removed.
    pub(crate) fn begin(parent: &Path) -> Result<Self> {
        static UNIQUE: AtomicU64 = AtomicU64::new(0);
        fs::create_dir_all(parent).map_err(|error| failed("making", parent, &error))?;
        remove_left_behind(parent);
        loop {
            let number = UNIQUE.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("{UNFINISHED}{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => {}
                // Of a dead process with our number, and locked by who removes it.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(failed("making", &path, &error)),
            }
            let lock = File::open(&path).and_then(|lock| lock.lock().map(|()| lock));
            // Between making and locking it may have been taken for left behind.
            match lock {
                Ok(lock) if path.exists() => return Ok(Self { path, lock: Some(lock) }),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed("locking", &path, &error)),
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the folder the first free name: `model-1`, `model-2`, …
    pub(crate) fn publish(mut self, prefix: &str) -> Result<(u64, PathBuf)> {
        let parent = self.path.parent().unwrap_or(Path::new(".")).to_owned();
        sync(&self.path)?;
        let mut number = numbers(&parent, prefix).max().unwrap_or(0);
        loop {
            number += 1;
            let path = parent.join(format!("{prefix}{number}"));
            match fs::rename(&self.path, &path) {
                Ok(()) => {
                    self.lock = None;
                    sync(&parent)?;
                    return Ok((number, path));
                }
                // Another writer was faster; the folders are never empty.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists
                    ) => {}
                Err(error) => return Err(failed("renaming", &self.path, &error)),
            }
        }
    }
}

impl Unfinished {
    /// Gives the folder a name, with a number where that is taken:
    /// `boats`, `boats(1)`.
    pub(crate) fn publish_as(mut self, parent: &Path, name: &str) -> Result<PathBuf> {
        let mut number = 0_u32;
        loop {
            let path = parent.join(if number == 0 { name.to_owned() } else { format!("{name}({number})") });
            number += 1;
            // A rename replaces an empty folder, and there a file is an error.
            if path.symlink_metadata().is_ok() {
                continue;
            }
            match fs::rename(&self.path, &path) {
                Ok(()) => {
                    self.lock = None;
                    return Ok(path);
                }
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
                Err(error) => return Err(failed("renaming", &self.path, &error)),
            }
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.lock.is_some() {
            // What cannot be removed is removed by the next writer.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// The numbers of the folders named `prefix` and a number.
pub(crate) fn numbers(parent: &Path, prefix: &str) -> impl Iterator<Item = u64> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    entries.filter_map(move |entry| entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok())
}

fn remove_left_behind(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            continue;
        }
        let path = entry.path();
        let Ok(folder) = File::open(&path) else { continue };
        if folder.try_lock().is_ok() {
            // Locked no more: its writer is dead. Who comes first removes it, and holds the lock meanwhile: a writer
            // that has just made the folder waits for it, and then sees that the folder is gone.
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// Whether a copy is waited for until it is on the disk.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Durability {
    /// So that it survives a loss of power.
    OnDisk,
    /// For what has very many files: that would take seconds for a thousand.
    InCache,
}

/// Copies a file, or a folder with all in it.
pub(crate) fn copy(from: &Path, to: &Path, durability: Durability) -> Result<()> {
    let metadata = fs::metadata(from).map_err(|error| failed("reading", from, &error))?;
    if !metadata.is_dir() {
        fs::copy(from, to).map_err(|error| failed("writing", to, &error))?;
        if durability == Durability::InCache {
            return Ok(());
        }
        let synced = File::open(to).and_then(|file| file.sync_all());
        return synced.map_err(|error| failed("writing", to, &error));
    }
    fs::create_dir_all(to).map_err(|error| failed("making", to, &error))?;
    for entry in fs::read_dir(from).map_err(|error| failed("reading", from, &error))? {
        let entry = entry.map_err(|error| failed("reading", from, &error))?;
        copy(&entry.path(), &to.join(entry.file_name()), durability)?;
    }
    sync(to)
}

/// Writes a file and waits until it is on the disk.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = fs::write(path, bytes).and_then(|()| File::open(path)?.sync_all());
    written.map_err(|error| failed("writing", path, &error))
}

fn sync(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failed("writing", folder, &error))
}

pub(crate) fn failed(doing: &str, path: &Path, error: &io::Error) -> PluginError {
    let told = PluginError::new(ErrorKind::of_io(error), format!("{doing} {}: {error}", path.display()));
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            told.hint("make room on that disk, or keep things elsewhere with SYNAPSE_HOME or --store DIR")
        }
        _ => told,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_not_published_is_gone_and_what_is_keeps_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let begin = || {
            let unfinished = Unfinished::begin(folder.path()).unwrap();
            write(&unfinished.path().join("file"), b"bytes").unwrap();
            unfinished
        };
        drop(begin());
        assert_eq!(names(folder.path()), [""; 0]);
        let (first, second) = (begin(), begin());
        assert_eq!(second.publish("model-").unwrap().0, 1);
        assert_eq!(first.publish("model-").unwrap().0, 2);
        assert_eq!(names(folder.path()), ["model-1", "model-2"]);
    }

    #[test]
    fn what_a_dead_writer_left_goes_and_what_a_living_one_writes_stays() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(".new-1-0")).unwrap();
        fs::write(folder.path().join(".new-1-0/half"), b"").unwrap();
        let living = Unfinished::begin(folder.path()).unwrap();
        drop(Unfinished::begin(folder.path()).unwrap());
        let expected = living.path().file_name().unwrap().to_str().unwrap();
        assert_eq!(names(folder.path()), [expected]);
    }

    #[test]
    fn writers_at_once_never_share_a_number() {
        let folder = tempfile::tempdir().unwrap();
        let write_some = || {
            for _ in 0..20 {
                let unfinished = Unfinished::begin(folder.path()).unwrap();
                write(&unfinished.path().join("file"), b"").unwrap();
                unfinished.publish("model-").unwrap();
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(write_some);
            }
        });
        let mut found: Vec<u64> = numbers(folder.path(), "model-").collect();
        found.sort_unstable();
        assert_eq!(found, (1..=80).collect::<Vec<_>>());
    }
}
