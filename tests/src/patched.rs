//! Plugins with some of their bytes changed: files that no tool at hand would
//! make.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::build::library;

/// The bytes of a plugin's library, to be changed.
pub struct Patched(Vec<u8>);

/// What an identity begins with: magic, and the version of its layout.
const START: &[u8] = b"SYNAPSE\0\x01\0";
const JSON_LENGTH: usize = 24;
const JSON: usize = 32;

impl Patched {
    /// The library of a plugin of this workspace.
    pub fn library(package: &str) -> Self {
        Self::file(&library(package))
    }

    /// A file that a test has made.
    pub fn file(path: &Path) -> Self {
        Self(fs::read(path).expect("a file"))
    }

    /// The bytes as they are now.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Replaces bytes of the file.
    pub fn at(&mut self, offset: usize, bytes: &[u8]) {
        self.0[offset..offset + bytes.len()].copy_from_slice(bytes);
    }

    /// Replaces bytes of the plugin's identity.
    pub fn identity(&mut self, offset: usize, bytes: &[u8]) {
        self.after(START, offset, bytes);
    }

    /// Replaces bytes at `offset` from the one place where `marker` is.
    pub fn after(&mut self, marker: &[u8], offset: usize, bytes: &[u8]) {
        let at = self.place(marker);
        self.at(at + offset, bytes);
    }

    /// Replaces bytes at `offset` from the last place where `marker` is.
    pub fn last(&mut self, marker: &[u8], offset: usize, bytes: &[u8]) {
        let at = (0..self.0.len()).rev().find(|at| self.0[*at..].starts_with(marker));
        self.at(at.expect("the marker is in the plugin") + offset, bytes);
    }

    /// Replaces a text by one as long, wherever it stands; it has to be there.
    pub fn reword(&mut self, old: &str, new: &str) {
        assert_eq!(old.len(), new.len(), "`{old}` and `{new}`");
        let places: Vec<usize> =
            (0..self.0.len()).filter(|at| self.0[*at..].starts_with(old.as_bytes())).collect();
        assert!(!places.is_empty(), "no `{old}` in the plugin");
        for at in places {
            self.at(at, new.as_bytes());
        }
    }

    /// Changes the facts in the identity. Their text keeps its length: the
    /// compiler's name makes room.
    pub fn facts(&mut self, change: impl FnOnce(&mut Value)) {
        let start = self.place(START);
        let length = self.0[start + JSON_LENGTH..].first_chunk::<4>().expect("a header");
        let length = u32::from_le_bytes(*length) as usize;
        let place = start + JSON..start + JSON + length;
        let mut facts: Value = serde_json::from_slice(&self.0[place.clone()]).expect("an identity");
        facts["rustc"] = "".into();
        change(&mut facts);
        let text = format!("{:length$}", facts.to_string());
        assert_eq!(text.len(), length, "no room for {text}");
        self.0[place].copy_from_slice(text.as_bytes());
    }

    fn place(&self, marker: &[u8]) -> usize {
        let mut places = (0..self.0.len()).filter(|at| self.0[*at..].starts_with(marker));
        let place = places.next().expect("the marker is in the plugin");
        assert_eq!(places.next(), None, "the marker stands in one place");
        place
    }
}
