//! `manifest.json` of a bundle.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use synapse_sdk::manifest::Manifest;

use super::{CONFIG, FORMAT, README};
use crate::digest::hex;

/// What a bundle says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BundleManifest {
    /// The format, [`FORMAT`].
    pub format: u32,
    /// The plugin's code.
    pub code: String,
    /// Its name, for people.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its category.
    pub category: String,
    /// The public names of its actions.
    pub actions: Vec<String>,
    /// Its libraries, one for a target triple.
    pub libraries: Vec<BundledLibrary>,
    /// Every other entry of the archive.
    pub files: Vec<BundledFile>,
    /// What the plugin describes of itself. It is read when it is needed.
    pub(super) manifest: Box<RawValue>,
}

/// A library within a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundledLibrary {
    /// The target triple it is for.
    pub target: String,
    /// The entry.
    pub path: String,
    /// SHA-256, in hex, of the library before it was stamped.
    pub image_sha256: String,
    /// The oldest glibc that it and the native libraries beside it run with; bundles
    /// of before do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub glibc: Option<String>,
}

/// An entry of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundledFile {
    /// Its name in the archive.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hex.
    pub sha256: String,
}

impl BundleManifest {
    /// Reads the text of the entry and checks that it contradicts itself nowhere.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let broken = |error: serde_json::Error| format!("its manifest.json: {error}");
        let head: Head = serde_json::from_slice(text).map_err(broken)?;
        if head.format != FORMAT {
            return Err(format!("it has format {}; this synapse reads {FORMAT}", head.format));
        }
        let manifest: Self = serde_json::from_slice(text).map_err(broken)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// What the plugin describes of itself.
    ///
    /// # Errors
    /// It is no description.
    pub fn description(&self) -> Result<Manifest, String> {
        serde_json::from_str(self.manifest.get()).map_err(|error| format!("its manifest.json: {error}"))
    }

    /// The library for a target triple.
    pub fn library(&self, target: &str) -> Option<&BundledLibrary> {
        self.libraries.iter().find(|library| library.target == target)
    }

    /// The entries in the folder of a target triple.
    pub fn files_for<'a>(&'a self, target: &'a str) -> impl Iterator<Item = &'a BundledFile> {
        self.files.iter().filter(move |file| folder_of(&file.path) == Some(target))
    }

    /// One digest for all that the folder of a target triple holds: that of the
    /// list of its files, as `sha256sum` writes it.
    pub fn digest_for(&self, target: &str) -> String {
        let mut lines: Vec<String> =
            self.files_for(target).map(|file| format!("{}  {}\n", file.sha256, file.path)).collect();
        lines.sort();
        hex(&Sha256::digest(lines.concat()))
    }

    /// The entry of that name.
    pub fn file(&self, path: &str) -> Option<&BundledFile> {
        self.files.iter().find(|file| file.path == path)
    }

    fn check(&self) -> Result<(), String> {
        for word in [&self.code, &self.version] {
            if !is_name(word) {
                return Err(format!("`{word}` is no code or version"));
            }
        }
        let mut names = HashSet::new();
        for file in &self.files {
            check_path(&file.path)?;
            if !names.insert(&file.path) {
                return Err(format!("its manifest.json lists {} twice", file.path));
            }
            let is_digest = file.sha256.len() == 64
                && file.sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            if !is_digest {
                return Err(format!("the digest of {} is none", file.path));
            }
        }
        let mut targets = HashSet::new();
        for library in &self.libraries {
            let within = folder_of(&library.path) == Some(&library.target);
            if !within || !names.contains(&library.path) || !targets.insert(&library.target) {
                return Err(format!("its manifest.json contradicts itself about {}", library.path));
            }
        }
        if self.libraries.is_empty() {
            return Err("it has no library".to_owned());
        }
        Ok(())
    }
}

fn folder_of(path: &str) -> Option<&str> {
    path.split_once('/').map(|(folder, _)| folder)
}

/// The names that entries may have: a file at the top, or in a folder of it.
pub(super) fn check_path(path: &str) -> Result<(), String> {
    let right = match path.split_once('/') {
        None => path == CONFIG || path == README,
        Some((folder, name)) => is_name(folder) && is_name(name),
    };
    if right { Ok(()) } else { Err(format!("no bundle has an entry called {path:?}")) }
}

/// Letters, digits and a few marks, none of which leads anywhere: neither `/` nor
/// a leading dot.
fn is_name(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte));
    plain && (1..=200).contains(&text.len()) && !text.starts_with('.')
}
