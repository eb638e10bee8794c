//! Writes bundles: from the same parts the same bytes.

use std::io::Write;

use rawzip::ZipArchiveWriter;
use serde_json::value::RawValue;
use synapse_sdk::errors::Result;
use synapse_sdk::manifest::Manifest;
use synapse_sdk::{ErrorKind, PluginError};

use super::manifest::{BundleManifest, BundledFile, BundledLibrary, check_path};
use super::{CONFIG, FORMAT, MANIFEST, README};
use crate::digest::sha256_of_reader;

/// What goes into a bundle.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    /// The plugin's code.
    pub code: &'a str,
    /// Its name, for people.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Its category.
    pub category: &'a str,
    /// The public names of its actions.
    pub actions: Vec<String>,
    /// The text of its config.
    pub config: &'a str,
    /// The text for people, where there is one.
    pub readme: Option<&'a str>,
    /// The target triple of the library.
    pub target: &'a str,
    /// The library's file name.
    pub library: &'a str,
    /// The library, stamped.
    pub bytes: &'a [u8],
    /// SHA-256, in hex, of the library before it was stamped.
    pub image_sha256: &'a str,
    /// The oldest C library that all of it runs with.
    pub glibc: Option<String>,
    /// Native libraries that lie beside it: names and bytes.
    pub native: Vec<(String, Vec<u8>)>,
    /// What the plugin describes of itself.
    pub manifest: &'a Manifest,
}

/// Writes a bundle. It holds no time, no owner and no path of this machine.
///
/// # Errors
/// [`Archive`](ErrorKind::Archive) when a name cannot stand in one;
/// [`Io`](ErrorKind::Io).
pub fn write(parts: &Parts<'_>, to: impl Write) -> Result<()> {
    let entries = entries(parts);
    let manifest = manifest(parts, &entries)?;
    let text = serde_json::to_vec(&manifest)?;
    // What cannot be read is not written.
    BundleManifest::parse(&text).map_err(|why| refused(&why))?;
    let mut archive = ZipArchiveWriter::new(to);
    append(&mut archive, MANIFEST, &text)?;
    for (path, bytes) in &entries {
        append(&mut archive, path, bytes)?;
    }
    archive.finish().map_err(|error| refused(&error.to_string()))?;
    Ok(())
}

/// The entries after the manifest, in their order.
fn entries<'a>(parts: &'a Parts<'_>) -> Vec<(String, &'a [u8])> {
    let within = |name: &str| format!("{}/{name}", parts.target);
    let mut entries = vec![(CONFIG.to_owned(), parts.config.as_bytes())];
    entries.extend(parts.readme.map(|text| (README.to_owned(), text.as_bytes())));
    entries.push((within(parts.library), parts.bytes));
    let mut native: Vec<_> =
        parts.native.iter().map(|(name, bytes)| (within(name), bytes.as_slice())).collect();
    native.sort();
    entries.extend(native);
    entries
}

fn manifest(parts: &Parts<'_>, entries: &[(String, &[u8])]) -> Result<BundleManifest> {
    let mut files = Vec::new();
    for (path, bytes) in entries {
        check_path(path).map_err(|why| refused(&why))?;
        let sha256 = sha256_of_reader(*bytes)?;
        files.push(BundledFile { path: path.clone(), bytes: bytes.len() as u64, sha256 });
    }
    Ok(BundleManifest {
        format: FORMAT,
        code: parts.code.to_owned(),
        name: parts.name.to_owned(),
        version: parts.version.to_owned(),
        category: parts.category.to_owned(),
        actions: parts.actions.clone(),
        libraries: vec![BundledLibrary {
            target: parts.target.to_owned(),
            path: format!("{}/{}", parts.target, parts.library),
            image_sha256: parts.image_sha256.to_owned(),
            glibc: parts.glibc.clone(),
        }],
        files,
        manifest: RawValue::from_string(serde_json::to_string(parts.manifest)?)?,
    })
}

fn append<W: Write>(archive: &mut ZipArchiveWriter<W>, path: &str, bytes: &[u8]) -> Result<()> {
    const READABLE: u32 = 0o100_644;
    let refused = |error: rawzip::Error| refused(&error.to_string());
    let (mut entry, config) = archive.new_file(path).unix_permissions(READABLE).start().map_err(refused)?;
    let mut writer = config.wrap(&mut entry);
    writer.write_all(bytes)?;
    let (_, descriptor) = writer.finish().map_err(refused)?;
    entry.finish(descriptor).map_err(refused)?;
    Ok(())
}

fn refused(why: &str) -> PluginError {
    PluginError::new(ErrorKind::Archive, format!("the bundle cannot be written: {why}"))
}
