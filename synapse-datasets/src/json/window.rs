//! A file seen through a window that moves forward.

use super::cursor::{Cursor, Fault};
use std::fs::File;
use std::io::Read;

/// How much is read at a time.
const STEP: usize = 1 << 20;

/// The part of a file that is in memory.
pub(crate) struct Window {
    file: File,
    bytes: Vec<u8>,
    /// Where in the file the window starts.
    start: u64,
    /// How much of the window has been dealt with.
    done: usize,
    at_end: bool,
}

impl Window {
    pub(crate) fn new(file: File) -> Self {
        Self { file, bytes: Vec::new(), start: 0, done: 0, at_end: false }
    }

    /// Where in the file the next value is looked for.
    pub(crate) fn position(&self) -> u64 {
        self.start + self.done as u64
    }

    /// Reads one value with `read`, which is called again with more of the
    /// file if it comes to the end of the window. It is given the place in the
    /// file of the first byte it sees.
    pub(crate) fn value<T>(
        &mut self,
        mut read: impl FnMut(u64, &mut Cursor<'_>) -> Result<T, Fault>,
    ) -> std::io::Result<Result<T, Fault>> {
        loop {
            let mut cursor = Cursor::new(&self.bytes[self.done..]);
            match read(self.start + self.done as u64, &mut cursor) {
                Ok(value) => {
                    self.done += cursor.at();
                    return Ok(Ok(value));
                }
                Err(Fault::Ends) if !self.at_end => self.grow()?,
                Err(fault) => return Ok(Err(fault)),
            }
        }
    }

    /// Gives up what has been dealt with and reads on. What is left is at
    /// least doubled, so that a value longer than the window is not read over
    /// and over.
    fn grow(&mut self) -> std::io::Result<()> {
        self.bytes.drain(..self.done);
        self.start += self.done as u64;
        self.done = 0;
        let step = STEP.max(self.bytes.len());
        let old = self.bytes.len();
        self.bytes.resize(old + step, 0);
        let mut filled = old;
        while filled < self.bytes.len() {
            match self.file.read(&mut self.bytes[filled..]) {
                Ok(0) => {
                    self.at_end = true;
                    break;
                }
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.bytes.truncate(filled);
        Ok(())
    }
}
