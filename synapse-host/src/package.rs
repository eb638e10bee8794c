//! From a built library to what is handed on: a stamped copy and a bundle, in
//! the plugin's folder `dist`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use synapse_sdk::abi::identity::ListedAction;
use synapse_sdk::errors::{IncompatiblePlugin, Result, ResultExt};
use synapse_sdk::manifest::Manifest;

use crate::bundle::{self, Parts};
use crate::check::{PluginFile, Version};
use crate::digest::sha256_of_reader;
use crate::files::put_whole;
use crate::inspect::Inspected;
use crate::plugin::offered;
use crate::stamp::stamp;
use crate::trust;

/// What was made in `dist`.
#[derive(Clone, Debug)]
pub struct Packed {
    /// The library with its manifest.
    pub library: PackedFile,
    /// The bundle.
    pub bundle: PackedFile,
    /// SHA-256, in hex, of the library before it was stamped.
    pub image_sha256: String,
    /// The oldest C library that all of it runs with; `None` when it needs none.
    pub glibc: Option<Version>,
}

/// A file in `dist`.
#[derive(Clone, Debug)]
pub struct PackedFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Its SHA-256, in hex.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
}

/// Makes the stamped library and the bundle of the plugin in `folder`, from the
/// `library` that was built and what it describes of itself. The same library
/// gives the same bytes, wherever and whenever.
///
/// # Errors
/// A file cannot be read or written; as [`stamp`] and [`bundle::write`].
pub fn pack(folder: &Path, library: &Path, inspected: &Inspected, manifest: &Manifest) -> Result<Packed> {
    let config = &inspected.config;
    let read = |path: &Path| fs::read(path).with_context(|| path.display().to_string());
    let stamped = stamp(&read(library)?, manifest)?;
    let name = library.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let listed: Vec<ListedAction> = manifest.actions.iter().map(ListedAction::from).collect();
    let found = offered(config, &listed).into_iter().filter(|action| action.registered.is_some());
    let native = native(&folder.join(&config.wheels_dir))?;
    let glibc = floor(inspected, &native);
    let readme = fs::read_to_string(folder.join(bundle::README)).ok();
    let parts = Parts {
        code: &config.code,
        name: &config.name,
        version: &config.version,
        category: config.category.as_str(),
        actions: found.map(|action| action.name).collect(),
        config: &inspected.config_text,
        readme: readme.as_deref(),
        target: &inspected.facts.target,
        library: &name,
        bytes: &stamped.bytes,
        image_sha256: &stamped.image_sha256,
        glibc: glibc.as_ref().map(Version::to_string),
        native,
        manifest,
    };
    let mut archive = Vec::new();
    bundle::write(&parts, &mut archive)?;
    let dist = folder.join("dist");
    let bundle_name = format!("{}-{}.{}", config.code, config.version, bundle::EXTENSION);
    Ok(Packed {
        library: put(dist.join(name), &stamped.bytes)?,
        bundle: put(dist.join(bundle_name), &archive)?,
        image_sha256: stamped.image_sha256,
        glibc,
    })
}

/// The oldest C library that a plugin and the native libraries beside it run with.
fn floor(inspected: &Inspected, native: &[(String, Vec<u8>)]) -> Option<Version> {
    let of_native = native.iter().filter_map(|(_, bytes)| glibc_of(bytes));
    of_native.chain(inspected.needs.glibc.clone()).max()
}

fn glibc_of(library: &[u8]) -> Option<Version> {
    PluginFile::of_bytes(library).needs?.glibc
}

/// Whether the plugin that was built in `folder`, and the native libraries that are shipped with it, run with
/// the C library they were built for.
///
/// # Errors
/// [`IncompatiblePlugin`](synapse_sdk::ErrorKind::IncompatiblePlugin) naming the first file that needs a newer one.
pub(crate) fn check_floor(
    folder: &Path,
    library: &Path,
    inspected: &Inspected,
    glibc: &Version,
) -> Result<()> {
    let mut all = vec![(library.to_owned(), inspected.needs.glibc.clone())];
    for path in libraries_in(&folder.join(&inspected.config.wheels_dir))? {
        let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
        all.push((path, glibc_of(&bytes)));
    }
    match all.into_iter().find(|(_, needed)| needed.as_ref() > Some(glibc)) {
        Some((path, Some(needed))) => {
            let message = format!("{} needs glibc {needed}, and not {glibc}", path.display());
            Err(IncompatiblePlugin::new(message).hint(
                "native code in it was not built for that: take a library that was built on an older system",
            ))
        }
        _ => Ok(()),
    }
}

/// Names and bytes of the native libraries that are shipped beside the plugin's own.
fn native(folder: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for path in libraries_in(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.push((name, fs::read(&path).with_context(|| path.display().to_string())?));
    }
    Ok(files)
}

/// The libraries in a folder, by their names; none where there is no such folder.
///
/// # Errors
/// It cannot be read.
pub(crate) fn libraries_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_library = name.ends_with(".so") || name.contains(".so.");
        if is_library && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Puts a file in place. One that is there with the same bytes stays, and so does
/// its signature; that of other bytes goes.
fn put(path: PathBuf, bytes: &[u8]) -> Result<PackedFile> {
    let shown = || path.display().to_string();
    if fs::read(&path).ok().as_deref() != Some(bytes) {
        let signature = trust::path_beside(&path);
        if signature.exists() {
            fs::remove_file(&signature).with_context(|| signature.display().to_string())?;
        }
        put_whole(&path, |file| file.write_all(bytes)).with_context(shown)?;
    }
    Ok(PackedFile { sha256: sha256_of_reader(bytes)?, bytes: bytes.len() as u64, path })
}
