//! Rows from a file or a pipe: JSON lines, or one JSON list.

use std::io::{BufRead, BufReader, Read, Take};

use synapse_sdk::errors::Result;
use synapse_sdk::{ErrorKind, PluginError};

use super::list::List;
use super::{CHUNK_BYTES, Feed, LONGEST, Source};

/// Rows as JSON text. Which form it has shows its first character.
pub(crate) struct JsonRows {
    reader: Reader,
    name: String,
    form: Form,
    /// The line to be read next, from 1.
    line: u64,
}

pub(super) type Reader = BufReader<Box<dyn Read + Send>>;

enum Form {
    Unknown,
    Lines,
    List(List),
}

impl JsonRows {
    /// Reads `input`, called `name` in errors.
    pub(crate) fn new(input: Box<dyn Read + Send>, name: impl Into<String>) -> Self {
        let reader = BufReader::with_capacity(CHUNK_BYTES, input);
        Self { reader, name: name.into(), form: Form::Unknown, line: 1 }
    }

    /// Reads up to the first character that is no blank.
    fn find_form(&mut self, feed: &mut Feed<'_>) -> Result<Form> {
        const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
        loop {
            let buffer = self.reader.fill_buf().map_err(unreadable)?;
            let Some(first) = buffer.first() else { return Ok(Form::Lines) };
            match first {
                b'\n' => self.line += 1,
                first if first.is_ascii_whitespace() || BYTE_ORDER_MARK.contains(first) => {}
                b'[' => {
                    self.reader.consume(1);
                    feed.consumed(1);
                    return Ok(Form::List(List::new(self.line)));
                }
                _ => return Ok(Form::Lines),
            }
            self.reader.consume(1);
            feed.consumed(1);
        }
    }

    /// The lines that are in the buffer, at least one.
    fn lines(&mut self, feed: &mut Feed<'_>) -> Result<bool> {
        loop {
            let start = feed.text().len();
            let length = limited(&mut self.reader).read_until(b'\n', feed.text()).map_err(unreadable)?;
            feed.consumed(length);
            if length == 0 {
                return Ok(false);
            }
            if length > LONGEST {
                feed.consumed(self.reader.skip_until(b'\n').map_err(unreadable)?);
                feed.fault(start, self.line, too_long());
            } else {
                let blank = trim(feed.text(), start);
                if !blank {
                    feed.row(start, self.line);
                }
            }
            self.line += 1;
            // Reading on may wait for somebody to write a line to its end.
            if feed.is_full() || !self.reader.buffer().contains(&b'\n') {
                return Ok(true);
            }
        }
    }
}

impl Source for JsonRows {
    fn fill(&mut self, feed: &mut Feed<'_>) -> Result<bool> {
        if matches!(self.form, Form::Unknown) {
            self.form = self.find_form(feed)?;
        }
        let more = match &mut self.form {
            Form::List(list) => list.fill(&mut self.reader, feed),
            _ => self.lines(feed),
        };
        more.map_err(|error| {
            let named = PluginError::new(error.kind(), format!("{}: {}", self.name, error.message()));
            match error.hint_text() {
                Some(hint) => named.hint(hint),
                None => named,
            }
        })
    }

    fn name(&self) -> Option<String> {
        Some(self.name.clone())
    }
}

/// One byte more than a row may have tells that it has too many.
fn limited(reader: &mut Reader) -> Take<&mut Reader> {
    reader.take(LONGEST as u64 + 1)
}

/// Takes blanks off both ends of the row that begins at `start`: behind it by
/// cutting, before it by moving what there is. True when nothing is left.
fn trim(text: &mut Vec<u8>, start: usize) -> bool {
    let row = &text[start..];
    let before = row.len() - row.trim_ascii_start().len();
    let kept = row.trim_ascii().len();
    if before > 0 {
        text.drain(start..start + before);
    }
    text.truncate(start + kept);
    kept == 0
}

pub(super) fn unreadable(error: std::io::Error) -> PluginError {
    PluginError::new(ErrorKind::Io, error.to_string())
}

pub(super) fn too_long() -> PluginError {
    PluginError::new(ErrorKind::Usage, format!("the row has more than {} MiB", LONGEST >> 20))
        .hint("let the row name a file in place of its content")
}
