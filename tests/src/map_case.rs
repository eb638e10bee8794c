//! A `synapse plugin map` to be run, and what it has written.

use std::fmt::Display;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::command::LIMIT;
use crate::{Invocation, Synapse, library};

/// An input, and a place for results.
pub struct MapCase {
    /// The command.
    pub synapse: Synapse,
    /// Where input and results lie.
    pub folder: TempDir,
}

impl MapCase {
    /// A case with this input.
    pub fn new(input: impl Display) -> Self {
        let case = Self { synapse: Synapse::new(), folder: tempfile::tempdir().expect("a folder") };
        fs::write(case.folder.path().join("in.jsonl"), input.to_string()).expect("the input");
        case
    }

    /// A case with these rows.
    pub fn of_rows(rows: impl IntoIterator<Item = Value>) -> Self {
        Self::new(rows.into_iter().map(|row| format!("{row}\n")).collect::<String>())
    }

    /// The file of results.
    pub fn out(&self) -> PathBuf {
        self.folder.path().join("out.jsonl")
    }

    /// Maps an action of the fixture over the input.
    pub fn map(&self, words: &str) -> Invocation {
        self.map_from("in.jsonl", words)
    }

    /// Maps an action of the fixture over another input.
    pub fn map_from(&self, input: &str, words: &str) -> Invocation {
        let call = self.synapse.call("plugin map").arg(library("misbehave")).words(words);
        call.words("--inputs").arg(input).words("--out out.jsonl").within(self.folder.path())
    }

    /// The file of results, line by line.
    pub fn lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.out()).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("a line of results is JSON")).collect()
    }

    /// The rows with a result, in the order of the file. None may have two.
    pub fn succeeded(&self) -> Vec<u64> {
        let lines = self.lines();
        let rows = lines.iter().filter(|line| line.get("result").is_some());
        let rows: Vec<u64> = rows.map(|line| line["row"].as_u64().expect("a row has a number")).collect();
        let mut once = rows.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), rows.len(), "a row has two results: {rows:?}");
        rows
    }

    /// The last line of a row.
    pub fn line(&self, row: u64) -> Value {
        self.lines().into_iter().rfind(|line| line["row"] == row).expect("the row has a line")
    }

    /// Waits until so many results are written.
    #[track_caller]
    pub fn wait_for_lines(&self, count: usize) {
        let deadline = Instant::now() + LIMIT;
        let lines = || fs::read(self.out()).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count();
        while lines() < count {
            assert!(Instant::now() < deadline, "{} of {count} lines were written", lines());
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}
