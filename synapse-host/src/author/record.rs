//! The record of a build: enough to tell, without cargo, that its library is
//! still up to date.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::cargo::Build;
use super::environment;
use super::inputs;
use crate::files::put_whole;

/// Raised when what a record says, or what goes into it, changes.
const FORMAT: u32 = 1;

/// Which build a record is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Key {
    /// Canonical.
    pub(super) folder: PathBuf,
    /// What cargo is told: profile and options.
    pub(super) arguments: Vec<String>,
}

impl Key {
    fn file(&self, home: &Path) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        home.join("builds").join(format!("{:016x}.json", hasher.finish()))
    }
}

/// The state of a file that no longer holds once it is written or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    size: u64,
    modified_ns: i128,
    inode: u64,
}

impl Stamp {
    /// `None` when there is no such file, or it cannot be seen.
    pub(super) fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().as_ref().map(Self::from)
    }
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        Self {
            size: metadata.size(),
            modified_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            inode: metadata.ino(),
        }
    }
}

/// A point in time as file systems give it, in nanoseconds since 1970.
pub(super) fn nanoseconds(seconds: i64, nanoseconds: i64) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds)
}

/// A file the build depends on.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Input {
    pub(super) path: PathBuf,
    /// `None`: it was not there, and would have mattered.
    pub(super) stamp: Option<Stamp>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    format: u32,
    key: Key,
    library: Input,
    inputs: Vec<Input>,
    /// Variables that this build reads, beside those that matter to all.
    variables: BTreeSet<String>,
    environment: u64,
}

impl Record {
    /// The files the build depends on.
    pub(super) fn into_inputs(self) -> Vec<PathBuf> {
        self.inputs.into_iter().map(|input| input.path).collect()
    }

    /// The library, if nothing has changed since it was built.
    pub(super) fn current_library(self) -> Option<PathBuf> {
        let unchanged = |input: &Input| Stamp::of(&input.path) == input.stamp;
        let current = self.library.stamp.is_some()
            && unchanged(&self.library)
            && environment::fingerprint(&self.variables) == self.environment
            && self.inputs.iter().all(unchanged);
        current.then_some(self.library.path)
    }
}

/// Reads the record of a build. One that is absent, damaged or of another
/// format is none.
pub(super) fn load(home: &Path, key: &Key) -> Option<Record> {
    let bytes = fs::read(key.file(home)).ok()?;
    let record: Record = serde_json::from_slice(&bytes).ok()?;
    (record.format == FORMAT && record.key == *key).then_some(record)
}

/// Writes the record of a build, if all that it depends on can be told. Without
/// a record the next run asks cargo, so failing to write one is no error.
pub(super) fn keep(home: &Path, key: &Key, build: &Build) {
    let Some(inputs) = inputs::of(key, build) else {
        return;
    };
    // Another build may have put its own library there since cargo let go.
    if build.library_stamp != Stamp::of(&build.library) {
        return;
    }
    let record = Record {
        format: FORMAT,
        key: key.clone(),
        library: Input { path: build.library.clone(), stamp: build.library_stamp },
        inputs: inputs.files,
        environment: environment::fingerprint(&inputs.variables),
        variables: inputs.variables,
    };
    if let Ok(json) = serde_json::to_vec(&record) {
        let _ = put_whole(&key.file(home), |file| file.write_all(&json));
    }
}
