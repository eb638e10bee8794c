//! Frames: a header of 16 bytes, then a payload.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read};

use super::protocol::Kind;
use super::room::room_for;

/// Bytes of a header.
pub(crate) const HEADER: usize = 16;
/// Longer payloads are refused by this version on both sides.
pub(crate) const MAX_PAYLOAD: usize = 256 << 20;
/// Frames up to this size are read with one call, several at a time.
const BUFFER: usize = 128 << 10;

/// What stands before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Bytes of the payload.
    pub(crate) length: u32,
    /// A [`Kind`], or one this version does not know.
    pub(crate) kind: u16,
    /// As the kind says, else 0.
    pub(crate) flags: u16,
    /// What the frame is about: an invocation, a service call, a batch.
    pub(crate) id: u64,
}

impl Header {
    /// A header for a payload of `length` bytes; [`MAX_PAYLOAD`] at most.
    pub(crate) fn new(kind: Kind, flags: u16, id: u64, length: usize) -> Self {
        Self { length: u32::try_from(length).unwrap_or(u32::MAX), kind: kind as u16, flags, id }
    }

    pub(crate) fn bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..4].copy_from_slice(&self.length.to_le_bytes());
        bytes[4..6].copy_from_slice(&self.kind.to_le_bytes());
        bytes[6..8].copy_from_slice(&self.flags.to_le_bytes());
        bytes[8..].copy_from_slice(&self.id.to_le_bytes());
        bytes
    }

    fn parse(bytes: [u8; HEADER]) -> Self {
        let [l0, l1, l2, l3, k0, k1, f0, f1, id @ ..] = bytes;
        Self {
            length: u32::from_le_bytes([l0, l1, l2, l3]),
            kind: u16::from_le_bytes([k0, k1]),
            flags: u16::from_le_bytes([f0, f1]),
            id: u64::from_le_bytes(id),
        }
    }
}

/// A frame that was read.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) header: Header,
    pub(crate) payload: Cow<'a, [u8]>,
}

/// Why no more frames can be read.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The other end is gone; whether in the middle of a frame is told.
    Ended {
        within_a_frame: bool,
    },
    /// What came is no frame of this protocol.
    Malformed(String),
    Io(io::Error),
}

impl Broken {
    /// Whether the other side is gone, as far as can be told: a socket that is
    /// closed with something unread in it is reset.
    pub(crate) fn is_the_end(&self) -> bool {
        match self {
            Self::Ended { .. } => true,
            Self::Io(error) => error.kind() == io::ErrorKind::ConnectionReset,
            Self::Malformed(_) => false,
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended { within_a_frame: false } => f.write_str("the connection was closed"),
            Self::Ended { within_a_frame: true } => f.write_str("the connection ended within a frame"),
            Self::Malformed(why) => write!(f, "what came is no frame: {why}"),
            Self::Io(error) => write!(f, "the connection failed: {error}"),
        }
    }
}

/// Reads frames through a buffer.
pub(crate) struct FrameReader {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl FrameReader {
    pub(crate) fn new() -> Self {
        Self { buffer: vec![0; BUFFER].into_boxed_slice(), start: 0, end: 0 }
    }

    /// Whether more has come already than was asked for.
    pub(crate) fn has_more(&self) -> bool {
        self.end > self.start
    }

    /// Waits for the next frame.
    ///
    /// # Errors
    /// The end of the connection; a header that no sender of this protocol
    /// writes.
    pub(crate) fn next(&mut self, mut source: impl Read) -> Result<Frame<'_>, Broken> {
        self.fill(&mut source, HEADER)?;
        let mut bytes = [0; HEADER];
        bytes.copy_from_slice(&self.buffer[self.start..self.start + HEADER]);
        let header = Header::parse(bytes);
        check(header)?;
        let length = header.length as usize;
        if HEADER + length > BUFFER {
            let payload = self.read_long(source, length)?;
            return Ok(Frame { header, payload: Cow::Owned(payload) });
        }
        self.fill(&mut source, HEADER + length)?;
        let payload = self.start + HEADER..self.start + HEADER + length;
        self.start = payload.end;
        Ok(Frame { header, payload: Cow::Borrowed(&self.buffer[payload]) })
    }

    /// Makes `wanted` bytes stand in the buffer from `start` on.
    fn fill(&mut self, source: &mut impl Read, wanted: usize) -> Result<(), Broken> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.start + wanted > self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        while self.end - self.start < wanted {
            match source.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Err(Broken::Ended { within_a_frame: self.end > self.start }),
                Ok(got) => self.end += got,
                Err(error) => return Err(Broken::Io(error)),
            }
        }
        Ok(())
    }

    /// A payload longer than the buffer, whose header is in the buffer.
    fn read_long(&mut self, source: impl Read, length: usize) -> Result<Vec<u8>, Broken> {
        let no_room = |_| Broken::Malformed(format!("there is no memory for a payload of {length} bytes"));
        let mut payload = room_for(length).map_err(no_room)?;
        let here = self.start + HEADER..self.end;
        payload.extend_from_slice(&self.buffer[here]);
        (self.start, self.end) = (0, 0);
        let rest = (length - payload.len()) as u64;
        let got = source.take(rest).read_to_end(&mut payload).map_err(Broken::Io)?;
        if (got as u64) < rest { Err(Broken::Ended { within_a_frame: true }) } else { Ok(payload) }
    }
}

/// Kinds that this version does not know may come, but none is so large.
fn check(header: Header) -> Result<(), Broken> {
    if header.length as usize > MAX_PAYLOAD {
        return Err(Broken::Malformed(format!(
            "a frame of kind {} with {} bytes; {MAX_PAYLOAD} are allowed",
            header.kind, header.length
        )));
    }
    if header.kind == 0 || header.kind > Kind::HIGHEST {
        return Err(Broken::Malformed(format!("kind {:#06x} is out of range", header.kind)));
    }
    Ok(())
}

/// Reads little-endian fields from a payload; `None` when it is too short.
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn new(payload: &'a [u8]) -> Self {
        Self(payload)
    }

    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn f64(&mut self) -> Option<f64> {
        self.array().map(f64::from_le_bytes)
    }

    /// Bytes after their length as `u32`.
    pub(crate) fn counted(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()? as usize;
        self.take(length)
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn frame(kind: u16, id: u64, payload: &[u8]) -> Vec<u8> {
        let header = Header { length: payload.len() as u32, kind, flags: 7, id };
        [&header.bytes(), payload].concat()
    }

    /// Gives its bytes a few at a time, as a socket may.
    struct Drops<'a>(&'a [u8], usize);

    impl Read for Drops<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(buffer.len()).min(self.0.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn frames_come_out_as_they_went_in_however_they_are_cut() {
        let long: Vec<u8> = (0..300_000_u32).map(|number| number as u8).collect();
        let payloads: [&[u8]; 5] = [b"", b"small", &long, &long[..BUFFER - HEADER], b"last"];
        let bytes: Vec<u8> =
            payloads.iter().zip(0..).flat_map(|(payload, id)| frame(3, id, payload)).collect();
        for step in [1, 7, 4096, usize::MAX] {
            let (mut source, mut reader) = (Drops(&bytes, step), FrameReader::new());
            for (payload, id) in payloads.iter().zip(0..) {
                let frame = reader.next(&mut source).unwrap();
                assert_eq!((frame.header.id, frame.header.flags), (id, 7));
                assert!(frame.payload == *payload, "payload {id} in steps of {step}");
            }
            assert!(matches!(reader.next(&mut source), Err(Broken::Ended { within_a_frame: false })));
        }
    }

    #[test]
    fn a_frame_that_is_cut_short_is_told_apart_from_the_end() {
        let bytes = frame(3, 1, &[0; 200_000]);
        for length in [1, HEADER - 1, HEADER, HEADER + 1, 150_000, bytes.len() - 1] {
            let end = FrameReader::new().next(&bytes[..length]).unwrap_err();
            assert!(matches!(end, Broken::Ended { within_a_frame: true }), "{length}: {end}");
        }
    }

    #[test]
    fn garbage_is_refused_before_memory_is_taken_for_it() {
        let printed = b"a line that a plugin printed here".as_slice();
        let error = FrameReader::new().next(printed).unwrap_err();
        assert!(error.to_string().starts_with("what came is no frame: a frame of kind "), "{error}");
        let zeroes = FrameReader::new().next([0_u8; 64].as_slice()).unwrap_err();
        assert_eq!(zeroes.to_string(), "what came is no frame: kind 0x0000 is out of range");
        let long = frame(u16::MAX, 0, b"");
        assert!(matches!(FrameReader::new().next(&long[..]), Err(Broken::Malformed(_))));
    }
}
