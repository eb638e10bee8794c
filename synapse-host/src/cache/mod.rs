//! Bundles, unpacked: a folder for each digest, which processes share.
//!
//! `$SYNAPSE_HOME/cache/DIGEST` holds what a bundle has for this machine; the
//! digest is that of the list of those files, so that two bundles with the same
//! files share one. A folder is filled elsewhere and moved there whole. Files are
//! hashed when they are unpacked; later their device, inode, size and times tell
//! that they are still those. When something is unpacked, what was not used for
//! long and is held by no process is removed.

mod hold;
mod prune;

use std::collections::HashMap;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use synapse_sdk::errors::{Result, ResultExt};
use synapse_sdk::{ErrorKind, PluginError};

use crate::bundle::{Bundle, BundledFile, HERE};
use crate::check::Reason;
use crate::digest::{FileState, sha256_of_reader};
use crate::files::{beside, put_whole};
use crate::home::Home;

pub(crate) use prune::{VARIABLE as KEEP_VARIABLE, amount};

/// A bundle's library for this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unpacked {
    /// The library, in the cache.
    pub(crate) library: PathBuf,
    /// The bundle it is of, as it was then.
    bundle: FileState,
}

/// What is remembered of a bundle that was unpacked.
#[derive(Serialize, Deserialize)]
struct Remembered {
    bundle: FileState,
    /// In the cache.
    folder: String,
    library: String,
    files: Vec<(String, FileState)>,
}

impl Unpacked {
    /// The bundle's library, unpacked if it was not before. With `verify` all
    /// of it is hashed again.
    ///
    /// # Errors
    /// As [`Bundle::open`];
    /// [`IncompatiblePlugin`](ErrorKind::IncompatiblePlugin) when the bundle has
    /// nothing for this machine,
    /// [`ChecksumMismatch`](ErrorKind::ChecksumMismatch) when its files are not
    /// those it should have; the cache cannot be written to.
    pub(crate) fn of(home: &Home, bundle: &Path, verify: bool) -> Result<Self> {
        static KNOWN: LazyLock<Mutex<HashMap<PathBuf, Unpacked>>> = LazyLock::new(Mutex::default);
        let lock = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let state = state(bundle)?;
        if !verify
            && let Some(known) = lock().get(bundle)
            && known.bundle == state
            && known.library.starts_with(home.path())
            && known.library.exists()
        {
            return Ok(known.clone());
        }
        let library = held(home, bundle, state, verify)?;
        let unpacked = Self { library, bundle: state };
        lock().insert(bundle.to_owned(), unpacked.clone());
        Ok(unpacked)
    }

    /// Whether the bundle is still the one this was unpacked from.
    pub(crate) fn is_of(&self, bundle: &Path) -> bool {
        state(bundle).is_ok_and(|state| state == self.bundle)
    }
}

/// Removes what was unpacked of a bundle that nobody needs any more, unless a
/// process uses it: then that goes when it was not used for long.
pub(crate) fn forget(home: &Home, bundle: &Path) {
    if let Ok(Ok(bundle)) = Bundle::examine(bundle) {
        hold::remove(&home.cache().join(bundle.manifest().digest_for(HERE)));
    }
}

/// The library, which stays where it is as long as this process lives.
fn held(home: &Home, bundle: &Path, state: FileState, verify: bool) -> Result<PathBuf> {
    /// Others remove it between our look and our lock once in a lifetime.
    const TRIES: usize = 5;
    for _ in 0..TRIES {
        let known = recall(home, bundle, state).filter(|_| !verify);
        let is_known = known.is_some();
        let library = known.map_or_else(|| unpack(home, bundle, state), Ok)?;
        if library.parent().is_some_and(hold::hold) {
            if !is_known {
                prune::prune(home, prune::keep_from_env());
            }
            return Ok(library);
        }
    }
    Err(PluginError::new(ErrorKind::Io, format!("{} is removed again and again", home.cache().display()))
        .hint("end whoever removes what lies there"))
}

fn state(file: &Path) -> Result<FileState> {
    let facts = fs::metadata(file).map_err(|error| {
        PluginError::new(ErrorKind::of_io(&error), format!("{}: {error}", file.display()))
    })?;
    Ok(FileState::of(&facts))
}

/// The library, as long as nothing has changed since it was unpacked.
fn recall(home: &Home, bundle: &Path, state: FileState) -> Option<PathBuf> {
    let known: Remembered = serde_json::from_slice(&fs::read(note_of(home, bundle)).ok()?).ok()?;
    let folder = home.cache().join(&known.folder);
    let unchanged = |(name, state): &(String, FileState)| {
        fs::metadata(folder.join(name)).is_ok_and(|facts| FileState::of(&facts) == *state)
    };
    let right = known.bundle == state && known.files.iter().all(unchanged);
    right.then(|| folder.join(&known.library))
}

/// Where it is remembered: in one of a few thousand small files. A bundle that
/// shares one with another is hashed again, no more.
fn note_of(home: &Home, bundle: &Path) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    std::path::absolute(bundle).unwrap_or_else(|_| bundle.to_owned()).hash(&mut hasher);
    home.cache().join("bundles").join(format!("{:03x}.json", hasher.finish() & 0xfff))
}

/// Sees to it that the cache holds what the bundle has for this machine.
fn unpack(home: &Home, path: &Path, state: FileState) -> Result<PathBuf> {
    let bundle = Bundle::open(path)?;
    let library = bundle.library_here().map_err(|reason| reason.error(path))?;
    let digest = bundle.manifest().digest_for(HERE);
    let folder = home.cache().join(&digest);
    let files: Vec<&BundledFile> = bundle.manifest().files_for(HERE).collect();
    if !is_right(&folder, &files) {
        fill(&bundle, path, &files, &folder)?;
    }
    let name = name_of(&library.path);
    let states = files.iter().map(|file| {
        let name = name_of(&file.path);
        Ok((name.to_owned(), FileState::of(&fs::metadata(folder.join(name))?)))
    });
    let known = Remembered {
        bundle: state,
        folder: digest,
        library: name.to_owned(),
        files: states.collect::<io::Result<_>>().with_context(|| folder.display().to_string())?,
    };
    // Without it the next run hashes the files again.
    if let Ok(json) = serde_json::to_vec(&known) {
        let _ = put_whole(&note_of(home, path), |file| file.write_all(&json));
    }
    Ok(folder.join(name))
}

/// The part of an entry's name after its folder.
fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn is_right(folder: &Path, files: &[&BundledFile]) -> bool {
    files.iter().all(|file| {
        let digest = File::open(folder.join(name_of(&file.path))).and_then(sha256_of_reader);
        digest.is_ok_and(|digest| digest == file.sha256)
    })
}

/// Unpacks beside `folder` and moves it there. Where another process was first,
/// its folder stays, unless that is damaged.
fn fill(bundle: &Bundle, path: &Path, files: &[&BundledFile], folder: &Path) -> Result<()> {
    let temporary = beside(folder);
    let made = unpack_into(&temporary, bundle, path, files).and_then(|()| {
        if fs::rename(&temporary, folder).is_ok() || is_right(folder, files) {
            return Ok(());
        }
        let damaged = beside(folder);
        let replaced = fs::rename(folder, &damaged).and_then(|()| fs::rename(&temporary, folder));
        // What cannot be removed is in nobody's way.
        let _ = fs::remove_dir_all(&damaged);
        replaced.with_context(|| folder.display().to_string())
    });
    let _ = fs::remove_dir_all(&temporary);
    made
}

fn unpack_into(temporary: &Path, bundle: &Bundle, path: &Path, files: &[&BundledFile]) -> Result<()> {
    let cannot = |error: io::Error| {
        PluginError::new(
            ErrorKind::Io,
            format!("the bundle cannot be unpacked to {}: {error}", temporary.display()),
        )
        .hint("make room there, or set SYNAPSE_HOME to a folder that can be written to")
    };
    fs::create_dir_all(temporary).map_err(cannot)?;
    for file in files {
        let mut to = File::create_new(temporary.join(name_of(&file.path))).map_err(cannot)?;
        let copied: Result<(), Reason> = bundle.copy(file, &mut to).map_err(cannot)?;
        copied.map_err(|reason| reason.error(&path.join(&file.path)))?;
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;
    use crate::bundle::{self, Parts};

    struct Place {
        folder: TempDir,
        home: Home,
    }

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let home = Home::at(folder.path().join("home"));
            Self { folder, home }
        }

        fn bundle(&self, name: &str, library: &[u8]) -> PathBuf {
            let manifest =
                serde_json::from_value(json!({ "sdk": "1", "actions": [], "data_types": [] })).unwrap();
            let parts = Parts {
                code: "net",
                name: "Net",
                version: "1.0.0",
                category: "custom",
                actions: vec![],
                config: "",
                readme: None,
                target: HERE,
                library: "libnet.so",
                bytes: library,
                image_sha256: "",
                glibc: None,
                native: vec![("libz.so".to_owned(), b"z".to_vec())],
                manifest: &manifest,
            };
            let path = self.folder.path().join(name);
            bundle::write(&parts, File::create(&path).unwrap()).unwrap();
            path
        }

        fn library(&self, bundle: &Path, verify: bool) -> Result<PathBuf> {
            Ok(Unpacked::of(&self.home, bundle, verify)?.library)
        }
    }

    #[test]
    fn the_same_files_are_unpacked_once_and_others_beside_them() {
        let place = Place::new();
        let one = place.library(&place.bundle("a.synapse", b"one"), false).unwrap();
        assert_eq!(fs::read(&one).unwrap(), b"one");
        assert_eq!(fs::read(one.with_file_name("libz.so")).unwrap(), b"z");
        assert_eq!(place.library(&place.bundle("b.synapse", b"one"), false).unwrap(), one);
        let two = place.library(&place.bundle("a.synapse", b"two"), false).unwrap();
        assert_eq!((fs::read(&one).unwrap(), fs::read(&two).unwrap()), (b"one".to_vec(), b"two".to_vec()));
    }

    #[test]
    fn a_damaged_copy_is_replaced_as_soon_as_it_is_looked_at() {
        let place = Place::new();
        let bundle = place.bundle("a.synapse", b"one");
        let library = place.library(&bundle, false).unwrap();
        let state = state(&bundle).unwrap();
        assert_eq!(recall(&place.home, &bundle, state), Some(library.clone()));
        fs::write(&library, "0ne").unwrap();
        assert_eq!(recall(&place.home, &bundle, state), None);
        assert_eq!(place.library(&bundle, true).unwrap(), library);
        assert_eq!(fs::read(&library).unwrap(), b"one");
        fs::remove_dir_all(place.home.path()).unwrap();
        assert_eq!(fs::read(place.library(&bundle, false).unwrap()).unwrap(), b"one");
    }

    #[test]
    fn nothing_is_unpacked_that_is_not_as_it_should_be() {
        let place = Place::new();
        let path = place.bundle("a.synapse", b"the library");
        let mut bytes = fs::read(&path).unwrap();
        let at = bytes.windows(11).position(|part| part == b"the library").unwrap();
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        let error = place.library(&path, false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ChecksumMismatch, "{error}");
        assert!(error.message().contains("a.synapse/"), "{error}");
        let left: Vec<_> = fs::read_dir(place.home.cache()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn many_at_once_get_one_whole_folder() {
        let place = Place::new();
        let bundle = place.bundle("a.synapse", &vec![7; 3 << 20]);
        let libraries: Vec<PathBuf> = std::thread::scope(|scope| {
            let each = || scope.spawn(|| place.library(&bundle, true).unwrap());
            let threads: Vec<_> = (0..8).map(|_| each()).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(libraries.iter().all(|library| fs::read(library).unwrap() == vec![7; 3 << 20]));
        let left = fs::read_dir(place.home.cache()).unwrap().count();
        assert_eq!(left, 2, "one folder, and what is remembered of it");
    }

    #[test]
    fn what_is_in_use_is_not_forgotten() {
        let place = Place::new();
        let bundle = place.bundle("a.synapse", b"one");
        let library = unpack(&place.home, &bundle, state(&bundle).unwrap()).unwrap();
        forget(&place.home, &bundle);
        assert!(!library.exists());
        assert_eq!(place.library(&bundle, false).unwrap(), library);
        forget(&place.home, &bundle);
        assert!(library.exists(), "this process uses it");
    }

    #[test]
    fn a_home_that_cannot_be_written_to_is_told() {
        let place = Place::new();
        let bundle = place.bundle("a.synapse", b"one");
        let error = Unpacked::of(&Home::at("/proc/synapse"), &bundle, false).unwrap_err();
        assert!(error.hint_text().is_some_and(|hint| hint.contains("SYNAPSE_HOME")), "{error}");
    }
}
