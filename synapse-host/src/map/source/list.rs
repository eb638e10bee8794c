//! One JSON list, taken apart element by element.

use std::io::BufRead;

use synapse_sdk::errors::Result;
use synapse_sdk::{ErrorKind, PluginError};

use super::json::{Reader, too_long, unreadable};
use super::{Feed, LONGEST};

/// Where in the list the reader is. Only brackets and strings are followed:
/// whether an element is JSON shows when it is run.
pub(super) struct List {
    line: u64,
    opened: u64,
    element: Option<Element>,
    after_comma: bool,
    closed: bool,
}

/// An element of which a part was read.
#[derive(Default)]
struct Element {
    text: Vec<u8>,
    line: u64,
    depth: usize,
    in_string: bool,
    escaped: bool,
    too_long: bool,
}

impl List {
    /// The opening bracket stood in this line.
    pub(super) fn new(line: u64) -> Self {
        Self { line, opened: line, element: None, after_comma: false, closed: false }
    }

    /// The elements that end in the buffer, at least one.
    pub(super) fn fill(&mut self, reader: &mut Reader, feed: &mut Feed<'_>) -> Result<bool> {
        loop {
            let buffer = reader.fill_buf().map_err(unreadable)?;
            if buffer.is_empty() {
                return if self.closed { Ok(false) } else { Err(self.not_closed()) };
            }
            let mut taken = 0;
            let mut read = Ok(());
            while taken < buffer.len() && read.is_ok() && !feed.is_full() {
                read = match &mut self.element {
                    Some(element) if !element.ends_at(buffer[taken]) => {
                        taken += element.take(&buffer[taken..], &mut self.line);
                        continue;
                    }
                    _ => self.between(buffer[taken], feed),
                };
                taken += 1;
            }
            reader.consume(taken);
            feed.consumed(taken);
            read?;
            if feed.is_full() || (reader.buffer().is_empty() && feed.has_rows()) {
                return Ok(true);
            }
        }
    }

    /// A byte that belongs to no element.
    fn between(&mut self, byte: u8, feed: &mut Feed<'_>) -> Result<()> {
        match byte {
            b'\n' => self.line += 1,
            byte if byte.is_ascii_whitespace() => {}
            _ if self.closed => return Err(self.behind_the_end()),
            b',' => {
                self.end_element(feed);
                self.after_comma = true;
            }
            b']' => {
                if self.element.is_some() || self.after_comma {
                    self.end_element(feed);
                }
                self.closed = true;
            }
            byte => {
                let mut element = Element { line: self.line, ..Element::default() };
                element.take(&[byte], &mut self.line);
                self.element = Some(element);
            }
        }
        Ok(())
    }

    /// A row for what stood before a comma or the end, also if that was nothing.
    fn end_element(&mut self, feed: &mut Feed<'_>) {
        let element =
            self.element.take().unwrap_or_else(|| Element { line: self.line, ..Element::default() });
        let start = feed.text().len();
        if element.too_long {
            return feed.fault(start, element.line, too_long());
        }
        feed.text().extend_from_slice(element.text.trim_ascii_end());
        feed.row(start, element.line);
    }

    fn not_closed(&self) -> PluginError {
        let message = format!("the list that begins in line {} is not closed: ] is missing", self.opened);
        PluginError::new(ErrorKind::Usage, message)
            .hint("the last element was cut off and not run; repair the file and run the same command again")
    }

    fn behind_the_end(&self) -> PluginError {
        let message = format!("something follows the end of the list, in line {}", self.line);
        PluginError::new(ErrorKind::Usage, message).hint("one file holds one list, or JSON lines")
    }
}

impl Element {
    fn ends_at(&self, byte: u8) -> bool {
        self.depth == 0 && !self.in_string && matches!(byte, b',' | b']')
    }

    /// Takes bytes up to one that may end it; gives how many.
    fn take(&mut self, bytes: &[u8], line: &mut u64) -> usize {
        let mut count = 0;
        for byte in bytes {
            if self.ends_at(*byte) {
                break;
            }
            self.follow(*byte);
            *line += u64::from(*byte == b'\n');
            count += 1;
        }
        self.too_long |= self.text.len() + count > LONGEST;
        if self.too_long {
            self.text = Vec::new();
        } else {
            self.text.extend_from_slice(&bytes[..count]);
        }
        count
    }

    fn follow(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.in_string => self.escaped = true,
            b'"' => self.in_string = !self.in_string,
            _ if self.in_string => {}
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}
