//! The file of results: JSON lines that are only ever added to.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::json;
use synapse_sdk::errors::{Result, ValidationError};
use synapse_sdk::{ErrorKind, PluginError};

use super::claim::Part;
use super::done::DoneRows;

/// Lines are gathered up to this many bytes.
const GATHERED: usize = 256 << 10;

/// A file of results, ours alone as long as this lives.
pub(crate) struct Results {
    path: PathBuf,
    file: File,
    gathered: Vec<u8>,
}

impl Results {
    /// Opens or makes the file. What an earlier map has left in it stays, but
    /// for a last line that was not written to its end, and with `overwrite`
    /// all of it goes. Gives the rows that have a result.
    ///
    /// # Errors
    /// It cannot be opened; another process writes it, or it is the input;
    /// [`Validation`](ErrorKind::Validation) when it holds something else.
    pub(crate) fn open(path: &Path, overwrite: bool, input: Option<&File>) -> Result<(Self, DoneRows)> {
        let regular = std::fs::metadata(path).map_or(true, |metadata| metadata.is_file());
        let mut options = OpenOptions::new();
        options.append(true);
        if regular {
            options.read(true).create(true);
        }
        let failed = |error: std::io::Error| {
            PluginError::new(ErrorKind::of_io(&error), format!("--out {}: {error}", path.display()))
        };
        let file = options.open(path).map_err(failed)?;
        let results = Self { path: path.to_owned(), file, gathered: Vec::new() };
        if !regular {
            return Ok((results, DoneRows::default()));
        }
        results.check_alone(input)?;
        if overwrite {
            results.file.set_len(0).map_err(failed)?;
        }
        let done = results.look_through()?;
        Ok((results, done))
    }

    fn check_alone(&self, input: Option<&File>) -> Result<()> {
        let usage = |message: String| PluginError::new(ErrorKind::Usage, message);
        let place = |file: &File| file.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()));
        if input.is_some_and(|input| place(input) == place(&self.file)) {
            return Err(usage(format!("{} is both --inputs and --out", self.path.display()))
                .hint("name another file with --out"));
        }
        match self.file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                Err(usage(format!("another process writes to {}", self.path.display()))
                    .hint("wait until it has ended, or name another file with --out"))
            }
            // Some file systems have no locks.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
        }
    }

    /// Rows that have a result.
    fn look_through(&self) -> Result<DoneRows> {
        let mut reader = BufReader::with_capacity(GATHERED, &self.file);
        let (mut done, mut line, mut kept, mut number) = (DoneRows::default(), Vec::new(), 0, 1);
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line)?;
            if length == 0 {
                return Ok(done);
            }
            let whole = line.ends_with(b"\n");
            match outcome(&line) {
                Some((row, true)) if whole => done.insert(row),
                Some(_) if whole => {}
                _ if !whole && is_torn(&line) => {
                    self.file.set_len(kept)?;
                    return Ok(done);
                }
                _ => return Err(self.not_ours(number, &line)),
            }
            kept += length as u64;
            number += 1;
        }
    }

    fn not_ours(&self, line: u64, text: &[u8]) -> PluginError {
        let path = self.path.display();
        let given: String = String::from_utf8_lossy(text).trim_end().chars().take(80).collect();
        let message = "expected a line of results such as {\"row\":0,\"result\":…}";
        ValidationError::new(format!("{path} holds something else than results of a map, in line {line}"))
            .details(json!([{
                "pointer": format!("{path}:{line}"),
                "rule": "result_line",
                "given": given,
                "allowed": null,
                "message": message,
            }]))
            .hint("name another file with --out, or add --overwrite to lose what it holds")
    }

    /// Adds the lines of a part.
    ///
    /// # Errors
    /// They cannot be written.
    pub(crate) fn add(&mut self, part: &Part) -> Result<()> {
        if self.gathered.len() + part.lines.len() > GATHERED {
            self.flush()?;
        }
        if part.lines.len() > GATHERED {
            return self.write(part.lines.as_bytes());
        }
        self.gathered.extend_from_slice(part.lines.as_bytes());
        Ok(())
    }

    /// Hands all lines to the system.
    ///
    /// # Errors
    /// They cannot be written.
    pub(crate) fn flush(&mut self) -> Result<()> {
        let gathered = std::mem::take(&mut self.gathered);
        let written = self.write(&gathered);
        self.gathered = gathered;
        self.gathered.clear();
        written
    }

    fn write(&mut self, lines: &[u8]) -> Result<()> {
        self.file.write_all(lines).map_err(|error| {
            PluginError::new(ErrorKind::Io, format!("writing {}: {error}", self.path.display()))
                .hint("what was written stays; the same command goes on from there")
        })
    }
}

const START: &[u8] = b"{\"row\":";

/// The row of a line, and whether it succeeded. Lines may be long: only their
/// ends are looked at.
fn outcome(line: &[u8]) -> Option<(u64, bool)> {
    let rest = line.strip_prefix(START)?.trim_ascii_start();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let row = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
    let rest = rest[digits..].trim_ascii_start().strip_prefix(b",")?.trim_ascii_start();
    let succeeded = rest.starts_with(b"\"result\":");
    let ours = succeeded || rest.starts_with(b"\"error\":");
    (ours && line.trim_ascii_end().ends_with(b"}")).then_some((row, succeeded))
}

/// Whether the last line may be the beginning of one of ours.
fn is_torn(line: &[u8]) -> bool {
    line.starts_with(START) || START.starts_with(line)
}
