//! The last events of a long output, in two files that take turns.
//!
//! Once the head of a record is full its events go to `tail-1.jsonl`; when that
//! is full to `tail-2.jsonl`, and so on, and of these only the last two stay.
//! So the newest events are on disk at any moment, whatever ends the process.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::line::{self, TailLine};
use super::lines::{Count, Lines};

/// Bytes of each of the two files, but for a line that is longer by itself.
pub(super) const TAIL_LIMIT: u64 = 1 << 20;
const FILES: usize = 2;

/// The last events of a long output.
#[derive(Debug)]
pub(super) struct Tail {
    folder: PathBuf,
    /// Oldest first.
    files: VecDeque<Lines>,
    /// Of the newest file.
    number: u64,
    /// What came between the head and the files that are there.
    dropped: Count,
}

impl Tail {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), files: VecDeque::new(), number: 0, dropped: Count::default() }
    }

    /// Appends `lines`, and lets the oldest go that no longer fit.
    ///
    /// # Errors
    /// Not all could be written. The others are counted as missing.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let fits = |file: &Lines| file.length() + lines.len() as u64 <= TAIL_LIMIT;
        if !self.files.back().is_some_and(fits)
            && let Err(error) = self.begin_file()
        {
            let missing = self.files.back_mut().map_or(&mut self.dropped, |file| &mut file.missing);
            *missing += Count::of(lines);
            return Err(error);
        }
        self.files.back_mut().map_or(Ok(()), |file| file.append(lines))
    }

    fn begin_file(&mut self) -> io::Result<()> {
        // First, so that a full disk has room for what is newer.
        if self.files.len() == FILES
            && let Some(oldest) = self.files.pop_front()
        {
            self.dropped += oldest.held();
            fs::remove_file(path(&self.folder, self.number + 1 - FILES as u64))?;
        }
        let file = path(&self.folder, self.number + 1);
        let mut lines = Lines::create(&file)?;
        let mut before = self.dropped;
        self.files.iter().for_each(|file| before += file.held());
        let mut first = Vec::new();
        line::push(&mut first, &TailLine { dropped: before.lines, bytes: before.bytes });
        if let Err(error) = lines.write(&first).1 {
            // A file without a first line would not be understood.
            let _ = fs::remove_file(&file);
            return Err(error);
        }
        if let Some(last) = self.files.back_mut() {
            lines.missing = std::mem::take(&mut last.missing);
        }
        self.number += 1;
        self.files.push_back(lines);
        Ok(())
    }
}

/// The file of the tail with this number.
pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("tail-{number}.jsonl"))
}

/// The numbers of the tail's files that are there, oldest first.
pub(super) fn numbers(folder: &Path) -> Vec<u64> {
    let number = |name: &str| name.strip_prefix("tail-")?.strip_suffix(".jsonl")?.parse().ok();
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut numbers: Vec<u64> = entries.filter_map(|entry| number(entry.file_name().to_str()?)).collect();
    numbers.sort_unstable();
    numbers
}
