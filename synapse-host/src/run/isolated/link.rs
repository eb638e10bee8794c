//! The host's end of the connection to a worker.
//!
//! Threads that wait for answers take turns at reading: the first one reads
//! frames for all until its own answer has come, then the next does. Who is asked
//! to read and has got an answer meanwhile asks another one: it may not wait again.
//! A call that is alone at its worker is woken by the worker itself.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError, Weak};

use synapse_sdk::PluginError;
use synapse_sdk::abi::host_side::answer_service;
use synapse_sdk::errors::Result;
use synapse_sdk::events::{Event, EventBody};
use synapse_sdk::services::Services;

use crate::run::stream::Stream;
use crate::worker::event_codec::{self, Entry, entries};
use crate::worker::frame::{Broken, Frame, FrameReader, Header, MAX_PAYLOAD};
use crate::worker::protocol::{Hello, Kind, ServiceCall, Unsupported, malformed};
use crate::worker::socket::Socket;

/// A call that waits for its answer.
pub(in crate::run) struct Call {
    pub(in crate::run) id: u64,
    receiver: Receiver,
    mailbox: Mutex<Mailbox>,
    wake: Condvar,
    progress: Mutex<Option<LastProgress>>,
}

/// Who gets what comes for a call.
pub(in crate::run) enum Receiver {
    /// A run, which is one invocation.
    Run(Arc<Stream>),
    /// Invocations in order: all that they report comes as messages.
    Queue(Arc<dyn QueueListener>),
}

/// Who listens to invocations in order.
pub(crate) trait QueueListener: Send + Sync {
    /// Whether such an event is wanted at all.
    fn wants(&self, event: &Event<'_>) -> bool;

    /// Takes what the worker prints. Called on another thread, and may wait.
    fn printed(&self, event: Event<'_>);
}

impl Receiver {
    /// How many ids a call has, from its own on.
    fn ids(&self) -> u64 {
        match self {
            Self::Run(_) => 1,
            Self::Queue(_) => 1 << 40,
        }
    }
}

/// The last step that reported, and its percent.
#[derive(Clone)]
pub(in crate::run) struct LastProgress {
    pub(in crate::run) invocation: u64,
    pub(in crate::run) step: String,
    pub(in crate::run) percent: f64,
}

#[derive(Default)]
struct Mailbox {
    messages: VecDeque<Message>,
    /// May be asked to read.
    waiting: bool,
    /// Nobody reads: it may be its turn.
    asked: bool,
    /// Has to be woken.
    asleep: bool,
}

impl Mailbox {
    /// True when its owner has to be woken.
    fn put(&mut self, message: Message) -> bool {
        self.messages.push_back(message);
        std::mem::take(&mut self.asleep)
    }

    /// True when it can be asked to read, and its owner has to be woken if it sleeps.
    fn ask(&mut self) -> bool {
        let waiting = std::mem::take(&mut self.waiting);
        self.asked |= waiting;
        waiting
    }
}

/// What a waiting call is told.
pub(in crate::run) enum Message {
    /// What it asked for is done, or failed.
    Done(Result<Vec<u8>>),
    /// One of its invocations in order has ended.
    Ended(u64, QueuedEnd),
    /// One of its invocations in order has reported something.
    Event(Event<'static>),
    /// Its action asks for a service: number and payload.
    Service(u64, Vec<u8>),
    /// It was this call that found the connection broken.
    Broken(Broken),
    /// The worker is gone, and what is known of its end was noted.
    Gone,
}

/// How an invocation ended that runs in order.
pub(in crate::run) enum QueuedEnd {
    Done(Result<Vec<u8>>),
    /// It was called back.
    NotBegun,
}

impl Call {
    /// What the last step reported.
    pub(in crate::run) fn progress(&self) -> Option<LastProgress> {
        lock(&self.progress).clone()
    }

    /// Takes an event that is no frame of the worker's.
    pub(in crate::run) fn push(&self, event: Event<'_>) {
        match &self.receiver {
            Receiver::Run(stream) => stream.push(event),
            Receiver::Queue(listener) => listener.printed(event),
        }
    }

    fn has(&self, id: u64) -> bool {
        id.checked_sub(self.id).is_some_and(|offset| offset < self.receiver.ids())
    }

    fn done(&self, id: u64, result: Result<Vec<u8>>) {
        self.post(match &self.receiver {
            Receiver::Queue(_) if id != self.id => Message::Ended(id, QueuedEnd::Done(result)),
            _ => Message::Done(result),
        });
    }

    fn ended(&self, id: u64, end: event_codec::End, bytes: &[u8]) {
        let end = match end {
            event_codec::End::Result => QueuedEnd::Done(Ok(bytes.to_vec())),
            event_codec::End::Error => QueuedEnd::Done(Err(PluginError::from_json(bytes))),
            event_codec::End::NotBegun => QueuedEnd::NotBegun,
        };
        self.post(Message::Ended(id, end));
    }

    fn post(&self, message: Message) {
        if lock(&self.mailbox).put(message) {
            self.wake.notify_one();
        }
    }

    /// What has come, and whether this call was asked to read.
    fn take(&self) -> (Option<Message>, bool) {
        let mut mailbox = lock(&self.mailbox);
        mailbox.waiting = false;
        (mailbox.messages.pop_front(), std::mem::take(&mut mailbox.asked))
    }

    /// True when there is nothing yet; from now on this call may be asked to read.
    fn announce(&self) -> bool {
        let mut mailbox = lock(&self.mailbox);
        mailbox.waiting = mailbox.messages.is_empty();
        mailbox.waiting
    }

    fn ask_to_read(&self) -> bool {
        let mut mailbox = lock(&self.mailbox);
        let asked = mailbox.ask();
        if asked && std::mem::take(&mut mailbox.asleep) {
            self.wake.notify_one();
        }
        asked
    }

    fn sleep(&self) {
        let mut mailbox = lock(&self.mailbox);
        while mailbox.messages.is_empty() && !mailbox.asked {
            mailbox.asleep = true;
            mailbox = self.wake.wait(mailbox).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn note_progress(&self, invocation: u64, event: &Event<'_>) {
        if let EventBody::Progress(progress) = &event.body {
            let (step, percent) = (event.step.as_deref().unwrap_or_default(), progress.percent);
            match &mut *lock(&self.progress) {
                Some(last) if last.step == step => (last.invocation, last.percent) = (invocation, percent),
                slot => *slot = Some(LastProgress { invocation, step: step.to_owned(), percent }),
            }
        }
    }
}

/// The connection.
pub(in crate::run) struct Link {
    socket: Socket,
    writing: Mutex<()>,
    /// Short frames that go before all others, sent by whoever writes next.
    urgent: Mutex<Vec<u8>>,
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
    pub(in crate::run) fn greet(socket: Socket) -> Result<Arc<Self>> {
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
            urgent: Mutex::default(),
            state: Mutex::new(state),
            room: Condvar::new(),
            limits,
            this: this.clone(),
        }))
    }

    /// What was sent so far can still be read; then comes the end.
    pub(in crate::run) fn end_reading(&self) {
        self.socket.end_reading();
    }

    /// A call about to be sent; waits while the worker has as many as it
    /// takes. `None` when the worker is gone.
    pub(in crate::run) fn begin(&self, receiver: Receiver) -> Option<Arc<Call>> {
        let mut state = self.lock();
        while state.calls.len() >= self.most_outstanding() && !state.gone {
            state = self.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.gone {
            return None;
        }
        let id = state.next;
        state.next += receiver.ids();
        let call = Arc::new(Call {
            id,
            receiver,
            mailbox: Mutex::default(),
            wake: Condvar::new(),
            progress: Mutex::default(),
        });
        state.calls.insert(id, Arc::clone(&call));
        Some(call)
    }

    /// The call needs nothing more from here.
    pub(in crate::run) fn finish(&self, call: &Call) {
        let mut state = self.lock();
        let full = state.calls.len() >= self.most_outstanding();
        state.calls.remove(&call.id);
        state.pass_on();
        drop(state);
        if full {
            self.room.notify_one();
        }
    }

    /// The call that was begun last: what the worker prints is taken for its.
    pub(in crate::run) fn latest(&self) -> Option<Arc<Call>> {
        self.lock().calls.last_key_value().map(|(_, call)| Arc::clone(call))
    }

    /// # Errors
    /// The worker is gone.
    pub(in crate::run) fn send(&self, kind: Kind, id: u64, parts: &[&[u8]]) -> io::Result<()> {
        self.send_flagged(kind, 0, id, parts)
    }

    /// # Errors
    /// The worker is gone.
    pub(in crate::run) fn send_flagged(
        &self,
        kind: Kind,
        flags: u16,
        id: u64,
        parts: &[&[u8]],
    ) -> io::Result<()> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length > self.max_payload() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let header = Header::new(kind, flags, id, length).bytes();
        let mut frame: Vec<&[u8]> = Vec::with_capacity(4);
        frame.push(&header);
        frame.extend(parts);
        self.send_frames(&frame)
    }

    /// Sends frames that were put together elsewhere.
    ///
    /// # Errors
    /// The worker is gone.
    pub(in crate::run) fn send_frames(&self, parts: &[&[u8]]) -> io::Result<()> {
        let sent = {
            let _alone = lock(&self.writing);
            let urgent = std::mem::take(&mut *lock(&self.urgent));
            let before = if urgent.is_empty() { Ok(()) } else { self.socket.send_all(&[&urgent]) };
            before.and_then(|()| self.socket.send_all(parts))
        };
        self.send_urgent();
        sent
    }

    /// Answers the question `number` of an action.
    pub(in crate::run) fn answer(&self, number: u64, payload: &[u8], services: &dyn Services) {
        let Some(call) = ServiceCall::decode(payload) else { return };
        let (status, bytes) = answer_service(services, call.service, call.request, call.body);
        // A worker that is gone is noticed by the next wait.
        let _ = self.send(Kind::Answer, number, &[&status.to_le_bytes(), &bytes]);
    }

    /// Sends short frames without waiting, also when the worker reads nothing
    /// or another thread is sending: then they go with what is sent next.
    pub(in crate::run) fn send_soon(&self, kind: Kind, ids: impl IntoIterator<Item = u64>) {
        lock(&self.urgent).extend(ids.into_iter().flat_map(|id| Header::new(kind, 0, id, 0).bytes()));
        self.send_urgent();
    }

    /// Whoever holds the lock calls this after letting go of it, so nothing is
    /// left behind.
    fn send_urgent(&self) {
        while !lock(&self.urgent).is_empty() {
            let _alone = match self.writing.try_lock() {
                Ok(alone) => alone,
                Err(TryLockError::Poisoned(alone)) => alone.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            let mut urgent = lock(&self.urgent);
            // A worker that is gone needs no word any more.
            let Ok(sent) = self.socket.try_send(&urgent) else { return };
            urgent.drain(..sent);
        }
    }

    /// The longest payload that the worker takes.
    pub(in crate::run) fn max_payload(&self) -> usize {
        self.limits.max_payload.min(MAX_PAYLOAD)
    }

    /// How many invocations the worker takes before one of them has ended.
    pub(in crate::run) fn most_outstanding(&self) -> usize {
        self.limits.max_outstanding.max(1)
    }

    /// Waits for what comes next for `call`, reading for all if nobody does.
    pub(in crate::run) fn wait(&self, call: &Call) -> Message {
        loop {
            match call.take() {
                (Some(message), asked) => {
                    if asked {
                        self.lock().pass_on();
                    }
                    return message;
                }
                (None, _) if call.announce() => {
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
                (None, _) => {}
            }
        }
    }

    /// Reads until something for `call` has come.
    fn read_for_all(&self, call: &Call, mut reader: Reader) -> Option<Broken> {
        let mut mailbox = lock(&call.mailbox);
        (mailbox.waiting, mailbox.asked) = (false, false);
        drop(mailbox);
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
            state.pass_on();
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
            Some(Kind::Result | Kind::Loaded) => self.done(id, Ok(frame.payload.into_owned())),
            Some(Kind::Error) => self.done(id, Err(PluginError::from_json(&frame.payload))),
            Some(Kind::Call) => {
                let invocation = ServiceCall::decode(&frame.payload).map(|call| call.invocation);
                let too_short = || Broken::Malformed("a service call that is cut short".to_owned());
                let invocation = invocation.ok_or_else(too_short)?;
                if let Some(call) = self.call(invocation) {
                    call.post(Message::Service(id, frame.payload.into_owned()));
                }
            }
            Some(Kind::Unsupported) => {
                let unsupported = serde_json::from_slice::<Unsupported>(&frame.payload);
                let what = unsupported.map_or_else(
                    |_| "a frame".to_owned(),
                    |what| format!("frames of kind {} (it speaks {})", what.kind, what.protocol),
                );
                let message = format!("the worker does not know {what}");
                let error = PluginError::new(synapse_sdk::ErrorKind::Unsupported, message);
                self.done(id, Err(error.hint("use synapse and synapse-worker of one installation")));
            }
            Some(Kind::Ping) => drop(self.send(Kind::Pong, id, &[&frame.payload])),
            Some(Kind::Pong) => {}
            // Whoever writes these by accident is no worker of this protocol.
            Some(other) => return Err(Broken::Malformed(format!("a {} frame from a worker", other.name()))),
            None => drop(self.send(Kind::Unsupported, id, &[&Unsupported::of(kind).encode()])),
        }
        Ok(())
    }

    /// Hands what lies in a batch to the calls it belongs to.
    pub(in crate::run) fn deliver_events(&self, batch: &[u8]) {
        let mut known: Option<Arc<Call>> = None;
        for (invocation, entry) in entries(batch) {
            if known.as_ref().is_none_or(|call| !call.has(invocation)) {
                known = self.call(invocation);
            }
            let Some(call) = &known else { continue };
            match entry {
                Entry::Event(event) => self.deliver_event(call, invocation, event),
                Entry::End(end, bytes) => call.ended(invocation, end, bytes),
            }
        }
    }

    fn deliver_event(&self, call: &Arc<Call>, invocation: u64, event: Event<'_>) {
        call.note_progress(invocation, &event);
        match &call.receiver {
            Receiver::Run(stream) => {
                if stream.push_without_waiting(event) {
                    self.pause(call, stream);
                }
            }
            Receiver::Queue(listener) if listener.wants(&event) => {
                call.post(Message::Event(event.into_owned()));
            }
            Receiver::Queue(_) => {}
        }
    }

    /// The listener of this call is slow: its action waits, and nobody else.
    fn pause(&self, call: &Call, stream: &Stream) {
        let (link, id) = (self.this.clone(), call.id);
        let resume = move || {
            if let Some(link) = link.upgrade() {
                // A worker that is gone needs no word any more.
                let _ = link.send(Kind::Resume, id, &[]);
            }
        };
        // In this order: the other word must not come before this one.
        let _ = self.send(Kind::Pause, id, &[]);
        stream.on_room(Box::new(resume));
    }

    /// The number of the last batch of events that came whole.
    pub(in crate::run) fn last_batch(&self) -> u64 {
        self.lock().last_batch
    }

    /// Whether it has ended.
    pub(in crate::run) fn is_gone(&self) -> bool {
        self.lock().gone
    }

    /// No more calls, and all that wait are told.
    pub(in crate::run) fn close(&self) {
        let mut state = self.lock();
        state.gone = true;
        state.reader = None;
        for call in state.calls.values() {
            call.post(Message::Gone);
        }
        drop(state);
        self.room.notify_all();
    }

    fn done(&self, id: u64, result: Result<Vec<u8>>) {
        if let Some(call) = self.call(id) {
            call.done(id, result);
        }
    }

    /// The call that an id belongs to.
    fn call(&self, id: u64) -> Option<Arc<Call>> {
        let state = self.lock();
        let (_, call) = state.calls.range(..=id).next_back()?;
        call.has(id).then(|| Arc::clone(call))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    /// Asks one of those who wait to read, if nobody does.
    fn pass_on(&self) {
        if self.reader.is_some() {
            self.calls.values().any(|call| call.ask_to_read());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
