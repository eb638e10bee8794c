//! State and work files of a run, kept in a folder.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::errors::{Result, ResultExt, ValidationError};

/// A folder that keeps what [`Context::save_state`](crate::Context::save_state)
/// saves, and the folder [`Context::work_dir`](crate::Context::work_dir) gives.
/// Nothing is made before it is needed.
#[derive(Clone, Debug)]
pub struct StateDir {
    root: PathBuf,
}

impl StateDir {
    /// State below `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder below which everything lies.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The work folder, made when it is not there.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn work_dir(&self) -> Result<PathBuf> {
        let folder = self.root.join("work");
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        Ok(folder)
    }

    /// Keeps `bytes` under `key`. Whoever reads sees the old bytes or the new
    /// ones, never a part.
    ///
    /// # Errors
    /// `key` is no file name, or the bytes cannot be written.
    pub fn save(&self, key: &str, bytes: &[u8]) -> Result<()> {
        static UNIQUE: AtomicU64 = AtomicU64::new(0);
        let file = self.file(key)?;
        let folder = self.root.join("state");
        let number = UNIQUE.fetch_add(1, Ordering::Relaxed);
        let part = folder.join(format!("~{key}.{}.{number}", std::process::id()));
        let written = fs::create_dir_all(&folder).and_then(|()| {
            let mut writing = File::create(&part)?;
            // For those who remove what dead writers left; not every file system has locks.
            let _ = writing.lock();
            writing.write_all(bytes)?;
            fs::rename(&part, &file)
        });
        if written.is_err() {
            // The write failed already; a part left behind is never read.
            let _ = fs::remove_file(&part);
        }
        written.with_context(|| format!("saving state `{key}` in {}", folder.display()))
    }

    /// What was last saved under `key`.
    ///
    /// # Errors
    /// `key` is no file name, or the file cannot be read.
    pub fn load(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let file = self.file(key)?;
        match fs::read(&file) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", file.display())),
        }
    }

    /// Counts one more attempt and gives its number, from 1. Parts of files that
    /// a killed one left are removed.
    ///
    /// # Errors
    /// The count cannot be written.
    pub fn next_attempt(&self) -> Result<u32> {
        let file = self.root.join("attempt");
        let before: u32 =
            fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        let attempt = before.saturating_add(1);
        fs::create_dir_all(&self.root)
            .and_then(|()| fs::write(&file, attempt.to_string()))
            .with_context(|| format!("writing {}", file.display()))?;
        self.remove_left_behind();
        Ok(attempt)
    }

    fn remove_left_behind(&self) {
        for entry in fs::read_dir(self.root.join("state")).into_iter().flatten().flatten() {
            let is_part = entry.file_name().to_string_lossy().starts_with('~');
            if is_part && File::open(entry.path()).is_ok_and(|part| part.try_lock().is_ok()) {
                // The next attempt tries again.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn file(&self, key: &str) -> Result<PathBuf> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if key.is_empty() || key.len() > 200 || key.starts_with('.') || !key.chars().all(plain) {
            return Err(ValidationError::new(format!("`{key}` cannot be a state's key"))
                .hint("use letters, digits, `.`, `_` and `-`, up to 200, not beginning with `.`"));
        }
        Ok(self.root.join("state").join(key))
    }
}

/// Where one run keeps state.
pub enum RunState {
    /// In a folder that somebody named: a later attempt finds it again.
    Named(StateDir),
    /// In a folder that is thought of when it is first needed, and goes when
    /// the run has ended.
    Temporary(OnceLock<StateDir>),
}

impl RunState {
    /// State in the folder that was named, if one was.
    pub fn new(named: Option<PathBuf>) -> Self {
        named.map_or_else(|| Self::Temporary(OnceLock::new()), |folder| Self::Named(StateDir::new(folder)))
    }

    /// The folder.
    pub fn dir(&self) -> &StateDir {
        static UNIQUE: AtomicU64 = AtomicU64::new(0);
        match self {
            Self::Named(dir) => dir,
            Self::Temporary(dir) => dir.get_or_init(|| {
                let number = UNIQUE.fetch_add(1, Ordering::Relaxed);
                let name = format!("synapse-{}-{number}", std::process::id());
                StateDir::new(std::env::temp_dir().join(name))
            }),
        }
    }
}

impl Drop for RunState {
    fn drop(&mut self) {
        if let Self::Temporary(dir) = self
            && let Some(dir) = dir.get()
        {
            // Reading state that was never saved makes no folder.
            let _ = fs::remove_dir_all(dir.root());
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_new_attempt_removes_what_a_killed_one_was_writing() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::new(folder.path());
        state.save("kept", b"whole").unwrap();
        let part = |name: &str| folder.path().join("state").join(name);
        fs::write(part("~kept.1.0"), b"hal").unwrap();
        let living = File::create(part("~kept.2.0")).unwrap();
        living.lock().unwrap();
        assert_eq!(state.next_attempt().unwrap(), 1);
        assert!(!part("~kept.1.0").exists() && part("~kept.2.0").exists());
        assert_eq!(state.load("kept").unwrap().unwrap(), b"whole");
    }
}
