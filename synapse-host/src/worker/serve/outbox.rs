//! What the worker sends: answers at once, events in batches.
//!
//! Events are written into memory that outlives this process, so all that an
//! action has reported is known even when its next line is its last. They are
//! sent a moment later by a thread of their own, or before the next answer.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use synapse_sdk::Level;
use synapse_sdk::events::Event;

use super::process;
use crate::worker::black_box::{BlackBox, CAPACITY};
use crate::worker::event_codec::{End, encode, encode_end, encoded_size, end_size};
use crate::worker::frame::{Header, MAX_PAYLOAD};
use crate::worker::protocol::{Kind, LOST_DESCRIPTOR};
use crate::worker::socket::Socket;

/// Events wait this long for others to be sent with, and an invocation runs
/// this long before another thread is asked to read.
const PAUSE: Duration = Duration::from_millis(1);
/// Unless there are so many bytes of them.
const PLENTY: usize = 128 << 10;
/// Longer results have frames of their own.
const LONG_RESULT: usize = 64 << 10;
/// After so many pauses with nothing to do their thread sleeps.
const QUIET: u32 = 50;

/// The way out of a worker.
pub(super) struct Outbox {
    socket: Socket,
    max_payload: usize,
    /// Held while frames are sent, so that they do not mix. Taken before `events`.
    sending: Mutex<()>,
    events: Mutex<Pending>,
    plenty: Condvar,
    room: Condvar,
}

struct Pending {
    black_box: BlackBox,
    /// The half that is being filled.
    half: usize,
    /// The batch it will be.
    batch: u64,
    sender_sleeps: bool,
    /// How many invocations have begun.
    begun: u64,
}

impl Outbox {
    /// `max_payload` is what the host takes; a batch of events always fits.
    pub(super) fn new(socket: Socket, mut black_box: BlackBox, max_payload: usize) -> Self {
        black_box.begin(0, 1);
        Self {
            socket,
            max_payload: max_payload.clamp(CAPACITY, MAX_PAYLOAD),
            sending: Mutex::default(),
            events: Mutex::new(Pending { black_box, half: 0, batch: 1, sender_sleeps: false, begun: 0 }),
            plenty: Condvar::new(),
            room: Condvar::new(),
        }
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// The longest payload that may be sent.
    pub(super) fn max_payload(&self) -> usize {
        self.max_payload
    }

    /// Sends a frame whose payload is `parts`, after all events so far.
    pub(super) fn send(&self, kind: Kind, id: u64, parts: &[&[u8]]) {
        process::end_if_forked();
        let length = parts.iter().map(|part| part.len()).sum();
        let header = Header::new(kind, 0, id, length).bytes();
        let mut frame: Vec<&[u8]> = Vec::with_capacity(4);
        frame.push(&header);
        frame.extend(parts);
        let sending = lock(&self.sending);
        self.send_with_events(&sending, &frame);
    }

    /// Takes an event; waits while too much is not sent yet.
    pub(super) fn event(&self, invocation: u64, event: &Event<'_>) {
        if process::is_forked() {
            return;
        }
        let size = encoded_size(event);
        if size > CAPACITY {
            return self.send_long_event(invocation, event, size);
        }
        self.append(size, |into| encode(invocation, event, into));
    }

    /// Notes how an invocation ended, to be sent as events are: so it is known
    /// even when what runs next ends this process. False when it is too long
    /// for that.
    pub(super) fn end(&self, invocation: u64, end: End, bytes: &[u8]) -> bool {
        let fits = bytes.len() <= LONG_RESULT;
        if fits {
            self.append(end_size(bytes.len()), |into| encode_end(invocation, end, bytes, into));
        }
        fits
    }

    /// Writes `size` bytes into the black box; waits while too much is not sent
    /// yet.
    fn append(&self, size: usize, write: impl FnOnce(&mut [u8])) {
        let mut events = lock(&self.events);
        while events.black_box.length(events.half) + size > CAPACITY {
            self.plenty.notify_one();
            events = self.room.wait(events).unwrap_or_else(PoisonError::into_inner);
        }
        let (half, before) = (events.half, events.length());
        events.black_box.append(half, size, write);
        // Waking costs as much as several events, so it is done once.
        let wakes = std::mem::take(&mut events.sender_sleeps) || (before < PLENTY && before + size >= PLENTY);
        drop(events);
        if wakes {
            self.plenty.notify_one();
        }
    }

    fn send_long_event(&self, invocation: u64, event: &Event<'_>, size: usize) {
        if size > self.max_payload {
            let text = format!(
                "an event of {size} bytes is left out: {} can leave a worker; write it to a file instead",
                self.max_payload
            );
            return self.event(invocation, &Event::message(Level::Warning, &text));
        }
        let mut bytes = vec![0; size];
        encode(invocation, event, &mut bytes);
        let sending = lock(&self.sending);
        self.send_with_events(&sending, &[]);
        let batch = lock(&self.events).number_before();
        let header = Header::new(Kind::Events, 0, batch, size).bytes();
        self.send_all(&[&header, &bytes]);
    }

    /// Sends events, if there are any, and then `frame`, in one go.
    fn send_with_events(&self, _sending: &MutexGuard<'_, ()>, frame: &[&[u8]]) {
        let mut events = lock(&self.events);
        let (half, batch) = (events.half, events.batch);
        let length = events.black_box.length(half);
        if length == 0 {
            drop(events);
            return self.send_all(frame);
        }
        let number = events.next_batch();
        events.half = 1 - half;
        let next = events.half;
        events.black_box.begin(next, number);
        // SAFETY: this half is filled again only after the next exchange, for
        // which `sending` is needed.
        #[expect(unsafe_code, reason = "the half is read while the other is filled")]
        let bytes = unsafe { events.black_box.filled(half) };
        drop(events);
        self.room.notify_all();
        let header = Header::new(Kind::Events, 0, batch, length).bytes();
        let mut all: Vec<&[u8]> = Vec::with_capacity(6);
        all.extend([&header[..], bytes]);
        all.extend(frame);
        self.send_all(&all);
        lock(&self.events).black_box.begin(half, 0);
    }

    /// Without a host there is nothing left to do.
    fn send_all(&self, parts: &[&[u8]]) {
        let Err(error) = self.socket.send_all(parts) else { return };
        if matches!(error.raw_os_error(), Some(libc::EBADF | libc::ENOTSOCK | libc::ENOTCONN)) {
            let descriptor = self.socket.descriptor();
            eprintln!(
                "synapse-worker: descriptor {descriptor}, which leads to the host, was closed: {error}"
            );
            process::end(LOST_DESCRIPTOR);
        }
        process::end_group();
    }

    /// An invocation begins: the thread of [`keep_sending`](Self::keep_sending)
    /// looks after it.
    pub(super) fn note_begin(&self) {
        let mut events = lock(&self.events);
        events.begun += 1;
        let wakes = std::mem::take(&mut events.sender_sleeps);
        drop(events);
        if wakes {
            self.plenty.notify_one();
        }
    }

    /// Sends events as they come, for ever. Calls `look` after each pause as
    /// long as there is something to do.
    pub(super) fn keep_sending(&self, mut look: impl FnMut()) {
        let (mut quiet, mut seen) = (0, 0);
        loop {
            let mut events = lock(&self.events);
            let busy = events.length() > 0 || events.begun != seen;
            seen = events.begun;
            quiet = if busy { 0 } else { quiet + 1 };
            if quiet > QUIET {
                events.sender_sleeps = true;
                drop(self.plenty.wait(events).unwrap_or_else(PoisonError::into_inner));
                quiet = 0;
                continue;
            }
            if events.length() < PLENTY {
                events = self.wait(events);
            }
            let some = events.length() > 0;
            drop(events);
            if some {
                self.send_with_events(&lock(&self.sending), &[]);
            }
            look();
        }
    }

    fn wait<'a>(&self, events: MutexGuard<'a, Pending>) -> MutexGuard<'a, Pending> {
        self.plenty.wait_timeout(events, PAUSE).unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Pending {
    fn length(&self) -> usize {
        self.black_box.length(self.half)
    }

    fn next_batch(&mut self) -> u64 {
        self.batch += 1;
        self.batch
    }

    /// A number for a batch that goes before the one being filled.
    fn number_before(&mut self) -> u64 {
        let number = self.batch;
        let next = self.next_batch();
        self.black_box.renumber(self.half, next);
        number
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
