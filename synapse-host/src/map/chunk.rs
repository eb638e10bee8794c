//! Rows on their way from the input to the threads that run them.

use std::ops::Range;
use std::sync::Arc;

use synapse_sdk::PluginError;

/// Rows that were read together, with their text in one piece.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) text: Vec<u8>,
    pub(super) rows: Vec<Row>,
}

/// A row of a chunk.
#[derive(Debug)]
pub(super) struct Row {
    /// Counted from 0 over the whole input.
    pub(super) number: u64,
    /// Where it begins in the input, counted from 1; 0 when there are no lines.
    pub(super) line: u64,
    /// Bytes in the chunk's text, or why it could not be read.
    pub(super) content: Result<Range<usize>, Box<PluginError>>,
}

impl Row {
    pub(super) fn size(&self) -> usize {
        self.content.as_ref().map_or(0, Range::len)
    }
}

/// Rows of a chunk that follow one another. `first` counts the rows of a map
/// that are to be run, without gaps; it says where results belong.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) chunk: Arc<Chunk>,
    pub(super) first: u64,
    pub(super) rows: Range<usize>,
}

impl Span {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn row(&self, index: usize) -> &Row {
        &self.chunk.rows[self.rows.start + index]
    }

    pub(super) fn text(&self, row: &Row) -> &[u8] {
        row.content.as_ref().map_or(&[], |bytes| &self.chunk.text[bytes.clone()])
    }

    /// Cuts off what follows the first `count` rows.
    pub(super) fn split_off(&mut self, count: usize) -> Option<Self> {
        let middle = self.rows.start + count;
        if middle >= self.rows.end {
            return None;
        }
        let rest = Self {
            chunk: Arc::clone(&self.chunk),
            first: self.first + count as u64,
            rows: middle..self.rows.end,
        };
        self.rows.end = middle;
        Some(rest)
    }
}
