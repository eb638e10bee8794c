//! `synapse pipeline`: what is wrong is told before anything runs, and what
//! was finished stays finished.

mod again;
mod caching;
mod checking;
mod from_rust;
mod live;
mod looking;
mod resuming;
mod running;
mod versions;

use std::fs;
use std::path::{Path, PathBuf};

use synapse_tests::{Invocation, Synapse, library, workspace};
use tempfile::TempDir;

/// A pipeline's file in a folder of its own.
struct Case {
    synapse: Synapse,
    folder: TempDir,
}

impl Case {
    /// `PIPED`, `GREET`, `LEADERBOARD` and `MISBEHAVE` stand for the plugins of that name.
    fn new(text: &str) -> Self {
        let case = Self { synapse: Synapse::new(), folder: tempfile::tempdir().expect("a folder") };
        case.write(text);
        case
    }

    fn write(&self, text: &str) {
        let mut text = text.to_owned();
        for name in ["piped", "greet", "leaderboard", "misbehave"] {
            let word = name.to_uppercase();
            if text.contains(&word) {
                text = text.replace(&word, &library(name).display().to_string());
            }
        }
        fs::write(self.file(), text).expect("the pipeline's file");
    }

    fn file(&self) -> PathBuf {
        self.folder().join("pipeline.yaml")
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `synapse pipeline …` in the folder.
    fn pipeline(&self, words: &str) -> Invocation {
        self.synapse.call("pipeline").words(words).within(self.folder())
    }
}

fn example() -> PathBuf {
    workspace().join("examples/pipeline/pipeline.yaml")
}
