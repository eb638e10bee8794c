//! Where Synapse keeps things: records, builds, state, installed plugins.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The folder in which Synapse keeps things. Naming a folder makes none: who
/// writes into it makes it then, so that a home that cannot be written to
/// disturbs nobody who only reads or runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home(PathBuf);

impl Home {
    /// `$SYNAPSE_HOME`, else `.synapse` in the user's home folder; `None` when
    /// neither is known. A variable that is set to nothing counts as not set.
    pub fn from_env() -> Option<Self> {
        Self::choose(std::env::var_os("SYNAPSE_HOME"), std::env::home_dir())
    }

    /// The home at `folder`. It stays there when the process changes its
    /// working folder.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        Self(std::path::absolute(&folder).unwrap_or(folder))
    }

    fn choose(named: Option<OsString>, user_home: Option<PathBuf>) -> Option<Self> {
        if let Some(named) = named.filter(|named| !named.is_empty()) {
            return Some(Self::at(named));
        }
        let user_home = user_home.filter(|folder| !folder.as_os_str().is_empty())?;
        Some(Self::at(user_home.join(".synapse")))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// One folder for each recorded run.
    pub fn runs(&self) -> PathBuf {
        self.0.join("runs")
    }

    /// One folder for each run of a pipeline.
    pub fn pipelines(&self) -> PathBuf {
        self.0.join("pipelines")
    }

    /// What was built from plugin folders.
    pub fn builds(&self) -> PathBuf {
        self.0.join("builds")
    }

    /// Digests of libraries, so that a library is hashed once.
    pub fn digests(&self) -> PathBuf {
        self.0.join("digests")
    }

    /// The sources of the SDK of this version, which plugins use by path.
    pub fn sdk(&self, version: &str) -> PathBuf {
        self.0.join("sdk").join(version)
    }

    /// Bundles, unpacked, and what was found out about libraries.
    pub fn cache(&self) -> PathBuf {
        self.0.join("cache")
    }

    /// Installed plugins.
    pub fn plugins(&self) -> PathBuf {
        self.0.join("plugins")
    }

    /// Datasets and models of runs without a backend.
    pub fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// State and work files of the job `job_id`. Each id has a folder of its
    /// own directly below `state`, whatever characters it consists of.
    pub fn state(&self, job_id: &str) -> PathBuf {
        self.0.join("state").join(folder_name(job_id))
    }
}

/// `id` with every byte that could lead elsewhere written as `%` and two hex
/// digits, so that different ids never share a folder.
fn folder_name(id: &str) -> String {
    if id.is_empty() {
        return "%".to_owned();
    }
    let mut name = String::with_capacity(id.len());
    for (index, byte) in id.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || b"_-".contains(&byte) || (byte == b'.' && index > 0);
        if plain {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02x}"));
        }
    }
    name
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_variable_goes_before_the_users_home() {
        let chosen = |named: &str, user: &str| Home::choose(Some(named.into()), Some(user.into()));
        assert_eq!(chosen("/data/synapse", "/home/u").unwrap().path(), Path::new("/data/synapse"));
        assert_eq!(chosen("", "/home/u").unwrap().path(), Path::new("/home/u/.synapse"));
        assert_eq!(chosen("", ""), None);
        assert_eq!(Home::choose(None, None), None);
    }

    #[test]
    fn a_relative_home_does_not_move_with_the_working_folder() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(Home::at("kept").path(), here.join("kept"));
    }

    #[test]
    fn naming_folders_makes_none() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        for path in [
            home.runs(),
            home.builds(),
            home.cache(),
            home.digests(),
            home.plugins(),
            home.sdk("1"),
            home.store(),
            home.state("job"),
        ] {
            assert!(path.starts_with(home.path()) && path != home.path());
        }
        assert!(!home.path().exists());
    }

    #[test]
    fn no_job_id_leads_out_of_the_state_folder_or_into_anothers() {
        let home = Home::at("/h");
        let ids = ["", ".", "..", "../../etc", "/etc", "a/b", "a_b", "a%2fb", "a\0b", "ü", ".hidden"];
        let mut seen = std::collections::HashSet::new();
        for id in ids {
            let folder = home.state(id);
            assert_eq!(folder.parent(), Some(Path::new("/h/state")), "{id:?}");
            assert!(folder.file_name().is_some(), "{id:?}");
            assert!(seen.insert(folder), "{id:?} shares a folder");
        }
        assert_eq!(home.state("job-1.2_x"), Path::new("/h/state/job-1.2_x"));
    }
}
