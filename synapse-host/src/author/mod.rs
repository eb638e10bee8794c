//! From a plugin folder to an up-to-date library, quickly.
//!
//! Cargo needs some 50 ms to find out that nothing has changed. So the host
//! keeps a record of each build: the library, every file the build looked at
//! and the part of the environment that changes builds. As long as all of it
//! is as it was, [`library_for`] answers from the record and starts no process.
//! In doubt, cargo is asked: a record is only written when it can be complete.
//! Two things make it incomplete for good, so that cargo is asked each time: a
//! build script that names nothing to watch, and a cargo configuration that
//! includes other files.

mod cargo;
mod crate_tests;
mod diagnostics;
mod environment;
mod failure;
mod inputs;
mod manifest;
mod record;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use synapse_sdk::abi::identity::TARGET;

pub use crate_tests::{TestCounts, run_tests};
pub use failure::BuildFailure;

/// The cargo profile a plugin is built in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// `dev`: quick to rebuild.
    #[default]
    Dev,
    /// `release`: what a bundle holds.
    Release,
    /// Another profile of the package's or workspace's `Cargo.toml`.
    Named(String),
}

impl Profile {
    fn arguments(&self) -> Vec<String> {
        match self {
            Self::Dev => Vec::new(),
            Self::Release => vec!["--release".into()],
            Self::Named(name) => vec!["--profile".into(), name.clone()],
        }
    }
}

/// What to build and how.
#[derive(Debug, Clone)]
pub struct BuildRequest<'a> {
    /// The folder that holds the plugin's `Cargo.toml`.
    pub folder: &'a Path,
    /// The cargo profile.
    pub profile: Profile,
    /// Further arguments of `cargo build`: `package_manager_options` of
    /// `config.yaml`.
    pub cargo_options: Vec<String>,
    /// The oldest C library, such as 2.28, that the plugin shall run with; `None` means that of
    /// this system. `cargo zigbuild` builds for another, with the linker and the C libraries of zig.
    pub glibc: Option<String>,
    /// `$SYNAPSE_HOME`; build records live in its folder `builds`. With `None`,
    /// or where it cannot be written, cargo is asked each time.
    pub home: Option<&'a Path>,
    /// Report errors only, neither warnings nor progress.
    pub quiet: bool,
    /// Report lines with terminal colours.
    pub color: bool,
    /// The cargo program; `None` means `$CARGO`, else `cargo` on the `PATH`.
    pub cargo: Option<PathBuf>,
}

impl<'a> BuildRequest<'a> {
    /// A build of `folder` in the dev profile, without options, records or
    /// colours.
    pub fn new(folder: &'a Path) -> Self {
        Self {
            folder,
            profile: Profile::Dev,
            cargo_options: Vec::new(),
            glibc: None,
            home: None,
            quiet: false,
            color: false,
            cargo: None,
        }
    }

    fn key(&self) -> io::Result<record::Key> {
        let mut arguments = self.profile.arguments();
        if let Some(glibc) = &self.glibc {
            arguments.extend(["--target".to_owned(), format!("{TARGET}.{glibc}")]);
        }
        arguments.extend_from_slice(&self.cargo_options);
        Ok(record::Key { folder: self.folder.canonicalize()?, arguments })
    }
}

/// An up-to-date library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The plugin's shared library, in cargo's target directory. The next build
    /// replaces this file: copy it before you load it.
    pub library: PathBuf,
    /// The record was enough: cargo was not started.
    pub fresh: bool,
    /// What the check and the build took.
    pub elapsed: Duration,
}

/// Gives the library of a plugin folder, built first when it is stale.
///
/// `report` gets what cargo and the compiler say, line by line, on the calling
/// thread; the lines belong on stderr. Several processes may do this for one
/// folder at once.
///
/// # Errors
/// [`BuildFailure`] says why there is no library.
pub fn library_for(request: &BuildRequest<'_>, report: &mut dyn FnMut(&str)) -> Result<Built, BuildFailure> {
    let start = Instant::now();
    let built = |library, fresh| Built { library, fresh, elapsed: start.elapsed() };
    let key = request.key().map_err(|error| manifest::unreadable(request.folder, error))?;
    if let Some(library) = recorded(request, &key) {
        return Ok(built(library, true));
    }
    manifest::require_package(request)?;
    let build = cargo::build(request, &key, report)?;
    if let Some(home) = request.home {
        record::keep(home, &key, &build);
    }
    Ok(built(build.library, false))
}

/// Gives the library of a plugin folder if its record says that it is
/// up to date. Starts no process and changes nothing.
pub fn is_fresh(request: &BuildRequest<'_>) -> Option<PathBuf> {
    recorded(request, &request.key().ok()?)
}

/// The files that the last build of a plugin folder looked at, those that were
/// not there included; none where there is no record of one.
pub fn known_inputs(request: &BuildRequest<'_>) -> Vec<PathBuf> {
    let record = request.home.zip(request.key().ok()).and_then(|(home, key)| record::load(home, &key));
    record.map(record::Record::into_inputs).unwrap_or_default()
}

fn recorded(request: &BuildRequest<'_>, key: &record::Key) -> Option<PathBuf> {
    record::load(request.home?, key)?.current_library()
}
