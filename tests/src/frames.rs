//! Frames as `docs/worker-protocol.md` has them, for hosts that know only that.

use std::io::Read;

use serde_json::Value;

macro_rules! numbers {
    ($($name:ident = $number:literal;)*) => { $(#[expect(missing_docs)] pub const $name: u16 = $number;)* };
}

numbers! {
    HELLO = 1;
    LOAD = 2;
    LOADED = 3;
    INSTANTIATE = 4;
    INVOKE = 5;
    RESULT = 6;
    ERROR = 7;
    EVENTS = 8;
    CANCEL = 9;
    CALL = 10;
    ANSWER = 11;
    PAUSE = 12;
    RESUME = 13;
    PING = 14;
    PONG = 15;
    SHUTDOWN = 16;
    UNSUPPORTED = 17;
    VALIDATE = 18;
    RECALL = 19;
    END_WORKER = 1;
    STRICT_RESULT = 2;
    IN_ORDER = 4;
}

/// A frame that came.
pub struct Frame {
    /// What it means.
    pub kind: u16,
    /// What it is about.
    pub id: u64,
    /// The rest.
    pub payload: Vec<u8>,
}

/// A frame to be sent, whose payload is `parts`.
pub fn frame(kind: u16, flags: u16, id: u64, parts: &[&[u8]]) -> Vec<u8> {
    let payload = parts.concat();
    let mut frame = Vec::from((payload.len() as u32).to_le_bytes());
    frame.extend(kind.to_le_bytes());
    frame.extend(flags.to_le_bytes());
    frame.extend(id.to_le_bytes());
    frame.extend(payload);
    frame
}

impl Frame {
    /// The next frame that comes whole.
    pub fn read(mut source: impl Read) -> Option<Self> {
        let mut header = [0; 16];
        source.read_exact(&mut header).ok()?;
        let mut payload = vec![0; u32::from_le_bytes(number(&header)) as usize];
        source.read_exact(&mut payload).ok()?;
        let (kind, id) = (u16::from_le_bytes(number(&header[4..])), u64::from_le_bytes(number(&header[8..])));
        Some(Self { kind, id, payload })
    }

    /// Its payload, which is JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.payload).expect("JSON")
    }
}

/// How an invocation in order has ended.
#[derive(Debug, PartialEq)]
pub enum End {
    /// With this result.
    Result(Value),
    /// With this error.
    Error(Value),
    /// It was given back.
    NotBegun,
}

/// An entry of a batch.
pub struct Entry<'a> {
    /// Of the invocation.
    pub id: u64,
    /// Its type.
    pub kind: u8,
    /// What follows the step.
    pub rest: &'a [u8],
}

impl Entry<'_> {
    /// The invocation and its end, if it is one.
    pub fn end(self) -> Option<(u64, End)> {
        let json = || serde_json::from_slice(self.rest).expect("JSON");
        let end = match self.kind {
            5 => End::Result(json()),
            6 => End::Error(json()),
            7 => End::NotBegun,
            _ => return None,
        };
        Some((self.id, end))
    }
}

/// How so many invocations in order have ended, whichever way that comes from `next`.
#[track_caller]
pub fn ends_of(count: usize, mut next: impl FnMut() -> Frame) -> Vec<(u64, End)> {
    let mut ends = Vec::new();
    while ends.len() < count {
        let frame = next();
        match frame.kind {
            EVENTS => ends.extend(entries(&frame.payload).filter_map(Entry::end)),
            RESULT => ends.push((frame.id, End::Result(frame.json()))),
            ERROR => ends.push((frame.id, End::Error(frame.json()))),
            other => panic!("a frame of kind {other}"),
        }
    }
    ends
}

/// What lies in a batch.
pub fn entries(mut batch: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    std::iter::from_fn(move || {
        let length = u32::from_le_bytes(number(batch.get(..4)?)) as usize;
        let (entry, others) = batch[4..].split_at(length);
        batch = others;
        let step = match u32::from_le_bytes(number(&entry[18..])) {
            u32::MAX => 0,
            length => length as usize,
        };
        Some(Entry { id: u64::from_le_bytes(number(entry)), kind: entry[16], rest: &entry[22 + step..] })
    })
}

/// The first bytes of a number.
pub fn number<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes[..N].try_into().expect("as many bytes")
}
