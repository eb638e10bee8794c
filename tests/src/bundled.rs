//! Bundles of plugins of this workspace.

use std::path::{Path, PathBuf};

use synapse_host::image::Image;
use synapse_host::inspect::inspect;
use synapse_host::package::{Packed, pack};
use tempfile::TempDir;

use crate::build::library;

/// What `synapse plugin build --release` makes of a plugin, here of its library
/// in the dev profile, in a folder of its own.
pub struct Bundled {
    folder: TempDir,
    packed: Packed,
}

impl Bundled {
    /// That of a plugin of this workspace which can be loaded into a test.
    pub fn of(package: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let packed = pack_in(folder.path(), package);
        Self { folder, packed }
    }

    /// The bundle.
    pub fn bundle(&self) -> &Path {
        &self.packed.bundle.path
    }

    /// The stamped library.
    pub fn library(&self) -> &Path {
        &self.packed.library.path
    }

    /// Its digests.
    pub fn packed(&self) -> &Packed {
        &self.packed
    }

    /// A file in the same folder.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn pack_in(folder: &Path, package: &str) -> Packed {
    let library = library(package);
    let inspected = inspect(&library).expect("a plugin");
    let image = Image::load(&library).expect("a plugin that loads");
    let manifest = image.manifest().expect("a plugin that describes itself");
    pack(folder, &library, &inspected, manifest).expect("a bundle")
}
