//! Bundles: a plugin as one file, to be handed on.
//!
//! `CODE-VERSION.synapse` is a zip archive whose entries are stored as they are,
//! so that a library within can be read in place: `manifest.json`, config.yaml,
//! README.md, and a folder for each target triple with the library and the native
//! libraries it ships. `docs/bundle-format.md` has the format.
//!
//! The archive is read and written with `rawzip`, which knows the format and no
//! compression: it brings no other crate along, and what a bundle may not have
//! (compressed or encrypted entries, links, folders, names that lead elsewhere,
//! entries that overlap) is refused here, from the archive's own table, before
//! anything is read or written.

mod manifest;
mod read;
#[cfg(test)]
mod tests;
mod write;

use synapse_sdk::abi::identity::TARGET;

pub use crate::kind::EXTENSION;
pub use manifest::{BundleManifest, BundledFile, BundledLibrary};
pub use read::Bundle;
pub use write::{Parts, write};

/// The format of bundles that this host writes and reads.
pub const FORMAT: u32 = 1;

const MANIFEST: &str = "manifest.json";
/// The entry that holds the config.
pub const CONFIG: &str = "config.yaml";
/// The entry that holds the text for people.
pub const README: &str = "README.md";

/// No bundle is larger.
const MOST_BYTES: u64 = 4_000_000_000;
/// No bundle has more entries.
const MOST_ENTRIES: u64 = 1_000;
/// No manifest, config or README within a bundle is larger.
const MOST_TEXT: u64 = 16 << 20;

/// The target triple of this host.
pub const HERE: &str = TARGET;
