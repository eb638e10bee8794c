//! Encrypts what goes over a network: Noise with a secret that both ends know
//! (`NNpsk0`), so that each end proves to the other that it has it.
//!
//! On the wire stand messages of at most 65,535 bytes, each after its length in
//! two bytes, the first of them the handshake's.

use std::io::{self, Read, Write};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use snow::{Builder, StatelessTransportState};

/// Both sides name this: other versions do not understand each other.
const PROLOGUE: &[u8] = b"synapse worker 1";
const PATTERN: &str = "Noise_NNpsk0_25519_AESGCM_BLAKE2s";
/// Bytes of a secret.
pub(crate) const SECRET: usize = 32;
/// Bytes that encryption adds to a message.
const TAG: usize = 16;
/// Plain bytes in a message.
const MOST: usize = u16::MAX as usize - TAG;
/// Bytes of the longest message with its length, and of what is read at once.
const WHOLE: usize = 2 + u16::MAX as usize;
/// More than this is not encrypted before some of it is sent.
const PLENTY: usize = 1 << 20;

/// The keys of a connection.
pub(crate) struct Seal {
    state: StatelessTransportState,
    sending: Mutex<Sending>,
    receiving: Mutex<Receiving>,
}

#[derive(Default)]
struct Sending {
    number: u64,
    plain: Vec<u8>,
    wire: Vec<u8>,
}

#[derive(Default)]
struct Receiving {
    number: u64,
    /// Encrypted, perhaps not a whole message: what is read lies in `unread`.
    wire: Vec<u8>,
    unread: Range<usize>,
    /// Of a message that was larger than what was asked for.
    plain: Vec<u8>,
    taken: usize,
}

impl Seal {
    /// Agrees on keys as the end that connected.
    ///
    /// # Errors
    /// The other end is gone, or does not know the secret.
    pub(crate) fn initiate(stream: impl Read + Write, secret: &[u8; SECRET]) -> io::Result<Self> {
        Self::shake(stream, secret, true)
    }

    /// Agrees on keys as the end that listens.
    ///
    /// # Errors
    /// As [`initiate`](Self::initiate).
    pub(crate) fn respond(stream: impl Read + Write, secret: &[u8; SECRET]) -> io::Result<Self> {
        Self::shake(stream, secret, false)
    }

    fn shake(mut stream: impl Read + Write, secret: &[u8; SECRET], first: bool) -> io::Result<Self> {
        let pattern = PATTERN.parse().map_err(denied)?;
        let builder = Builder::new(pattern).prologue(PROLOGUE).and_then(|it| it.psk(0, secret));
        let builder = builder.map_err(denied)?;
        let built = if first { builder.build_initiator() } else { builder.build_responder() };
        let mut state = built.map_err(denied)?;
        let mut buffer = [0; 256];
        for turn in [first, !first] {
            if turn {
                let length = state.write_message(&[], &mut buffer).map_err(denied)?;
                let mut message = u16::try_from(length).map_err(denied)?.to_be_bytes().to_vec();
                message.extend(&buffer[..length]);
                stream.write_all(&message)?;
            } else {
                let mut length = [0; 2];
                stream.read_exact(&mut length)?;
                let message = buffer.get_mut(..usize::from(u16::from_be_bytes(length)));
                let message = message.ok_or_else(|| denied("a message that is no handshake"))?;
                stream.read_exact(message)?;
                state.read_message(message, &mut [0; 256]).map_err(denied)?;
            }
        }
        let state = state.into_stateless_transport_mode().map_err(denied)?;
        Ok(Self { state, sending: Mutex::default(), receiving: Mutex::default() })
    }

    /// Sends all of `parts` through `send`, in whole messages.
    pub(crate) fn send(
        &self,
        parts: &[&[u8]],
        mut send: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut sending = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        let sending = &mut *sending;
        sending.wire.clear();
        sending.plain.clear();
        for part in parts {
            let mut rest = *part;
            while !rest.is_empty() {
                let (now, later) = rest.split_at(rest.len().min(MOST - sending.plain.len()));
                sending.plain.extend_from_slice(now);
                rest = later;
                if sending.plain.len() == MOST {
                    self.encrypt(sending)?;
                    if sending.wire.len() >= PLENTY {
                        send(&sending.wire)?;
                        sending.wire.clear();
                    }
                }
            }
        }
        if !sending.plain.is_empty() {
            self.encrypt(sending)?;
        }
        send(&sending.wire)
    }

    fn encrypt(&self, sending: &mut Sending) -> io::Result<()> {
        let length = sending.plain.len() + TAG;
        sending.wire.extend(u16::try_from(length).map_err(denied)?.to_be_bytes());
        let start = sending.wire.len();
        sending.wire.resize(start + length, 0);
        let (plain, wire) = (&sending.plain, &mut sending.wire[start..]);
        self.state.write_message(sending.number, plain, wire).map_err(denied)?;
        sending.number += 1;
        sending.plain.clear();
        Ok(())
    }

    /// Reads into `buffer` what `receive` gives, decrypted. 0 is the end.
    pub(crate) fn receive(
        &self,
        buffer: &mut [u8],
        mut receive: impl FnMut(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut receiving = self.receiving.lock().unwrap_or_else(PoisonError::into_inner);
        let receiving = &mut *receiving;
        loop {
            let left = &receiving.plain[receiving.taken..];
            if !left.is_empty() {
                let count = left.len().min(buffer.len());
                buffer[..count].copy_from_slice(&left[..count]);
                receiving.taken += count;
                return Ok(count);
            }
            if let Some(count) = self.open(receiving, buffer)? {
                if count > 0 {
                    return Ok(count);
                }
                continue;
            }
            let before = receiving.unread.len();
            match receive(receiving.room())? {
                0 if before == 0 => return Ok(0),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                got => receiving.unread.end += got,
            }
        }
    }

    /// Opens the first message, if it is there: into `buffer` when it fits, else aside.
    fn open(&self, receiving: &mut Receiving, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let unread = &receiving.wire[receiving.unread.clone()];
        let Some((length, rest)) = unread.split_first_chunk::<2>() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes(*length));
        let Some(message) = rest.get(..length) else { return Ok(None) };
        let number = receiving.number;
        let opened = if length <= buffer.len() {
            self.state.read_message(number, message, buffer).map_err(denied)?
        } else {
            receiving.plain.resize(length, 0);
            receiving.taken = 0;
            let count = self.state.read_message(number, message, &mut receiving.plain).map_err(denied)?;
            receiving.plain.truncate(count);
            0
        };
        receiving.number += 1;
        receiving.unread.start += 2 + length;
        Ok(Some(opened))
    }
}

impl Receiving {
    /// Where the next bytes go. There is room for the rest of any message.
    fn room(&mut self) -> &mut [u8] {
        self.wire.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        // The first time alone: clearing it again and again takes longer than the rest of a short call.
        self.wire.resize(2 * WHOLE, 0);
        &mut self.wire[self.unread.end..]
    }
}

fn denied(why: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, format!("the other end does not know the secret: {why}"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::thread;

    use super::*;

    fn pair(one: [u8; SECRET], other: [u8; SECRET]) -> (io::Result<Seal>, io::Result<Seal>) {
        let (near, far) = UnixStream::pair().unwrap();
        let listens = thread::spawn(move || Seal::respond(&far, &other));
        let connects = Seal::initiate(&near, &one);
        drop(near);
        (connects, listens.join().unwrap())
    }

    #[test]
    fn bytes_come_out_as_they_went_in_and_stand_nowhere_between() {
        let (near, far) = pair([7; SECRET], [7; SECRET]);
        let (near, far) = (near.unwrap(), far.unwrap());
        let long: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
        let mut wire = Vec::new();
        let parts: [&[u8]; 4] = [b"head of it", b"", &long, b"the end"];
        near.send(&parts, |bytes| {
            wire.extend_from_slice(bytes);
            Ok(())
        })
        .unwrap();
        assert!(!wire.windows(10).any(|window| window == b"head of it"));
        for (most, drop_size) in [(10, 1 << 20), (200_000, 7_001)] {
            let (near, far) = pair([7; SECRET], [7; SECRET]);
            let (near, far) = (near.unwrap(), far.unwrap());
            let mut wire = Vec::new();
            near.send(&parts, |bytes| {
                wire.extend_from_slice(bytes);
                Ok(())
            })
            .unwrap();
            let (mut source, mut out, mut buffer) = (&wire[..], Vec::new(), vec![0; most]);
            loop {
                let got = far
                    .receive(&mut buffer, |into| {
                        let count = source.len().min(into.len()).min(drop_size);
                        into[..count].copy_from_slice(&source[..count]);
                        source = &source[count..];
                        Ok(count)
                    })
                    .unwrap();
                if got == 0 {
                    break;
                }
                out.extend_from_slice(&buffer[..got]);
            }
            assert!(out == parts.concat());
        }
        // The other pair has other keys.
        let error = far.receive(&mut [0; 64], |into| {
            into[..34].copy_from_slice(&[0; 34]);
            into[1] = 32;
            Ok(34)
        });
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn who_does_not_know_the_secret_gets_nowhere() {
        let (near, far) = pair([7; SECRET], [8; SECRET]);
        assert_eq!(far.err().unwrap().kind(), io::ErrorKind::PermissionDenied);
        assert!(near.is_err());
    }
}
