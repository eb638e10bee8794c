//! A file of which little is needed, from places that lie together: read in few
//! pieces, which are kept.

use std::cell::OnceCell;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

use object::ReadRef;

/// What is asked for is read with what lies around it: tables have their names
/// before them, headers what they lead to behind them. Pieces begin at multiples
/// of it, so that what is aligned in the file is so in memory.
const BEFORE: u64 = 4 << 10;
const PIECE: u64 = 16 << 10;
/// No table of a sound file is larger, no name longer, and no file needs more
/// pieces.
const MOST_BYTES: u64 = 64 << 20;
const MOST_NAME: u64 = 4 << 10;
const MOST_PIECES: usize = 1_000;

/// A file, or a part of one, as far as it was read.
#[derive(Debug)]
pub(crate) struct Pieces {
    file: File,
    place: Range<u64>,
    first: OnceCell<Box<Piece>>,
}

#[derive(Debug)]
struct Piece {
    at: u64,
    bytes: Vec<u8>,
    next: OnceCell<Box<Piece>>,
}

impl Pieces {
    /// What lies at `place` in the file.
    pub(crate) fn new(file: File, place: Range<u64>) -> Self {
        Self { file, place, first: OnceCell::new() }
    }

    /// How many bytes there are.
    pub(crate) fn length(&self) -> u64 {
        self.place.end.saturating_sub(self.place.start)
    }

    /// The piece that has all of `range`, read now unless it was before.
    fn piece(&self, range: Range<u64>) -> Option<&Piece> {
        let mut slot = &self.first;
        for _ in 0..MOST_PIECES {
            match slot.get() {
                Some(piece) if piece.has(&range) => return Some(piece),
                Some(piece) => slot = &piece.next,
                None => {
                    let piece = self.read(range)?;
                    return Some(slot.get_or_init(|| Box::new(piece)));
                }
            }
        }
        None
    }

    fn read(&self, range: Range<u64>) -> Option<Piece> {
        if range.end > self.length() || range.end.checked_sub(range.start)? > MOST_BYTES {
            return None;
        }
        let at = range.start.saturating_sub(BEFORE) & !(BEFORE - 1);
        let end = range.end.max(at + PIECE).min(self.length());
        let size = usize::try_from(end - at).ok()?;
        // Read to the end of a part, and not into a slice: that would have to be zeroed first.
        let mut bytes = Vec::with_capacity(size);
        (&self.file).seek(SeekFrom::Start(self.place.start + at)).ok()?;
        (&self.file).take(end - at).read_to_end(&mut bytes).ok()?;
        (bytes.len() == size).then_some(Piece { at, bytes, next: OnceCell::new() })
    }
}

impl Piece {
    fn has(&self, range: &Range<u64>) -> bool {
        self.at <= range.start && range.end <= self.at + self.bytes.len() as u64
    }

    fn from(&self, start: u64) -> &[u8] {
        let start = usize::try_from(start - self.at).unwrap_or(usize::MAX);
        self.bytes.get(start..).unwrap_or_default()
    }
}

impl<'a> ReadRef<'a> for &'a Pieces {
    fn len(self) -> Result<u64, ()> {
        Ok(self.length())
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'a [u8], ()> {
        if size == 0 {
            return Ok(&[]);
        }
        let end = offset.checked_add(size).ok_or(())?;
        let piece = self.piece(offset..end).ok_or(())?;
        piece.from(offset).get(..usize::try_from(size).map_err(drop)?).ok_or(())
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'a [u8], ()> {
        let end = range.end.min(range.start.saturating_add(MOST_NAME)).min(self.length());
        let some = self.piece(range.start..range.start.saturating_add(1)).ok_or(())?.from(range.start);
        let all = usize::try_from(end.saturating_sub(range.start)).map_err(drop)?;
        let until = |bytes: &'a [u8]| {
            let bytes = bytes.get(..all).unwrap_or(bytes);
            Some(&bytes[..bytes.iter().position(|byte| *byte == delimiter)?])
        };
        match until(some) {
            Some(name) => Ok(name),
            None if some.len() >= all => Err(()),
            None => until(self.read_bytes_at(range.start, all as u64)?).ok_or(()),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn pieces(bytes: &[u8], place: Range<u64>) -> Pieces {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Pieces::new(file, place)
    }

    fn count(pieces: &Pieces) -> usize {
        std::iter::successors(pieces.first.get(), |piece| piece.next.get()).count()
    }

    #[test]
    fn what_lies_together_is_read_at_once() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
        let pieces = pieces(&bytes, 0..200_000);
        let read = |offset: usize, size: usize| {
            assert_eq!(
                (&pieces).read_bytes_at(offset as u64, size as u64).unwrap(),
                &bytes[offset..][..size]
            );
        };
        read(0, 64);
        read(10_000, 300);
        assert_eq!(count(&pieces), 1);
        read(150_000, 100);
        read(147_000, 2_000);
        assert_eq!(count(&pieces), 2);
        read(100, 100_000);
        assert_eq!(count(&pieces), 3);
    }

    #[test]
    fn what_is_not_there_or_no_more_is_an_error() {
        let pieces = pieces(b"0123456789", 2..8);
        assert_eq!((&pieces).read_bytes_at(0, 6), Ok(&b"234567"[..]));
        for (offset, size) in [(0, 7), (6, 1), (u64::MAX, 2), (0, u64::MAX)] {
            assert_eq!((&pieces).read_bytes_at(offset, size), Err(()));
        }
        let cut = self::pieces(b"0123", 0..8);
        assert_eq!((&cut).read_bytes_at(0, 8), Err(()));
    }

    #[test]
    fn no_file_makes_it_keep_pieces_without_end() {
        let pieces = pieces(&[], 0..0);
        pieces.file.set_len(1 << 30).unwrap();
        let pieces = Pieces::new(pieces.file, 0..1 << 30);
        let read = (0..2_000).filter(|at| (&pieces).read_bytes_at(at * (PIECE * 2), 8).is_ok()).count();
        assert_eq!(read, MOST_PIECES);
        assert_eq!((&pieces).read_bytes_at(0, MOST_BYTES + 1), Err(()));
    }

    proptest! {
        /// As of the same bytes in memory.
        #[test]
        fn a_name_ends_where_it_should(
            bytes in proptest::collection::vec(0_u8..4, 0..100),
            starts in proptest::collection::vec(0_u64..110, 1..5),
            length in 0_u64..110,
        ) {
            let pieces = pieces(&bytes, 0..bytes.len() as u64);
            for start in starts {
                let end = start + length;
                let of_pieces = (&pieces).read_bytes_at_until(start..end, 0);
                if end <= bytes.len() as u64 {
                    prop_assert_eq!(of_pieces, bytes.as_slice().read_bytes_at_until(start..end, 0));
                } else if let Ok(name) = of_pieces {
                    prop_assert!(bytes[start as usize..].starts_with(name));
                }
            }
        }

        #[test]
        fn a_name_may_go_on_in_the_next_piece(start in 0_u64..20_000, length in 0_usize..5_000) {
            let mut bytes = vec![1; 30_000];
            let end = start as usize + length;
            bytes[end] = 0;
            let pieces = pieces(&bytes, 0..30_000);
            prop_assert!((&pieces).read_bytes_at(0, 1).is_ok());
            let name = (&pieces).read_bytes_at_until(start..30_000, 0);
            prop_assert_eq!(name.ok().map(<[u8]>::len), (length < MOST_NAME as usize).then_some(length));
        }
    }
}
