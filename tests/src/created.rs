//! Plugins that `synapse plugin create` makes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::build::target;
use crate::command::{Invocation, Synapse};

/// A place in which plugins are created, that only one test at a time has.
/// Within it the home is the same each time and builds go to the workspace's
/// target folder, so that the SDK is compiled once.
pub struct Nursery {
    synapse: Synapse,
    folder: PathBuf,
    _alone: File,
}

impl Nursery {
    /// An empty place called `name`.
    pub fn new(name: &str) -> Self {
        let base = target().join("tmp").join("created-plugins");
        fs::create_dir_all(&base).expect("a folder below target");
        let alone = File::create(base.join(format!("{name}.lock"))).expect("a lock file");
        alone.lock().expect("the lock of a nursery");
        let folder = base.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("what the last test left");
        }
        fs::create_dir_all(&folder).expect("a folder below target");
        Self { synapse: Synapse::new(), folder, _alone: alone }
    }

    /// Where plugins are created.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// `$SYNAPSE_HOME`, which other nurseries have as well.
    pub fn home(&self) -> PathBuf {
        target().join("tmp").join("created-plugins").join("home")
    }

    /// `synapse` in this place.
    pub fn call(&self, words: &str) -> Invocation {
        let call = self.synapse.call(words).within(&self.folder);
        call.env("SYNAPSE_HOME", self.home()).env("CARGO_TARGET_DIR", target())
    }

    /// Creates a plugin with these options, and gives its folder.
    pub fn create(&self, options: &str) -> PathBuf {
        let created = self.call("plugin create --yes --json").words(options).run().code(0).document();
        self.folder.join(created["path"].as_str().expect("a path"))
    }

    /// A file of a plugin.
    pub fn read(&self, file: impl AsRef<Path>) -> String {
        let file = self.folder.join(file);
        fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }
}
