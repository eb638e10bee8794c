//! A connected socket, read and written with calls that refuse any other file.
//!
//! A plugin may close descriptors at will. When another file is opened under
//! the number of ours, `write` would write into it; `send` fails.

#![expect(unsafe_code, reason = "recv, send, sendmsg, setsockopt and shutdown on a descriptor we own")]

use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::seal::Seal;

/// For so long who waits may look again and again, before it sleeps: waking it takes as long as the rest of a short
/// call does.
const AWAKE: Duration = Duration::from_micros(100);
/// It does so where the last wait took no longer than this.
const BRIEF: Duration = Duration::from_micros(200);

/// One end of the connection between host and worker.
pub(crate) struct Socket {
    descriptor: OwnedFd,
    /// Of a connection that leads over a network.
    seal: Option<Box<Seal>>,
    /// Of one where the next message may come before a thread has fallen asleep: whether the last one did.
    was_brief: Option<AtomicBool>,
}

impl Socket {
    pub(crate) fn new(descriptor: OwnedFd) -> Self {
        Self { descriptor, seal: None, was_brief: None }
    }

    /// A socket on which all is encrypted from now on.
    pub(crate) fn sealed(descriptor: OwnedFd, seal: Seal) -> Self {
        Self { descriptor, seal: Some(Box::new(seal)), was_brief: None }
    }

    /// Who reads stays awake as long as calls or answers follow each other at once.
    pub(crate) fn stay_awake(mut self) -> Self {
        self.was_brief = Some(AtomicBool::new(true));
        self
    }

    pub(crate) fn descriptor(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }

    /// A connection whose other end has been silent for half a minute, and does
    /// not answer the system's own questions either, ends.
    ///
    /// # Errors
    /// It is no connection over a network.
    pub(crate) fn notice_silence(&self) -> io::Result<()> {
        let settings = [
            (libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1),
            (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, 15),
            (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, 5),
            (libc::IPPROTO_TCP, libc::TCP_KEEPCNT, 3),
            (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, 30_000),
        ];
        for (level, name, value) in settings {
            let value: libc::c_int = value;
            let size = size_of_val(&value) as libc::socklen_t;
            // SAFETY: the value is read for its own size.
            let set =
                unsafe { libc::setsockopt(self.descriptor(), level, name, (&raw const value).cast(), size) };
            if set == -1 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    }

    /// Sends all of `parts`, one after the other.
    ///
    /// # Errors
    /// The other end is gone, or the descriptor is no longer ours.
    pub(crate) fn send_all(&self, parts: &[&[u8]]) -> io::Result<()> {
        match &self.seal {
            None => self.send_plain(parts),
            Some(seal) => seal.send(parts, |sealed| self.send_plain(&[sealed])),
        }
    }

    fn send_plain(&self, parts: &[&[u8]]) -> io::Result<()> {
        let mut rest: Vec<libc::iovec> =
            parts.iter().filter(|part| !part.is_empty()).map(|part| slice(part)).collect();
        let mut first = 0;
        while first < rest.len() {
            let mut sent = self.send_some(&mut rest[first..])?;
            while sent > 0 {
                let part = &mut rest[first];
                let taken = sent.min(part.iov_len);
                // SAFETY: within the part, or one behind its end when all of it was sent.
                part.iov_base = unsafe { part.iov_base.byte_add(taken) };
                part.iov_len -= taken;
                sent -= taken;
                if part.iov_len == 0 {
                    first += 1;
                }
            }
        }
        Ok(())
    }

    /// Sends as much of `bytes` as goes without waiting; gives how many. A
    /// sealed socket sends all: what is encrypted cannot be taken back.
    ///
    /// # Errors
    /// As [`send_all`](Self::send_all), and when none can be sent now.
    pub(crate) fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        if self.seal.is_some() {
            return self.send_all(&[bytes]).map(|()| bytes.len());
        }
        let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
        loop {
            // SAFETY: the bytes are borrowed until this returns.
            let sent = unsafe { libc::send(self.descriptor(), bytes.as_ptr().cast(), bytes.len(), flags) };
            if let Ok(sent) = usize::try_from(sent) {
                return Ok(sent);
            }
            retry_interrupted()?;
        }
    }

    fn send_some(&self, parts: &mut [libc::iovec]) -> io::Result<usize> {
        // SAFETY: all zeroes is a message without address and control data.
        let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
        message.msg_iov = parts.as_mut_ptr();
        message.msg_iovlen = parts.len().min(16) as _;
        loop {
            // SAFETY: the parts are borrowed by the caller until this returns.
            let sent = unsafe { libc::sendmsg(self.descriptor(), &message, libc::MSG_NOSIGNAL) };
            if let Ok(sent) = usize::try_from(sent) {
                return Ok(sent);
            }
            retry_interrupted()?;
        }
    }

    /// What was sent to us so far can still be read, then the end comes,
    /// whoever else may hold the other end.
    pub(crate) fn end_reading(&self) {
        // SAFETY: takes two numbers. A socket that is not connected any more
        // has its end already.
        unsafe { libc::shutdown(self.descriptor(), libc::SHUT_RD) };
    }
}

fn slice(part: &[u8]) -> libc::iovec {
    libc::iovec { iov_base: part.as_ptr().cast_mut().cast(), iov_len: part.len() }
}

fn retry_interrupted() -> io::Result<()> {
    let error = io::Error::last_os_error();
    if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) }
}

impl Read for &Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.seal {
            None => self.receive(buffer),
            Some(seal) => seal.receive(buffer, |into| self.receive(into)),
        }
    }
}

impl Socket {
    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(was_brief) = &self.was_brief else { return self.receive_now(buffer, 0) };
        let begun = Instant::now();
        while was_brief.load(Ordering::Relaxed) && begun.elapsed() < AWAKE {
            match self.receive_now(buffer, libc::MSG_DONTWAIT) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::yield_now(),
                done => return done,
            }
        }
        let got = self.receive_now(buffer, 0);
        was_brief.store(begun.elapsed() < BRIEF, Ordering::Relaxed);
        got
    }

    fn receive_now(&self, buffer: &mut [u8], flags: libc::c_int) -> io::Result<usize> {
        loop {
            // SAFETY: the buffer is ours to be written for its whole length.
            let got =
                unsafe { libc::recv(self.descriptor(), buffer.as_mut_ptr().cast(), buffer.len(), flags) };
            if let Ok(got) = usize::try_from(got) {
                return Ok(got);
            }
            retry_interrupted()?;
        }
    }
}
