//! Packages: files that a runtime environment unpacks on the nodes.

use std::io::{Cursor, Write};
use std::time::Duration;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::client::Client;
use crate::error::{Error, Result};

/// How long a package is kept after it was asked for.
const KEPT: Duration = Duration::from_secs(600);

/// A package in the making. Equal files give equal bytes.
///
/// ```
/// use synapse_ray::Package;
///
/// let mut package = Package::new();
/// package.add("run.sh", b"#!/bin/sh\necho hello\n", 0o755)?;
/// assert!(package.finish()?.starts_with(b"PK"));
/// # Ok::<(), synapse_ray::Error>(())
/// ```
pub struct Package(ZipWriter<Cursor<Vec<u8>>>);

impl Default for Package {
    fn default() -> Self {
        Self::new()
    }
}

impl Package {
    /// An empty package.
    pub fn new() -> Self {
        Self(ZipWriter::new(Cursor::default()))
    }

    /// Adds a file with the given mode bits, compressed.
    ///
    /// # Errors
    /// The name is there already, or the package would get too large.
    pub fn add(&mut self, name: &str, bytes: &[u8], mode: u32) -> Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            // Whoever waits for a first call waits for this: the best level saves a tenth and takes three times as long.
            .compression_level(Some(1))
            .unix_permissions(mode);
        let failed = |error: &dyn std::fmt::Display| Error::malformed(format!("packing {name}: {error}"));
        self.0.start_file(name, options).map_err(|error| failed(&error))?;
        self.0.write_all(bytes).map_err(|error| failed(&error))
    }

    /// The package's bytes.
    ///
    /// # Errors
    /// The package would get too large.
    pub fn finish(self) -> Result<Vec<u8>> {
        let zip = self.0.finish().map_err(|error| Error::malformed(format!("packing: {error}")))?;
        Ok(zip.into_inner())
    }

    /// The URI that a runtime environment names a package by. `digest` stands for its
    /// contents: packages with the same one are taken for the same.
    pub fn uri(digest: &str) -> String {
        format!("gcs://_ray_pkg_{digest}.zip")
    }
}

impl Client {
    /// Makes sure that the cluster has a package, and keeps it for the next ten
    /// minutes; `pack` is asked for its bytes only when the cluster does not have it.
    ///
    /// # Errors
    /// What `pack` returns; the call's own.
    pub async fn ensure_package<E: From<Error>>(
        &self,
        uri: &str,
        pack: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<(), E> {
        if !self.kv_exists(uri.to_owned()).await? {
            self.kv_put(uri.to_owned(), pack()?, true).await?;
        }
        self.pin(uri, KEPT).await?;
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn packed() -> Vec<u8> {
        let mut package = Package::new();
        package.add("bin/worker", &[7; 100_000], 0o755).unwrap();
        package.add("shim.py", b"pass\n", 0o644).unwrap();
        package.finish().unwrap()
    }

    #[test]
    fn files_keep_their_modes_and_the_bytes_are_always_the_same() {
        let bytes = packed();
        assert!(bytes.len() < 2000, "{}", bytes.len());
        assert!(bytes == packed());
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        assert_eq!(archive.by_name("bin/worker").unwrap().unix_mode(), Some(0o100_755));
        assert_eq!(archive.by_name("shim.py").unwrap().size(), 5);
    }
}
