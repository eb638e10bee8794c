//! The sources of the SDK that this host was built with. They travel within it,
//! and are unpacked to `$SYNAPSE_HOME/sdk/<version>`, where plugins use them by
//! path.

use std::fs::{self, File};
use std::io::{self, ErrorKind as IoKind, Write};
use std::path::{Path, PathBuf};

use miniz_oxide::inflate::decompress_to_vec_zlib;
use synapse_sdk::errors::Result;
use synapse_sdk::{ErrorKind, PluginError};

use crate::files::put_whole;
use crate::home::Home;

/// The version of the SDK within this host.
pub const VERSION: &str = synapse_sdk::abi::identity::SDK_VERSION;

/// The crate that plugins depend on; also the name of its folder.
pub const CRATE: &str = "synapse-sdk";

static PACK: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/sdk.pack"));

/// What [`unpack`] found and did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unpacked {
    /// All files were there already.
    Whole,
    /// It was not there before.
    New,
    /// So many files were missing or differed, and were put right.
    Mended(usize),
}

/// The SDK's crate in `home`, unpacked or not.
pub fn folder(home: &Home) -> PathBuf {
    home.sdk(VERSION).join(CRATE)
}

/// Sees to it that the SDK lies in `home`, every file as it was packed. Several
/// processes may do so at once; a build that reads the files meanwhile sees each
/// of them whole.
///
/// # Errors
/// [`Io`](ErrorKind::Io) when files are missing and cannot be written.
pub fn unpack(home: &Home) -> Result<Unpacked> {
    let root = home.sdk(VERSION);
    let pack = decompress()?;
    // Nothing is written where nothing is amiss: the home may be read-only.
    if !files(&pack).any(|file| file.differs(&root)) {
        return Ok(Unpacked::Whole);
    }
    put_right(&root, &pack).map_err(|error| {
        let message = format!("the SDK cannot be unpacked to {}: {error}", root.display());
        PluginError::new(ErrorKind::Io, message)
            .hint("set SYNAPSE_HOME to a folder that can be written to, or name an SDK with --sdk PATH")
    })
}

/// The versions of other crates that this SDK was tested with, as a
/// `Cargo.lock`.
///
/// # Errors
/// This program's file is damaged.
pub fn lock_file() -> Result<String> {
    let pack = decompress()?;
    let found = files(&pack).find(|file| file.name == "Cargo.lock");
    Ok(found.map(|file| String::from_utf8_lossy(file.content).into_owned()).unwrap_or_default())
}

fn put_right(root: &Path, pack: &[u8]) -> io::Result<Unpacked> {
    let is_new = !root.join(CRATE).exists();
    fs::create_dir_all(root)?;
    let lock = File::create(root.with_extension("lock"))?;
    match lock.lock() {
        // Files are replaced whole, so two writers are no harm, only double work.
        Err(error) if error.kind() != IoKind::Unsupported => return Err(error),
        _ => {}
    }
    let mut written = 0;
    for file in files(pack).filter(|file| file.differs(root)) {
        file.write(root)?;
        written += 1;
    }
    Ok(match written {
        0 => Unpacked::Whole,
        _ if is_new => Unpacked::New,
        written => Unpacked::Mended(written),
    })
}

fn decompress() -> Result<Vec<u8>> {
    decompress_to_vec_zlib(PACK).map_err(|error| {
        PluginError::new(ErrorKind::Internal, format!("the SDK within this program is damaged: {error}"))
            .hint("install synapse again")
    })
}

/// A file of the pack.
struct Packed<'a> {
    /// Below the root, parts joined by `/`.
    name: &'a str,
    content: &'a [u8],
}

impl Packed<'_> {
    fn differs(&self, root: &Path) -> bool {
        fs::read(root.join(self.name)).map_or(true, |content| content != self.content)
    }

    fn write(&self, root: &Path) -> io::Result<()> {
        put_whole(&root.join(self.name), |file| file.write_all(self.content))
    }
}

/// The files of a pack; see `build.rs`, which makes it.
fn files(pack: &[u8]) -> impl Iterator<Item = Packed<'_>> {
    let mut rest = pack;
    std::iter::from_fn(move || {
        let name = std::str::from_utf8(part(&mut rest)?).ok()?;
        Some(Packed { name, content: part(&mut rest)? })
    })
}

fn part<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (part, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *rest = after;
    Some(part)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        (folder, home)
    }

    #[test]
    fn the_sdk_is_unpacked_as_it_stands_in_the_repository() {
        let (_folder, home) = home();
        assert_eq!(unpack(&home).unwrap(), Unpacked::New);
        assert_eq!(unpack(&home).unwrap(), Unpacked::Whole);
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for name in ["synapse-sdk/src/lib.rs", "synapse-macros/Cargo.toml", "synapse-sdk/build.rs"] {
            let (ours, unpacked) = (repository.join(name), home.sdk(VERSION).join(name));
            assert_eq!(fs::read(ours).unwrap(), fs::read(unpacked).unwrap(), "{name}");
        }
        let manifest = fs::read_to_string(home.sdk(VERSION).join("Cargo.toml")).unwrap();
        assert!(!manifest.contains("synapse-host"), "{manifest}");
        assert!(manifest.contains("\nsynapse-macros = { path = \"synapse-macros\" }\n"), "{manifest}");
    }

    #[test]
    fn missing_and_changed_files_are_put_right_and_others_left_alone() {
        let (_folder, home) = home();
        unpack(&home).unwrap();
        let root = home.sdk(VERSION);
        let [changed, missing, whole] =
            ["src/lib.rs", "src/export.rs", "src/env.rs"].map(|name| folder(&home).join(name));
        let before = fs::metadata(&whole).unwrap().modified().unwrap();
        fs::write(&changed, "// cut sho").unwrap();
        fs::remove_file(&missing).unwrap();
        fs::write(root.join("Cargo.lock.mine"), "").unwrap();
        assert_eq!(unpack(&home).unwrap(), Unpacked::Mended(2));
        assert!(fs::read_to_string(changed).unwrap().contains("export_plugin!"));
        assert!(missing.exists() && root.join("Cargo.lock.mine").exists());
        assert_eq!(fs::metadata(&whole).unwrap().modified().unwrap(), before);
    }

    #[test]
    fn several_may_unpack_at_once() {
        let (_folder, home) = home();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| unpack(&home).unwrap())).collect();
            let done: Vec<Unpacked> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
            assert!(!done.iter().any(|done| matches!(done, Unpacked::Mended(0))), "{done:?}");
        });
        assert_eq!(unpack(&home).unwrap(), Unpacked::Whole);
        let left = fs::read_dir(folder(&home).join("src")).unwrap();
        assert!(left.flatten().all(|entry| !entry.file_name().to_string_lossy().ends_with(".tmp")));
    }

    #[test]
    fn a_home_that_cannot_be_made_is_told_with_what_to_do() {
        let (folder, _) = home();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = unpack(&Home::at(file.join("home"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.hint_text().is_some_and(|hint| hint.contains("--sdk PATH")), "{error}");
    }

    #[test]
    fn a_plugin_begins_with_the_versions_of_downloaded_crates() {
        let lock = lock_file().unwrap();
        assert!(lock.contains("name = \"serde_json\"") && !lock.contains("name = \"synapse-"), "{lock}");
    }
}
