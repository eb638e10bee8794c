//! The host's end of the connection to a worker.
//!
//! Threads that wait for answers take turns at reading: the first one reads
//! frames for all until its own answer has come, then the next does. A call
//! that is alone at its worker is woken by the worker itself.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use synapse_sdk::PluginError;
use synapse_sdk::errors::Result;
use synapse_sdk::events::{Event, EventBody};

use crate::run::stream::Stream;
use crate::worker::event_codec::events;
use crate::worker::frame::{Broken, Frame, FrameReader, Header, MAX_PAYLOAD};
use crate::worker::protocol::{Hello, Kind, ServiceCall, Unsupported, malformed};
use crate::worker::socket::Socket;

/// A call that waits for its answer.
pub(super) struct Call {
    pub(super) id: u64,
    stream: Arc<Stream>,
    mailbox: Mutex<Mailbox>,
    wake: Condvar,
    progress: Mutex<Option<(String, f64)>>,
}

#[derive(Default)]
struct Mailbox {
    messages: VecDeque<Message>,
    /// May be asked to read.
    waiting: bool,
    /// Has to be woken.
    asleep: bool,
}

impl Mailbox {
    /// True when its owner has to be woken.
    fn put(&mut self, message: Message) -> bool {
        self.messages.push_back(message);
        std::mem::take(&mut self.asleep)
    }
}

/// What a waiting call is told.
pub(super) enum Message {
    /// What it asked for is done, or failed.
    Done(Result<Vec<u8>>),
    /// Its action asks for a service: number and payload.
    Service(u64, Vec<u8>),
    /// Nobody reads: it may be its turn.
    Read,
    /// It was this call that found the connection broken.
    Broken(Broken),
    /// The worker is gone, and what is known of its end was noted.
    Gone,
}

impl Call {
    /// The last step that reported, and its percent.
    pub(super) fn progress(&self) -> Option<(String, f64)> {
        lock(&self.progress).clone()
    }

    /// Takes an event that is no frame of the worker's.
    pub(super) fn push(&self, event: Event<'_>) {
        self.stream.push(event);
    }

    fn post(&self, message: Message) {
        if lock(&self.mailbox).put(message) {
            self.wake.notify_one();
        }
    }

    fn take(&self) -> Option<Message> {
        let mut mailbox = lock(&self.mailbox);
        mailbox.waiting = false;
        mailbox.messages.pop_front()
    }

    /// True when there is nothing yet; from now on this call may be asked to read.
    fn announce(&self) -> bool {
        let mut mailbox = lock(&self.mailbox);
        mailbox.waiting = mailbox.messages.is_empty();
        mailbox.waiting
    }

    fn ask_to_read(&self) -> bool {
        let mut mailbox = lock(&self.mailbox);
        if !std::mem::take(&mut mailbox.waiting) {
            return false;
        }
        if mailbox.put(Message::Read) {
            self.wake.notify_one();
        }
        true
    }

    fn sleep(&self) {
        let mut mailbox = lock(&self.mailbox);
        while mailbox.messages.is_empty() {
            mailbox.asleep = true;
            mailbox = self.wake.wait(mailbox).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn note_progress(&self, event: &Event<'_>) {
        if let EventBody::Progress(progress) = &event.body {
            let step = event.step.as_deref().unwrap_or_default();
            match &mut *lock(&self.progress) {
                Some((known, percent)) if known == step => *percent = progress.percent,
                slot => *slot = Some((step.to_owned(), progress.percent)),
            }
        }
    }
}

/// The connection.
pub(super) struct Link {
    socket: Socket,
    writing: Mutex<()>,
    state: Mutex<State>,
    room: Condvar,
    limits: Hello,
    this: Weak<Link>,
}

struct State {
    /// With the call that reads, else here; gone with the connection.
    reader: Option<Reader>,
    calls: BTreeMap<u64, Arc<Call>>,
    next: u64,
    gone: bool,
    last_batch: u64,
}

struct Reader(FrameReader);

impl Link {
    /// Greets the worker.
    ///
    /// # Errors
    /// It does not answer in this protocol.
    pub(super) fn greet(socket: Socket) -> Result<Arc<Self>> {
        let own = Hello::default().encode()?;
        socket.send_all(&[&Header::new(Kind::Hello, 0, 0, own.len()).bytes(), &own])?;
        let mut reader = FrameReader::new();
        let answer = reader.next(&socket).map_err(|broken| malformed("hello", &broken.to_string()))?;
        let limits = match Kind::of(answer.header.kind) {
            Some(Kind::Hello) => Hello::decode(&answer.payload)?,
            Some(Kind::Error) => return Err(PluginError::from_json(&answer.payload)),
            _ => return Err(malformed("hello", "the worker answered with another")),
        };
        let state = State {
            reader: Some(Reader(reader)),
            calls: BTreeMap::new(),
            next: 1,
            gone: false,
            last_batch: 0,
        };
        Ok(Arc::new_cyclic(|this| Self {
            socket,
            writing: Mutex::default(),
            state: Mutex::new(state),
            room: Condvar::new(),
            limits,
            this: this.clone(),
        }))
    }

    /// What was sent so far can still be read; then comes the end.
    pub(super) fn end_reading(&self) {
        self.socket.end_reading();
    }

    /// A call about to be sent; waits while the worker has as many as it
    /// takes. `None` when the worker is gone.
    pub(super) fn begin(&self, stream: &Arc<Stream>) -> Option<Arc<Call>> {
        let mut state = self.lock();
        while state.calls.len() >= self.limits.max_outstanding.max(1) && !state.gone {
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.gone {
            return None;
        }
        let id = state.next;
        state.next += 1;
        let call = Arc::new(Call {
            id,
            stream: Arc::clone(stream),
            mailbox: Mutex::default(),
            wake: Condvar::new(),
            progress: Mutex::default(),
        });
        state.calls.insert(id, Arc::clone(&call));
        Some(call)
    }

    /// The call needs nothing more from here.
    pub(super) fn finish(&self, call: &Call) {
        let mut state = self.lock();
        let full = state.calls.len() >= self.limits.max_outstanding.max(1);
        state.calls.remove(&call.id);
        if state.reader.is_some() {
            pass_on(&state);
        }
        drop(state);
        if full {
            self.room.notify_one();
        }
    }

    /// The call that was begun last: what the worker prints is taken for its.
    pub(super) fn latest(&self) -> Option<Arc<Call>> {
        self.lock().calls.last_key_value().map(|(_, call)| Arc::clone(call))
    }

    /// # Errors
    /// The worker is gone.
    pub(super) fn send(&self, kind: Kind, id: u64, parts: &[&[u8]]) -> io::Result<()> {
        self.send_flagged(kind, 0, id, parts)
    }

    /// # Errors
    /// The worker is gone.
    pub(super) fn send_flagged(&self, kind: Kind, flags: u16, id: u64, parts: &[&[u8]]) -> io::Result<()> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length > self.max_payload() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let header = Header::new(kind, flags, id, length).bytes();
        let mut frame: Vec<&[u8]> = Vec::with_capacity(4);
        frame.push(&header);
        frame.extend(parts);
        let _alone = lock(&self.writing);
        self.socket.send_all(&frame)
    }

    /// The longest payload that the worker takes.
    pub(super) fn max_payload(&self) -> usize {
        self.limits.max_payload.min(MAX_PAYLOAD)
    }

    /// Waits for what comes next for `call`, reading for all if nobody does.
    pub(super) fn wait(&self, call: &Call) -> Message {
        loop {
            match call.take() {
                Some(Message::Read) => {}
                Some(message) => return message,
                None if call.announce() => {
                    let reader = self.lock().reader.take();
                    match reader {
                        Some(reader) => {
                            if let Some(broken) = self.read_for_all(call, reader) {
                                return Message::Broken(broken);
                            }
                        }
                        None => call.sleep(),
                    }
                }
                None => {}
            }
        }
    }

    /// Reads until something for `call` has come.
    fn read_for_all(&self, call: &Call, mut reader: Reader) -> Option<Broken> {
        lock(&call.mailbox).waiting = false;
        while lock(&call.mailbox).messages.is_empty() {
            match reader.0.next(&self.socket) {
                Ok(frame) => {
                    if let Err(broken) = self.deliver(frame) {
                        return Some(broken);
                    }
                }
                Err(broken) => return Some(broken),
            }
        }
        let mut state = self.lock();
        state.reader = Some(reader);
        // A call alone takes the reader up again itself.
        if state.calls.len() > 1 {
            pass_on(&state);
        }
        None
    }

    fn deliver(&self, frame: Frame<'_>) -> Result<(), Broken> {
        let Header { id, kind, .. } = frame.header;
        match Kind::of(kind) {
            Some(Kind::Events) => {
                self.deliver_events(&frame.payload);
                self.lock().last_batch = id;
            }
            Some(Kind::Result | Kind::Loaded) => {
                self.post(id, Message::Done(Ok(frame.payload.into_owned())));
            }
            Some(Kind::Error) => self.post(id, Message::Done(Err(PluginError::from_json(&frame.payload)))),
            Some(Kind::Call) => {
                let invocation = ServiceCall::decode(&frame.payload).map(|call| call.invocation);
                let too_short = || Broken::Malformed("a service call that is cut short".to_owned());
                let invocation = invocation.ok_or_else(too_short)?;
                self.post(invocation, Message::Service(id, frame.payload.into_owned()));
            }
            Some(Kind::Unsupported) => {
                let unsupported = serde_json::from_slice::<Unsupported>(&frame.payload);
                let what = unsupported.map_or_else(
                    |_| "a frame".to_owned(),
                    |what| format!("frames of kind {} (it speaks {})", what.kind, what.protocol),
                );
                let message = format!("the worker does not know {what}");
                let error = PluginError::new(synapse_sdk::ErrorKind::Unsupported, message);
                self.post(
                    id,
                    Message::Done(Err(error.hint("use synapse and synapse-worker of one installation"))),
                );
            }
            Some(Kind::Ping) => drop(self.send(Kind::Pong, id, &[&frame.payload])),
            Some(Kind::Pong) => {}
            // Whoever writes these by accident is no worker of this protocol.
            Some(other) => return Err(Broken::Malformed(format!("a {} frame from a worker", other.name()))),
            None => drop(self.send(Kind::Unsupported, id, &[&Unsupported::of(kind).encode()])),
        }
        Ok(())
    }

    /// Hands events to the calls they belong to.
    pub(super) fn deliver_events(&self, batch: &[u8]) {
        let mut known: Option<Arc<Call>> = None;
        for (invocation, event) in events(batch) {
            if known.as_ref().is_none_or(|call| call.id != invocation) {
                known = self.lock().calls.get(&invocation).cloned();
            }
            let Some(call) = &known else { continue };
            call.note_progress(&event);
            if call.stream.push_without_waiting(event) {
                self.pause(call);
            }
        }
    }

    /// The listener of this call is slow: its action waits, and nobody else.
    fn pause(&self, call: &Call) {
        let (link, id) = (self.this.clone(), call.id);
        let resume = move || {
            if let Some(link) = link.upgrade() {
                // A worker that is gone needs no word any more.
                let _ = link.send(Kind::Resume, id, &[]);
            }
        };
        // In this order: the other word must not come before this one.
        let _ = self.send(Kind::Pause, id, &[]);
        call.stream.on_room(Box::new(resume));
    }

    /// The number of the last batch of events that came whole.
    pub(super) fn last_batch(&self) -> u64 {
        self.lock().last_batch
    }

    /// No more calls, and all that wait are told.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.gone = true;
        state.reader = None;
        for call in state.calls.values() {
            call.post(Message::Gone);
        }
        drop(state);
        self.room.notify_all();
    }

    fn post(&self, id: u64, message: Message) {
        let call = self.lock().calls.get(&id).cloned();
        if let Some(call) = call {
            call.post(message);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// Asks one of those who wait to read.
fn pass_on(state: &State) {
    state.calls.values().any(|call| call.ask_to_read());
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
