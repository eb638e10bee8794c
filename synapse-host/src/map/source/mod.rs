//! Where rows come from.

mod items;
mod json;
mod list;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

use synapse_sdk::PluginError;
use synapse_sdk::errors::Result;

pub(super) use items::Items;
pub(crate) use json::JsonRows;

use super::chunk::{Chunk, Row};
use super::done::DoneRows;
use super::flow::{Flow, ReadSoFar};

/// Rows of a chunk, at most.
const CHUNK_ROWS: usize = 1024;
/// Bytes of a chunk, unless a single row has more.
const CHUNK_BYTES: usize = 256 << 10;
/// Bytes of a row.
const LONGEST: usize = 256 << 20;

/// Gives rows, some at a time.
pub(crate) trait Source: Send {
    /// Adds the rows that are at hand, waiting for at least one. False at the
    /// end, and after an error.
    ///
    /// # Errors
    /// No more rows can be read. Those that were added before count.
    fn fill(&mut self, feed: &mut Feed<'_>) -> Result<bool>;

    /// What the input is called in errors.
    fn name(&self) -> Option<String>;
}

/// Takes rows from a source.
pub(crate) struct Feed<'a> {
    chunk: Chunk,
    done: &'a DoneRows,
    flow: &'a Flow,
    read: ReadSoFar,
}

impl Feed<'_> {
    /// Where the text of the next row goes, from its present end on.
    fn text(&mut self) -> &mut Vec<u8> {
        &mut self.chunk.text
    }

    /// The text from `start` on is a row that began in this line.
    fn row(&mut self, start: usize, line: u64) {
        self.push(start, line, Ok(start..self.chunk.text.len()));
    }

    /// Here should be a row, but it could not be read.
    fn fault(&mut self, start: usize, line: u64, error: PluginError) {
        self.push(start, line, Err(error.into()));
    }

    fn push(&mut self, start: usize, line: u64, content: Result<std::ops::Range<usize>, Box<PluginError>>) {
        let number = self.read.rows;
        self.read.rows += 1;
        if self.done.contains(number) {
            self.read.skipped += 1;
            self.chunk.text.truncate(start);
            return;
        }
        if content.is_err() {
            self.chunk.text.truncate(start);
        }
        self.chunk.rows.push(Row { number, line, content });
    }

    /// So many bytes of the input were looked at.
    fn consumed(&mut self, bytes: usize) {
        self.read.bytes += bytes as u64;
    }

    fn is_full(&self) -> bool {
        self.chunk.rows.len() >= CHUNK_ROWS || self.chunk.text.len() >= CHUNK_BYTES
    }

    fn has_rows(&self) -> bool {
        !self.chunk.rows.is_empty()
    }

    /// Whether rows wait here that somebody would run already.
    fn is_awaited(&self) -> bool {
        self.has_rows() && self.flow.is_hungry()
    }
}

/// Reads all rows, as fast as they are taken.
pub(super) fn read_rows(mut source: Box<dyn Source>, done: &DoneRows, flow: &Flow) {
    let mut feed = Feed { chunk: Chunk::default(), done, flow, read: ReadSoFar::default() };
    loop {
        let more = source.fill(&mut feed);
        if !flow.publish(std::mem::take(&mut feed.chunk), feed.read) {
            return;
        }
        match more {
            Ok(true) => {}
            Ok(false) => return flow.end_input(feed.read, None),
            Err(error) => return flow.end_input(feed.read, Some(error)),
        }
    }
}
