//! SHA-256 of files, without hashing them at every start.
//!
//! The digest of a file, or of a part of one, is remembered with all that changes
//! when the file does. What is remembered lies in at most 256 small files: one
//! that shares its place with another is hashed again, no more.

use std::fs::{self, File, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::files::put_whole;
use crate::home::Home;

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileState {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileState {
    pub(crate) fn of(facts: &Metadata) -> Self {
        Self {
            device: facts.dev(),
            inode: facts.ino(),
            size: facts.size(),
            modified: (facts.mtime(), facts.mtime_nsec()),
            changed: (facts.ctime(), facts.ctime_nsec()),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Remembered {
    /// The file, or a part of it.
    what: PathBuf,
    state: FileState,
    sha256: String,
}

/// The SHA-256 of the file at `library`, 64 hex digits. It is read only where
/// the home does not remember the digest of the file as it is now.
///
/// # Errors
/// Those of reading the file. A home that cannot be written to is none.
pub fn sha256_of(home: &Home, library: &Path) -> io::Result<String> {
    let file = File::open(library)?;
    remembered(home, library, &file, || sha256_of_reader(&file))
}

/// What `compute` gives for `file`, remembered under the name `what` as long as
/// the file stays as it is.
///
/// # Errors
/// Those of `compute`, and of asking for the file's state.
pub(crate) fn remembered<E: From<io::Error>>(
    home: &Home,
    what: &Path,
    file: &File,
    compute: impl FnOnce() -> Result<String, E>,
) -> Result<String, E> {
    let state = FileState::of(&file.metadata()?);
    let place = place(home, what);
    if let Some(sha256) = recall(&place, what, state) {
        return Ok(sha256);
    }
    let sha256 = compute()?;
    if FileState::of(&file.metadata()?) == state {
        // Without it the next process hashes the file again.
        let _ = remember(&place, &Remembered { what: what.to_owned(), state, sha256: sha256.clone() });
    }
    Ok(sha256)
}

fn place(home: &Home, what: &Path) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    home.digests().join(format!("{:02x}.json", hasher.finish() & 0xff))
}

fn recall(place: &Path, what: &Path, state: FileState) -> Option<String> {
    let known: Remembered = serde_json::from_slice(&fs::read(place).ok()?).ok()?;
    (known.what == what && known.state == state).then_some(known.sha256)
}

fn remember(place: &Path, known: &Remembered) -> io::Result<()> {
    let json = serde_json::to_vec(known)?;
    put_whole(place, |file| file.write_all(&json))
}

/// The SHA-256 of all that is read, 64 hex digits.
///
/// # Errors
/// Those of reading.
pub(crate) fn sha256_of_reader(mut reader: impl Read) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(hex(&hash.finalize()))
}

/// Bytes as hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        for half in [byte >> 4, byte & 0xf] {
            text.extend(char::from_digit(half.into(), 16));
        }
        text
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_digest_is_remembered_until_the_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        let library = folder.path().join("lib.so");
        fs::write(&library, "abc").unwrap();
        assert_eq!(sha256_of(&home, &library).unwrap(), ABC);

        let place = place(&home, &library);
        let text = fs::read_to_string(&place).unwrap();
        fs::write(&place, text.replace(ABC, "remembered")).unwrap();
        assert_eq!(sha256_of(&home, &library).unwrap(), "remembered");

        fs::write(&library, "abcd").unwrap();
        assert_ne!(sha256_of(&home, &library).unwrap(), "remembered");
        fs::remove_file(&library).unwrap();
        fs::write(&library, "abc").unwrap();
        assert_eq!(sha256_of(&home, &library).unwrap(), ABC);
        assert_eq!(fs::read_dir(home.digests()).unwrap().count(), 1);
    }

    #[test]
    fn parts_of_a_file_have_digests_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        let library = folder.path().join("lib.so");
        fs::write(&library, "abc").unwrap();
        let file = File::open(&library).unwrap();
        let digest = |part: &str, digest: &str| {
            let compute = || Ok::<_, io::Error>(digest.to_owned());
            remembered(&home, &library.join(part), &file, compute).unwrap()
        };
        for _ in 0..3 {
            assert_eq!(sha256_of(&home, &library).unwrap(), ABC);
        }
        assert_eq!(digest("a", "one"), "one");
        assert_eq!(digest("a", "other"), "one");
        // Another part that shares its place is never taken for it.
        let shares = (0..).map(|number| number.to_string());
        let place_of_a = place(&home, &library.join("a"));
        let mut shares = shares.filter(|part| place(&home, &library.join(part)) == place_of_a);
        assert_eq!(digest(&shares.next().unwrap(), "two"), "two");
        assert_eq!(digest("a", "three"), "three");
    }

    #[test]
    fn what_is_remembered_may_be_damaged_or_impossible_to_write() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("lib.so");
        fs::write(&library, "abc").unwrap();
        assert_eq!(sha256_of(&Home::at("/proc/synapse"), &library).unwrap(), ABC);

        let home = Home::at(folder.path());
        sha256_of(&home, &library).unwrap();
        fs::write(place(&home, &library), "{").unwrap();
        assert_eq!(sha256_of(&home, &library).unwrap(), ABC);
    }
}
