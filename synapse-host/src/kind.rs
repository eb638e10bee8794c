//! What plugins lie in.

use std::path::Path;

use crate::config;

/// How a bundle's file name ends.
pub const EXTENSION: &str = "synapse";

/// What a plugin lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A folder with a config.yaml, to be built.
    Folder,
    /// A library.
    Library,
    /// A bundle.
    Bundle,
}

impl Kind {
    /// For programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::Library => "library",
            Self::Bundle => "bundle",
        }
    }

    /// What lies at `path`, when it can be a plugin.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("so") => Some(Self::Library),
            Some(EXTENSION) => Some(Self::Bundle),
            _ if path.is_dir() && config::find(path).is_some() => Some(Self::Folder),
            _ => None,
        }
    }
}
