//! Stretches of a file, read in as few reads as possible.

use std::fs::File;
use std::io;

/// Stretches nearer than this are read together with what is between them.
const GAP: u64 = 16 << 10;

/// Stretches of a file in memory.
pub(crate) struct Pages {
    bytes: Vec<u8>,
    /// Where each page starts in the file and in `bytes`.
    starts: Vec<(u64, usize)>,
}

impl Pages {
    /// Reads stretches, each a place in the file and a length.
    pub(crate) fn read(file: &File, stretches: impl Iterator<Item = (u64, u64)>) -> io::Result<Self> {
        let mut stretches: Vec<(u64, u64)> = stretches.collect();
        stretches.sort_unstable();
        let mut joined: Vec<(u64, u64)> = Vec::new();
        for (start, length) in stretches {
            match joined.last_mut() {
                Some((_, end)) if start <= *end + GAP => *end = (*end).max(start + length),
                _ => joined.push((start, start + length)),
            }
        }
        let total: u64 = joined.iter().map(|(start, end)| end - start).sum();
        let mut pages = Self { bytes: vec![0; total as usize], starts: Vec::with_capacity(joined.len()) };
        let mut at = 0;
        for (start, end) in joined {
            let length = (end - start) as usize;
            read_at(file, &mut pages.bytes[at..at + length], start)?;
            pages.starts.push((start, at));
            at += length;
        }
        Ok(pages)
    }

    /// A stretch that was asked for.
    pub(crate) fn get(&self, start: u64, length: u64) -> &[u8] {
        let after = self.starts.partition_point(|page| page.0 <= start);
        let Some(&(page, at)) = after.checked_sub(1).and_then(|page| self.starts.get(page)) else {
            return &[];
        };
        let from = at + (start - page) as usize;
        self.bytes.get(from..from + length as usize).unwrap_or_default()
    }
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], start: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, start)
}

#[cfg(not(unix))]
fn read_at(file: &File, bytes: &mut [u8], start: u64) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = file.try_clone()?;
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(bytes)
}
