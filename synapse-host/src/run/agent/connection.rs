//! One host's connection to an agent.
//!
//! Threads take turns, as in a worker: one reads frames and runs the invocation
//! it has read, and another reads on once that takes longer than a moment. When all
//! that there may be are busy, what is read waits for one of them: somebody has to
//! read what the others wait for.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use synapse_sdk::errors::{Result, ResultExt};
use synapse_sdk::events::Event;
use synapse_sdk::{Env, ErrorKind, PluginError};

use super::lane::Lane;
use super::place::{Place, run_away};
use super::remote::Remote;
use crate::plugin::Plugin;
use crate::run::folder::SharedFolder;
use crate::run::isolated::{IsolatedRun, Limits, Parts, Stopper};
use crate::run::request::Resources;
use crate::run::stream::Stream;
use crate::worker::event_codec::{End, encode, encode_end, encoded_size, end_size};
use crate::worker::frame::{Frame, FrameReader, Header};
use crate::worker::host_services::HostServices;
use crate::worker::protocol::{
    END_WORKER, Hello, IN_ORDER, Kind, Loaded, STRICT_RESULT, ServiceCall, Unsupported, malformed,
    read_answer, read_invoke,
};
use crate::worker::socket::Socket;

/// Events wait this long for others to be sent with, and an invocation runs
/// this long before another thread is asked to read.
const PAUSE: Duration = Duration::from_millis(1);
/// Unless there are so many bytes of them.
const PLENTY: usize = 128 << 10;
/// After so many pauses with nothing to do their thread sleeps.
const QUIET: u32 = 50;
/// Threads of a connection that run something; one more reads.
const THREADS: usize = 256;
/// Threads that wait for a turn.
const SPARE: usize = 4;
/// What a host that is gone had running may take so long to stop.
const GRACE: Duration = Duration::from_secs(5);

/// What a host says of all its calls.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct AgentLoad {
    /// Variables of the runs, which go before those of the machine.
    pub(crate) env: Env,
    /// Memory and open files of a worker. Processors are the cluster's matter.
    pub(crate) resources: Resources,
    /// What the runs share with others of their pipeline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) folder: Option<SharedFolder>,
}

/// What workers of this connection are started for.
pub(super) struct Setup {
    pub(super) env: Arc<Env>,
    pub(super) limits: Limits,
    folder: Place,
}

pub(super) struct Connection {
    socket: Socket,
    pub(super) plugin: Plugin,
    /// The address of this node.
    node: IpAddr,
    pub(super) setup: OnceLock<Setup>,
    /// What runs in order.
    pub(super) lane: Lane,
    /// Held while frames are sent, so that they do not mix. Taken before `pending`.
    sending: Mutex<()>,
    pending: Mutex<Pending>,
    stir: Condvar,
    calls: Mutex<HashMap<u64, Call>>,
    questions: Mutex<Questions>,
    turns: Mutex<Turns>,
    turn: Condvar,
}

/// Events that are not sent yet.
#[derive(Default)]
struct Pending {
    bytes: Vec<u8>,
    batch: u64,
    /// How many invocations have begun.
    begun: u64,
    asleep: bool,
    closed: bool,
}

struct Call {
    remote: Arc<Remote>,
    stopper: Arc<Stopper>,
}

/// Services that the host was asked for.
#[derive(Default)]
struct Questions {
    next: u64,
    waiting: HashMap<u64, SyncSender<(i32, Vec<u8>)>>,
    closed: bool,
}

struct Turns {
    reader: Option<FrameReader>,
    /// What waits for a thread.
    queue: VecDeque<Task>,
    idle: usize,
    threads: usize,
    read: u64,
    closed: bool,
}

/// Something to be run.
struct Task {
    id: u64,
    kind: Kind,
    run: IsolatedRun,
    /// The params as the host wrote them, where its files are not here.
    named: Option<Arc<str>>,
}

impl Connection {
    /// Serves the host until it is gone.
    pub(super) fn serve(socket: Socket, plugin: Plugin, node: IpAddr) {
        let mut reader = FrameReader::new();
        if greet(&socket, &mut reader).is_err() {
            return;
        }
        let connection = Arc::new(Self {
            socket,
            plugin,
            node,
            setup: OnceLock::new(),
            lane: Lane::default(),
            sending: Mutex::default(),
            pending: Mutex::default(),
            stir: Condvar::new(),
            calls: Mutex::default(),
            questions: Mutex::default(),
            turns: Mutex::new(Turns {
                reader: Some(reader),
                queue: VecDeque::new(),
                idle: 0,
                threads: 1,
                read: 0,
                closed: false,
            }),
            turn: Condvar::new(),
        });
        let ticking = Arc::clone(&connection);
        let ticks = thread::Builder::new().name("events".into()).spawn(move || ticking.keep_sending());
        connection.take_turns();
        // Where others still read, this thread has nothing more to do; whoever
        // asks how long nobody was here wants to know the end of all.
        if let Ok(ticks) = ticks {
            let _ = ticks.join();
        }
    }

    /// A thread's life.
    fn take_turns(self: &Arc<Self>) {
        let mut turns = lock(&self.turns);
        loop {
            if let Some(task) = turns.queue.pop_front() {
                drop(turns);
                self.run(&task);
                turns = lock(&self.turns);
            } else if turns.closed || (turns.reader.is_none() && turns.idle >= SPARE) {
                turns.threads -= 1;
                return;
            } else if let Some(reader) = turns.reader.take() {
                drop(turns);
                match self.read_on(reader) {
                    Some(task) => {
                        self.note_begin();
                        self.run(&task);
                    }
                    None => self.close(),
                }
                turns = lock(&self.turns);
            } else {
                turns.idle += 1;
                turns = self.turn.wait(turns).unwrap_or_else(PoisonError::into_inner);
                turns.idle -= 1;
            }
        }
    }

    /// Reads until there is something for this thread to run, while another one
    /// could read. `None` when the host is gone.
    fn read_on(self: &Arc<Self>, mut reader: FrameReader) -> Option<Task> {
        loop {
            let (back, task) = self.read(reader)?;
            let mut turns = lock(&self.turns);
            turns.read += 1;
            if turns.idle > 0 || turns.threads <= THREADS {
                turns.reader = Some(back);
                return Some(task);
            }
            turns.queue.push_back(task);
            reader = back;
        }
    }

    /// Lets another thread read, if nobody does.
    fn find_reader(self: &Arc<Self>, mut turns: MutexGuard<'_, Turns>) {
        if turns.reader.is_none() || turns.closed {
            return;
        }
        if turns.idle > 0 {
            drop(turns);
            self.turn.notify_one();
        } else if turns.threads <= THREADS {
            let connection = Arc::clone(self);
            let builder = thread::Builder::new().name("invocation".into());
            // When the system gives none, the next look tries again.
            turns.threads += usize::from(builder.spawn(move || connection.take_turns()).is_ok());
        }
    }

    fn look_after_reading(self: &Arc<Self>, last: &mut u64) {
        let turns = lock(&self.turns);
        let before = std::mem::replace(last, turns.read);
        if turns.read == before {
            self.find_reader(turns);
        }
    }

    /// Reads until something is to be run; does all else on the way. `None`
    /// when the host is gone.
    fn read(self: &Arc<Self>, mut reader: FrameReader) -> Option<(FrameReader, Task)> {
        loop {
            let frame = reader.next(&self.socket).ok()?;
            let task = self.take(frame);
            // What came together goes on together.
            if task.is_some() || !reader.has_more() {
                self.lane.stir();
            }
            if let Some(task) = task {
                return Some((reader, task));
            }
        }
    }

    fn take(self: &Arc<Self>, frame: Frame<'_>) -> Option<Task> {
        let Header { id, kind, flags, .. } = frame.header;
        match Kind::of(kind) {
            Some(Kind::Load) => self.load(id, &frame.payload),
            Some(Kind::Invoke) if flags & IN_ORDER != 0 => {
                self.queue(id, flags, frame.payload.into_owned());
            }
            Some(kind @ (Kind::Invoke | Kind::Validate)) => match self.accept(id, flags, &frame.payload) {
                Ok((run, named)) => return Some(Task { id, kind, run, named }),
                Err(error) => self.reply(Kind::Result, id, Err(error)),
            },
            Some(Kind::Cancel) => {
                self.cancel_in_order(id, flags & END_WORKER != 0);
                self.with_call(id, |call| {
                    call.stopper.cancel();
                    if flags & END_WORKER != 0 {
                        call.stopper.kill(false);
                    }
                });
            }
            Some(Kind::Recall) => self.recall(),
            Some(kind @ (Kind::Pause | Kind::Resume)) => {
                self.lane.tell(kind, id);
                self.with_call(id, |call| match kind {
                    Kind::Pause => call.remote.pause(),
                    _ => call.remote.resume(),
                });
            }
            Some(Kind::Answer) => {
                let waiting = lock(&self.questions).waiting.remove(&id);
                if let (Some((status, bytes)), Some(waiting)) = (read_answer(&frame.payload), waiting) {
                    // Who asked may have given up.
                    let _ = waiting.send((status, bytes.to_vec()));
                }
            }
            Some(Kind::Ping) => self.send(Kind::Pong, id, &[&frame.payload]),
            Some(Kind::Pong | Kind::Unsupported) => {}
            _ => self.send(Kind::Unsupported, id, &[&Unsupported::of(kind).encode()]),
        }
        None
    }

    fn with_call(&self, id: u64, work: impl FnOnce(&Call)) {
        // One that has ended needs nothing any more.
        if let Some(call) = lock(&self.calls).get(&id) {
            work(call);
        }
    }

    fn load(&self, id: u64, payload: &[u8]) {
        let loaded = || -> Result<Vec<u8>> {
            let load: AgentLoad = serde_json::from_slice(payload).context("a load frame cannot be read")?;
            let limits = Limits::of(&load.resources)?;
            let folder = Place::of(load.folder, self.node)?;
            let env = Arc::new(folder.env(load.env));
            if self.setup.set(Setup { env, limits, folder }).is_err() {
                return Err(PluginError::new(ErrorKind::Usage, "this connection has been set up already"));
            }
            let plugin = self.plugin.config().code.clone();
            Ok(serde_json::to_vec(&Loaded { plugin, ..Loaded::default() })?)
        };
        self.reply(Kind::Loaded, id, loaded());
    }

    pub(super) fn place(&self) -> &Place {
        self.setup.get().map_or(&Place::Nowhere, |setup| &setup.folder)
    }

    pub(super) fn reply(&self, kind: Kind, id: u64, done: Result<Vec<u8>>) {
        match done {
            Ok(payload) => self.send(kind, id, &[&payload]),
            Err(error) => self.send(Kind::Error, id, &[&error.to_json_bytes()]),
        }
    }

    /// # Errors
    /// The host has not said it yet.
    pub(super) fn setup(&self) -> Result<&Setup> {
        self.setup.get().ok_or_else(|| PluginError::new(ErrorKind::Usage, "no load frame came before"))
    }

    /// An invocation, which can be stopped from now on, and what the host wrote where its files are not here.
    fn accept(
        self: &Arc<Self>,
        id: u64,
        flags: u16,
        payload: &[u8],
    ) -> Result<(IsolatedRun, Option<Arc<str>>)> {
        let setup = self.setup()?;
        let (action, params) = read_invoke(payload)?;
        let params =
            std::str::from_utf8(params).map_err(|_| malformed("invoke", "the params are no UTF-8"))?;
        let (params, named) = match &setup.folder {
            Place::Away(mirror) => {
                let here = mirror.folder().in_terms_of(mirror.root(), params.to_owned());
                (here.into(), Some(params.into()))
            }
            _ => (params.into(), None),
        };
        let remote = Arc::new(Remote::new(id, self));
        let run = IsolatedRun::of(Parts {
            plugin: self.plugin.clone(),
            action: action.to_owned(),
            params,
            strict_result: flags & STRICT_RESULT != 0,
            env: Arc::clone(&setup.env),
            limits: setup.limits.clone(),
            services: Arc::clone(&remote) as _,
            stream: Arc::new(Stream::into_sink(Arc::clone(&remote) as _)),
        });
        lock(&self.calls).insert(id, Call { remote, stopper: run.stopper() });
        Ok((run, named))
    }

    fn run(self: &Arc<Self>, task: &Task) {
        let done = self.perform(task);
        lock(&self.calls).remove(&task.id);
        if done.is_err() && super::is_ending() {
            // The host sees the end of the connection, which says what happened.
            return;
        }
        self.reply(Kind::Result, task.id, done.map(String::into_bytes));
    }

    fn perform(self: &Arc<Self>, task: &Task) -> Result<String> {
        if task.run.is_cancelled() || lock(&self.turns).closed {
            return Err(PluginError::cancelled());
        }
        match task.kind {
            Kind::Validate => task.run.validate().map(|()| "null".to_owned()),
            _ => match (self.place(), &task.named) {
                (Place::Away(mirror), Some(named)) => {
                    run_away(mirror, named, &HostServices::new(task.id, Arc::clone(self)), &task.run)
                }
                _ => task.run.execute(),
            },
        }
    }

    /// Asks the host for a service.
    ///
    /// # Errors
    /// The host is gone.
    pub(super) fn ask(
        self: &Arc<Self>,
        invocation: u64,
        service: &str,
        request: &[u8],
        body: &[u8],
    ) -> Result<(i32, Vec<u8>)> {
        let gone = || PluginError::new(ErrorKind::Remote, "the host of this run is gone");
        let (sender, answer) = sync_channel(1);
        let number = {
            let mut questions = lock(&self.questions);
            if questions.closed {
                return Err(gone());
            }
            questions.next += 1;
            let number = questions.next;
            questions.waiting.insert(number, sender);
            number
        };
        let call = ServiceCall { invocation, service, request, body };
        self.send(Kind::Call, number, &[&call.head(), body]);
        self.find_reader(lock(&self.turns));
        answer.recv().map_err(|_| gone())
    }

    /// Takes an event of an invocation, to be sent soon.
    pub(super) fn event(&self, invocation: u64, event: &Event<'_>) {
        if self.append(encoded_size(event), |into| encode(invocation, event, into)) {
            self.flush();
        }
    }

    /// Takes the end of an invocation in order, to be sent as events are.
    pub(super) fn end(&self, invocation: u64, end: End, bytes: &[u8]) {
        if self.end_later(invocation, end, bytes) {
            self.flush();
        }
    }

    /// As [`end`](Self::end), for who must not wait. True when there is plenty to be sent.
    pub(super) fn end_later(&self, invocation: u64, end: End, bytes: &[u8]) -> bool {
        self.append(end_size(bytes.len()), |into| encode_end(invocation, end, bytes, into))
    }

    /// True when there is plenty to be sent.
    fn append(&self, size: usize, write: impl FnOnce(&mut [u8])) -> bool {
        let mut pending = lock(&self.pending);
        if pending.closed {
            return false;
        }
        let at = pending.bytes.len();
        pending.bytes.resize(at + size, 0);
        write(&mut pending.bytes[at..]);
        let wakes = std::mem::take(&mut pending.asleep);
        drop(pending);
        if wakes {
            self.stir.notify_one();
        }
        at + size >= PLENTY
    }

    fn flush(&self) {
        self.send_frame(&[]);
    }

    /// Sends a frame whose payload is `parts`, after all events so far.
    fn send(&self, kind: Kind, id: u64, parts: &[&[u8]]) {
        let length = parts.iter().map(|part| part.len()).sum();
        let header = Header::new(kind, 0, id, length).bytes();
        let mut frame: Vec<&[u8]> = Vec::with_capacity(3);
        frame.push(&header);
        frame.extend(parts);
        self.send_frame(&frame);
    }

    fn send_frame(&self, frame: &[&[u8]]) {
        let _alone = lock(&self.sending);
        let (events, batch) = {
            let mut pending = lock(&self.pending);
            let events = std::mem::take(&mut pending.bytes);
            pending.batch += u64::from(!events.is_empty());
            (events, pending.batch)
        };
        let head = Header::new(Kind::Events, 0, batch, events.len()).bytes();
        let mut all: Vec<&[u8]> = Vec::with_capacity(5);
        if !events.is_empty() {
            all.extend([&head[..], &events]);
        }
        all.extend(frame);
        if !all.is_empty() && self.socket.send_all(&all).is_err() {
            // Whoever reads notices the end.
            self.socket.end_reading();
        }
    }

    fn note_begin(&self) {
        let mut pending = lock(&self.pending);
        pending.begun += 1;
        let wakes = std::mem::take(&mut pending.asleep);
        drop(pending);
        if wakes {
            self.stir.notify_one();
        }
    }

    /// Sends events as they come, until the host is gone.
    fn keep_sending(self: &Arc<Self>) {
        let (mut quiet, mut seen, mut last) = (0, 0, 0);
        loop {
            let mut pending = lock(&self.pending);
            if pending.closed {
                return;
            }
            let busy = !pending.bytes.is_empty() || pending.begun != seen;
            seen = pending.begun;
            quiet = if busy { 0 } else { quiet + 1 };
            if quiet > QUIET {
                pending.asleep = true;
                drop(self.stir.wait(pending).unwrap_or_else(PoisonError::into_inner));
                quiet = 0;
                continue;
            }
            pending = self.stir.wait_timeout(pending, PAUSE).unwrap_or_else(PoisonError::into_inner).0;
            let some = !pending.bytes.is_empty();
            drop(pending);
            if some {
                self.flush();
            }
            self.look_after_reading(&mut last);
        }
    }

    /// The host is gone: what it had running is stopped.
    fn close(self: &Arc<Self>) {
        let mut turns = lock(&self.turns);
        turns.closed = true;
        let unwanted = std::mem::take(&mut turns.queue);
        drop(turns);
        unwanted.iter().for_each(|task| drop(lock(&self.calls).remove(&task.id)));
        self.turn.notify_all();
        let mut questions = lock(&self.questions);
        questions.closed = true;
        questions.waiting.clear();
        drop(questions);
        let mut pending = lock(&self.pending);
        pending.closed = true;
        pending.bytes.clear();
        drop(pending);
        self.stir.notify_all();
        let stoppers: Vec<_> = lock(&self.calls)
            .values()
            .map(|call| {
                call.remote.resume();
                Arc::clone(&call.stopper)
            })
            .collect();
        stoppers.iter().for_each(|stopper| stopper.cancel());
        let is_busy = self.lane.close();
        let connection = Arc::clone(self);
        let end_the_rest = move || {
            thread::sleep(GRACE);
            lock(&connection.calls).values().for_each(|call| call.stopper.kill(false));
            connection.lane.end_worker();
        };
        if is_busy || !stoppers.is_empty() {
            // When the system gives no thread, the action ends by itself.
            let _ = thread::Builder::new().name("stopping".into()).spawn(end_the_rest);
        }
    }
}

fn greet(socket: &Socket, reader: &mut FrameReader) -> Result<()> {
    let greeting = reader.next(socket).map_err(|broken| malformed("hello", &broken.to_string()))?;
    let greeted = match Kind::of(greeting.header.kind) {
        Some(Kind::Hello) => Hello::decode(&greeting.payload),
        _ => Err(malformed("hello", "another one came first")),
    };
    let (kind, payload) = match &greeted {
        Ok(_) => (Kind::Hello, Hello::default().encode()?),
        Err(error) => (Kind::Error, error.to_json_bytes()),
    };
    socket.send_all(&[&Header::new(kind, 0, 0, payload.len()).bytes(), &payload])?;
    greeted.map(drop)
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
