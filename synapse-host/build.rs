//! Packs the sources of the SDK, so that `synapse` can give them to plugins:
//! the names of the crates belong to others on the registry, and an installed
//! `synapse` has no clone of this repository beside it.
//!
//! The pack is a workspace of its own, in which manifests can go on inheriting
//! versions and dependencies: entries of name and content, each behind its
//! length as four bytes, the lowest first; all of it compressed as zlib.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

use miniz_oxide::deflate::compress_to_vec_zlib;

const CRATES: [&str; 2] = ["synapse-macros", "synapse-sdk"];
const BEST: u8 = 10;

fn main() -> io::Result<()> {
    let host = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let root = host.parent().unwrap_or(&host);
    tell_commit(root);
    let mut pack = Pack::default();
    pack.add("Cargo.toml", &workspace_manifest(&read(root, "Cargo.toml")?));
    pack.add("Cargo.lock", &downloaded_packages(&read(root, "Cargo.lock")?));
    for name in ["CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "rustfmt.toml"] {
        pack.add(name, &read(root, name)?);
    }
    for name in CRATES {
        pack.add(&format!("{name}/Cargo.toml"), &read(root, &format!("{name}/Cargo.toml"))?);
        if root.join(name).join("build.rs").exists() {
            pack.add(&format!("{name}/build.rs"), &read(root, &format!("{name}/build.rs"))?);
        }
        pack.add_sources(root, &format!("{name}/src"))?;
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("sdk.pack"), compress_to_vec_zlib(&pack.bytes, BEST))
}

fn read(root: &Path, name: &str) -> io::Result<String> {
    let path = root.join(name);
    println!("cargo:rerun-if-changed={}", path.display());
    fs::read_to_string(&path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

#[derive(Default)]
struct Pack {
    bytes: Vec<u8>,
}

impl Pack {
    fn add(&mut self, name: &str, content: &str) {
        for part in [name, content] {
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            self.bytes.extend(length.to_le_bytes());
            self.bytes.extend(part.as_bytes());
        }
    }

    /// Adds the Rust files of a folder, in the order of their names, so that
    /// equal sources make equal packs.
    fn add_sources(&mut self, root: &Path, folder: &str) -> io::Result<()> {
        println!("cargo:rerun-if-changed={}", root.join(folder).display());
        let mut entries = fs::read_dir(root.join(folder))?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                self.add_sources(root, &name)?;
            } else if name.ends_with(".rs") {
                self.add(&name, &read(root, &name)?);
            }
        }
        Ok(())
    }
}

/// A workspace of the packed crates alone: what they inherit from ours, and no
/// lints, because a later compiler's new ones are of no use to whoever builds a
/// plugin.
fn workspace_manifest(manifest: &str) -> String {
    let mut packed = format!(
        "# The SDK that came with `synapse`. Its files are put right when they differ from it.\n\
         [workspace]\nresolver = \"3\"\nmembers = {CRATES:?}\n\n\
         [workspace.lints.rust]\nwarnings = \"allow\"\n\n"
    );
    let mut inherited = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            inherited = ["[workspace.package]", "[workspace.dependencies]"].contains(&line);
        }
        let absent = line.contains("path = ") && !CRATES.iter().any(|name| line.starts_with(name));
        if inherited && !absent {
            packed.push_str(line);
            packed.push('\n');
        }
    }
    packed
}

/// The versions this workspace was tested with, of packages that are
/// downloaded. A plugin begins with them.
fn downloaded_packages(lock: &str) -> String {
    let mut blocks = lock.split("\n[[package]]\n");
    let mut packages = blocks.next().unwrap_or_default().to_owned();
    for block in blocks.filter(|block| block.contains("\nsource = ")) {
        packages.push_str("\n[[package]]\n");
        packages.push_str(block);
    }
    packages
}

/// Everything that this program is made of.
const SOURCES: [&str; 6] =
    ["Cargo.toml", "Cargo.lock", "synapse-host", "synapse-macros", "synapse-sdk", "rust-toolchain.toml"];

/// The commit this is built from. Only release builds name it: others would be
/// made anew with every commit.
fn tell_commit(root: &Path) {
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = if is_release { commit(root) } else { None };
    println!("cargo:rustc-env=SYNAPSE_COMMIT={}", commit.unwrap_or_default());
}

/// `None` without a repository, or in one that is not ours.
fn commit(root: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let done = Command::new("git").current_dir(root).args(arguments).output().ok()?;
        done.status.success().then(|| String::from_utf8_lossy(&done.stdout).trim().to_owned())
    };
    git(&["ls-files", "--error-unmatch", "synapse-host/build.rs"])?;
    // Changes with every commit that is made or checked out.
    let log = root.join(git(&["rev-parse", "--git-path", "logs/HEAD"])?);
    if !log.exists() {
        return None;
    }
    println!("cargo:rerun-if-changed={}", log.display());
    for source in SOURCES {
        println!("cargo:rerun-if-changed={}", root.join(source).display());
    }
    let changes = git(&[&["status", "--porcelain", "--"], &SOURCES[..]].concat())?;
    let mark = if changes.is_empty() { "" } else { " with changes" };
    Some(git(&["rev-parse", "--short=10", "HEAD"])? + mark)
}
