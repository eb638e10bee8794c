//! Why there is no library.

use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// A plugin folder that could not be turned into a library. `Display` gives
/// [`message`](Self::message) and [`hint`](Self::hint).
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildFailure {
    /// There is no cargo to build with.
    NoCargo {
        /// The program that was looked for.
        program: PathBuf,
        /// The folder to build.
        folder: PathBuf,
    },
    /// What builds for another C library is not there.
    NoZig {
        /// The folder to build.
        folder: PathBuf,
        /// The C library's version.
        glibc: String,
        /// The program that is missing.
        missing: &'static str,
    },
    /// The folder has no `Cargo.toml`, or does not exist.
    NoManifest {
        /// The folder to build.
        folder: PathBuf,
    },
    /// The folder is the root of a workspace, and no package itself.
    VirtualWorkspace {
        /// The folder to build.
        folder: PathBuf,
        /// Folders of the members that build a plugin; of all members if none
        /// does.
        members: Vec<PathBuf>,
    },
    /// The package builds no shared library for a host to load.
    NotACdylib {
        /// The package's `Cargo.toml`.
        manifest: PathBuf,
        /// The crate types it has; empty without a library.
        found: Vec<String>,
    },
    /// Cargo built other packages than the one in the folder.
    NotSelected {
        /// The package's `Cargo.toml`.
        manifest: PathBuf,
    },
    /// Cargo or the compiler refused.
    CompileFailed {
        /// The folder to build.
        folder: PathBuf,
        /// How cargo ended.
        status: ExitStatus,
        /// Compiler errors; 0 when cargo stopped before or beside the compiler.
        errors: usize,
        /// The first error in one line, with `file:line:column` where known.
        first_error: Option<String>,
    },
    /// A file could not be read, or cargo not be run.
    Io {
        /// What was attempted, as in "read".
        doing: &'static str,
        /// The file or program.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

impl BuildFailure {
    /// What happened, and where.
    pub fn message(&self) -> String {
        match self {
            Self::NoCargo { program, folder } => {
                let (program, folder) = (program.display(), folder.display());
                format!("cannot build {folder}: there is no program `{program}`")
            }
            Self::NoZig { folder, glibc, missing } => {
                format!("cannot build {} for glibc {glibc}: {missing} is not installed", folder.display())
            }
            Self::NoManifest { folder } => format!("no Cargo.toml in {}", folder.display()),
            Self::VirtualWorkspace { folder, .. } => {
                format!("{} is a workspace, not a plugin", folder.display())
            }
            Self::NotACdylib { manifest, found } => not_a_cdylib(manifest, found),
            Self::NotSelected { manifest } => {
                format!("cargo built other packages, but not that of {}", manifest.display())
            }
            Self::CompileFailed { folder, status, errors, first_error } => {
                compile_failed(folder, *status, *errors, first_error.as_deref())
            }
            Self::Io { doing, path, source } => format!("cannot {doing} {}: {source}", path.display()),
        }
    }

    /// What to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::NoCargo { .. } => "install Rust (https://rustup.rs), name the program in CARGO, \
                 or run a plugin that is already built (a .so or a bundle)"
                .into(),
            Self::NoZig { .. } => {
                "install both where PATH leads: `pip install cargo-zigbuild ziglang`, or zig \
                 and `cargo install --locked cargo-zigbuild`"
                    .into()
            }
            Self::NoManifest { .. } => "name the folder of a plugin crate, or create one with \
                 `synapse plugin create`"
                .into(),
            Self::VirtualWorkspace { members, .. } => members_hint(members),
            Self::NotACdylib { .. } => "add to Cargo.toml: [lib] crate-type = [\"cdylib\", \"rlib\"]".into(),
            Self::NotSelected { .. } => "the workspace's `default-members` or an option leaves it \
                 out: add `-p` and the package's name to `package_manager_options` in config.yaml"
                .into(),
            Self::CompileFailed { errors: 0, .. } => {
                "what cargo printed names the cause; `cargo build --lib` in the folder repeats it".into()
            }
            Self::CompileFailed { .. } => "correct the code and run again".into(),
            Self::Io { .. } => "check that it exists and that you have access to it".into(),
        }
    }
}

fn not_a_cdylib(manifest: &Path, found: &[String]) -> String {
    let manifest = manifest.display();
    if found.is_empty() {
        return format!("{manifest} describes no library, so there is no plugin to load");
    }
    let found = found.join(", ");
    format!("{manifest} builds {found}, but a plugin is a shared library")
}

fn members_hint(members: &[PathBuf]) -> String {
    if members.is_empty() {
        return "name the folder of one of its members".into();
    }
    let members: Vec<_> = members.iter().map(|m| m.display().to_string()).collect();
    format!("name one of its members: {}", members.join(", "))
}

fn compile_failed(folder: &Path, status: ExitStatus, errors: usize, first_error: Option<&str>) -> String {
    let folder = folder.display();
    let first = first_error.map(|e| format!(": {e}")).unwrap_or_default();
    match (status.signal(), errors) {
        (Some(signal), _) => format!("cargo was ended by signal {signal} in {folder}"),
        (None, 0) => format!("cargo could not build {folder}{first}"),
        (None, 1) => format!("{folder} does not compile{first}"),
        (None, n) => format!("{folder} does not compile, {n} errors, the first{first}"),
    }
}

impl fmt::Display for BuildFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message(), self.hint())
    }
}

impl std::error::Error for BuildFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
