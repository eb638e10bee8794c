//! A file that grows by whole lines.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::ops::AddAssign;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::line::{self, GapLine};
use crate::descriptors;

/// A new file, for its owner alone, that grows by whole lines. What a full disk
/// takes of a line is cut off again; lines it does not take are counted, and
/// the next ones it takes follow a line that says so.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) file: File,
    length: u64,
    held: Count,
    /// Lines that are neither in the file nor told in it.
    pub(super) missing: Count,
}

/// How many lines, and how many bytes they have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) lines: u64,
    pub(super) bytes: u64,
}

impl Count {
    pub(super) fn of(lines: &[u8]) -> Self {
        let ends = lines.iter().filter(|byte| **byte == b'\n').count();
        Self { lines: ends as u64, bytes: lines.len() as u64 }
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.lines += other.lines;
        self.bytes += other.bytes;
    }
}

impl Lines {
    /// Makes the file.
    ///
    /// # Errors
    /// It is there already, or cannot be made.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
        let file = File::from(descriptors::high_if_possible(file.into()));
        Ok(Self { file, length: 0, held: Count::default(), missing: Count::default() })
    }

    /// Bytes in the file.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Lines in the file, and those of which it says that they are missing.
    pub(super) fn held(&self) -> Count {
        self.held
    }

    /// Appends `lines`, or as many whole ones of them as can be written.
    ///
    /// # Errors
    /// Not all could be written. The others are counted as missing.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if let Err(error) = self.tell_missing() {
            self.missing += Count::of(lines);
            return Err(error);
        }
        let (written, outcome) = self.write(lines);
        self.held += Count::of(&lines[..written]);
        self.missing += Count::of(&lines[written..]);
        outcome
    }

    fn tell_missing(&mut self) -> io::Result<()> {
        if self.missing.lines == 0 {
            return Ok(());
        }
        let mut gap = Vec::new();
        line::push(&mut gap, &GapLine { dropped: self.missing.lines, bytes: self.missing.bytes });
        self.write(&gap).1?;
        self.held += std::mem::take(&mut self.missing);
        Ok(())
    }

    /// Writes without counting; gives the bytes of the whole lines it wrote.
    pub(super) fn write(&mut self, lines: &[u8]) -> (usize, io::Result<()>) {
        let (written, outcome) = write_some(&mut self.file, lines);
        let whole = match outcome {
            Ok(()) => written,
            Err(_) => lines[..written].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1),
        };
        self.length += whole as u64;
        if whole < written {
            // Half a line that stays is skipped by who reads.
            let _ = self.file.set_len(self.length);
        }
        (whole, outcome)
    }
}

/// As `write_all`; tells how far it came.
fn write_some(file: &mut File, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut done = 0;
    while done < bytes.len() {
        match file.write(&bytes[done..]) {
            Ok(0) => return (done, Err(io::ErrorKind::WriteZero.into())),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (done, Err(error)),
        }
    }
    (done, Ok(()))
}
