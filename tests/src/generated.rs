//! Plugin crates that a test writes, breaks and changes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::build::{target, workspace};
use crate::command::{Invocation, Synapse};

/// A plugin crate outside this workspace. It lies in a folder that only one
/// test at a time has, and is built into the workspace's target folder in the
/// workspace's profile, so that only the plugin itself is compiled.
pub struct Generated {
    folder: PathBuf,
    _alone: File,
}

impl Generated {
    /// A plugin crate called `name` with this `lib.rs`. Its
    /// config names no actions: they are offered under their own names.
    pub fn new(name: &str, lib: &str) -> Self {
        let base = target().join("tmp").join("generated-plugins");
        let folder = base.join(name);
        fs::create_dir_all(folder.join("src")).expect("a folder below target");
        let alone = File::create(base.join(format!("{name}.lock"))).expect("a lock file");
        alone.lock().expect("the lock of a generated plugin");
        let generated = Self { folder, _alone: alone };
        let lock = fs::read(workspace().join("Cargo.lock")).expect("the workspace's Cargo.lock");
        fs::write(generated.folder.join("Cargo.lock"), lock).expect("a file below target");
        generated.write("Cargo.toml", &manifest(name));
        generated.write("config.yaml", &config(name));
        generated.write("src/lib.rs", lib);
        generated
    }

    /// The folder with its `Cargo.toml`.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Replaces one of its files.
    pub fn write(&self, file: &str, text: &str) {
        fs::write(self.folder.join(file), text).expect("a file below target");
    }

    /// `synapse plugin run` on the folder.
    pub fn act(&self, synapse: &Synapse, words: &str) -> Invocation {
        self.call(synapse, "plugin run").arg(&self.folder).words(words)
    }

    /// `synapse` with the target folder of the workspace.
    pub fn call(&self, synapse: &Synapse, words: &str) -> Invocation {
        synapse.call(words).env("CARGO_TARGET_DIR", target())
    }
}

fn manifest(name: &str) -> String {
    let sdk = workspace().join("synapse-sdk");
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\npublish = false\n\n\
         [lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n\n[features]\nstatic = []\n\n\
         [dependencies]\nsynapse-sdk = {{ path = {sdk:?} }}\n\n[workspace]\n\n{}",
        profile()
    )
}

fn config(name: &str) -> String {
    let code = name.replace('_', "-");
    format!("name: Generated\ncode: {code}\nversion: 0.1.0\ncategory: custom\nactions: {{}}\n")
}

/// The workspace's dev profile. What is a member there is a dependency here.
fn profile() -> String {
    let manifest = fs::read_to_string(workspace().join("Cargo.toml")).expect("the workspace's Cargo.toml");
    let mut kept = false;
    let mut profile = String::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            kept = line.starts_with("[profile.dev");
        }
        if kept {
            profile.push_str(line);
            profile.push('\n');
        }
    }
    for member in ["synapse-macros", "synapse-sdk"] {
        profile.push_str(&format!(
            "[profile.dev.package.{member}]\nopt-level = 0\ndebug = \"line-tables-only\"\n"
        ));
    }
    profile
}
