//! What of the cache is in use: each process that may load from an unpacked
//! folder holds a lock in it until it ends, and nobody has to give it back. Only
//! a folder that nobody holds is removed.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::files::beside;

/// No file of a bundle has this name: theirs begin with no dot.
const LOCK: &str = ".in-use";
/// A use is noted again after this time.
const NOTED: Duration = Duration::from_secs(60 * 60);

/// Holds the folder as long as this process lives; whether it is still there. In
/// a home that cannot be written to it is there and not held.
pub(super) fn hold(folder: &Path) -> bool {
    static HELD: LazyLock<Mutex<HashMap<PathBuf, File>>> = LazyLock::new(Mutex::default);
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    if held.get(folder).is_some_and(|lock| lies_in(lock, folder)) {
        return true;
    }
    let Ok(lock) = open(folder) else { return folder.is_dir() };
    // Where a file system has no locks nothing is removed either.
    let _ = lock.lock_shared();
    // It may have been removed before the lock was there.
    let is_there = lies_in(&lock, folder);
    if is_there {
        note_use(&lock);
        held.insert(folder.to_owned(), lock);
    }
    is_there
}

/// Removes a folder that no process holds; whether it is gone.
pub(super) fn remove(folder: &Path) -> bool {
    let Ok(lock) = open(folder) else { return false };
    if lock.try_lock().is_err() || !lies_in(&lock, folder) {
        return false;
    }
    let aside = beside(folder);
    if fs::rename(folder, &aside).is_err() {
        return false;
    }
    drop(lock);
    // What cannot be removed is in nobody's way; it is tried again a day later.
    let _ = fs::remove_dir_all(&aside);
    true
}

/// When the folder was last used, to the hour.
pub(super) fn last_used(folder: &Path) -> io::Result<SystemTime> {
    fs::metadata(folder.join(LOCK)).or_else(|_| fs::metadata(folder))?.modified()
}

fn open(folder: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).open(folder.join(LOCK))
}

fn lies_in(lock: &File, folder: &Path) -> bool {
    let (Ok(lock), Ok(there)) = (lock.metadata(), fs::metadata(folder.join(LOCK))) else { return false };
    (lock.dev(), lock.ino()) == (there.dev(), there.ino())
}

fn note_use(lock: &File) {
    let noted = lock.metadata().and_then(|facts| facts.modified());
    let is_recent = noted.is_ok_and(|time| time.elapsed().is_ok_and(|age| age < NOTED));
    if !is_recent {
        // Somebody else's folder: its age is that of its owner's last use.
        let _ = lock.set_modified(SystemTime::now());
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
pub(super) mod tests {
    use super::*;

    /// Has it look as if it was last used so long ago.
    pub(in crate::cache) fn used_before(folder: &Path, age: Duration) {
        open(folder).unwrap().set_modified(SystemTime::now() - age).unwrap();
    }

    #[test]
    fn what_is_held_stays_and_what_is_not_goes() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("unpacked");
        fs::create_dir(&folder).unwrap();
        let other = open(&folder).unwrap();
        other.lock_shared().unwrap();
        assert!(!remove(&folder) && folder.is_dir());
        drop(other);
        assert!(remove(&folder));
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
        assert!(!remove(&folder) && !hold(&folder), "it is gone");
        fs::create_dir(&folder).unwrap();
        assert!(hold(&folder) && hold(&folder));
        assert!(!remove(&folder), "this process holds it");
    }

    #[test]
    fn a_folder_that_took_the_place_of_one_that_was_held_is_held_anew() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("unpacked");
        fs::create_dir(&folder).unwrap();
        assert!(hold(&folder));
        fs::remove_dir_all(&folder).unwrap();
        assert!(!hold(&folder));
        fs::create_dir(&folder).unwrap();
        assert!(hold(&folder) && !remove(&folder));
    }

    #[test]
    fn a_use_is_noted_when_the_last_is_long_ago() {
        let place = tempfile::tempdir().unwrap();
        used_before(place.path(), Duration::from_secs(1_000_000));
        let age = |folder: &Path| last_used(folder).unwrap().elapsed().unwrap();
        assert!(age(place.path()) > NOTED);
        assert!(hold(place.path()));
        assert!(age(place.path()) < NOTED);
    }
}
