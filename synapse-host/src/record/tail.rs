//! The last lines of a long output, bounded in bytes.

use std::collections::VecDeque;

/// The newest lines that together stay below a number of bytes, and a count of
/// those that had to go.
#[derive(Debug)]
pub(super) struct Tail {
    bytes: VecDeque<u8>,
    lengths: VecDeque<usize>,
    limit: usize,
    /// Lines that had to go.
    pub(super) dropped: u64,
    /// Bytes of the lines that had to go.
    pub(super) dropped_bytes: u64,
}

impl Tail {
    /// A tail of at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { bytes: VecDeque::new(), lengths: VecDeque::new(), limit, dropped: 0, dropped_bytes: 0 }
    }

    /// Whether nothing was ever added.
    pub(super) fn is_untouched(&self) -> bool {
        self.lengths.is_empty() && self.dropped == 0
    }

    /// Adds `line`, and lets the oldest go that no longer fit.
    pub(super) fn push(&mut self, line: &[u8]) {
        self.bytes.extend(line);
        self.lengths.push_back(line.len());
        while self.bytes.len() > self.limit {
            let Some(length) = self.lengths.pop_front() else { return };
            self.bytes.drain(..length);
            self.dropped += 1;
            self.dropped_bytes += length as u64;
        }
    }

    /// Counts lines that were lost before they came here.
    pub(super) fn count_lost(&mut self, lines: &[u8]) {
        self.dropped += lines.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.dropped_bytes += lines.len() as u64;
    }

    /// Appends the lines that are left to `out`.
    pub(super) fn append_to(&self, out: &mut Vec<u8>) {
        let (front, back) = self.bytes.as_slices();
        out.extend_from_slice(front);
        out.extend_from_slice(back);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(tail: &Tail) -> String {
        let mut out = Vec::new();
        tail.append_to(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn the_newest_lines_stay_whole_and_in_order() {
        let mut tail = Tail::new(10);
        for line in ["one\n", "two\n", "three\n"] {
            tail.push(line.as_bytes());
        }
        assert_eq!(kept(&tail), "two\nthree\n");
        assert_eq!((tail.dropped, tail.dropped_bytes), (1, 4));
    }

    #[test]
    fn a_line_above_the_limit_goes_and_is_counted() {
        let mut tail = Tail::new(4);
        assert!(tail.is_untouched());
        tail.push(b"too long\n");
        assert_eq!(kept(&tail), "");
        assert_eq!((tail.dropped, tail.dropped_bytes), (1, 9));
        assert!(!tail.is_untouched());
    }
}
