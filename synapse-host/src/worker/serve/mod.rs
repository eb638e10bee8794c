//! `synapse-worker serve`: runs the actions of one plugin for a host.
//!
//! Threads take turns. One reads frames and runs the invocation that it reads
//! itself: a short one then wakes no other thread. While it runs, reading is
//! left to whoever has time. That is another thread as soon as the invocation
//! takes longer, as it needs an answer of the host, or as more frames are
//! there already. One more thread sends events and sees to that.

mod job;
mod lane;
mod outbox;
pub(in crate::worker) mod process;

use std::collections::{HashMap, VecDeque};
use std::os::fd::RawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use synapse_sdk::abi::host_side::Job;
use synapse_sdk::action::{Check, Checks};
use synapse_sdk::errors::{Result, ResultExt};
use synapse_sdk::services::Services;
use synapse_sdk::{Env, ErrorKind, PluginError};

use self::job::{Invocation, OpenCalls};
use self::lane::Lane;
use self::outbox::Outbox;
use super::black_box::BlackBox;
use super::frame::{Frame, FrameReader, Header};
use super::protocol::{
    Hello, IN_ORDER, Kind, LOST_DESCRIPTOR, Load, Loaded, PARAMS_CHECKED, STRICT_RESULT, Unsupported,
    malformed, read_answer, read_invoke,
};
use super::socket::Socket;
use crate::image::Image;

/// The stack of a main thread on Linux.
const STACK: usize = 8 << 20;

/// How a worker is started.
#[derive(Clone, Copy, Debug)]
pub struct ServeOptions {
    /// The descriptor of the socket to the host.
    pub descriptor: RawFd,
    /// The process to end with.
    pub parent: Option<u32>,
}

/// Serves a host until it says so or is gone.
pub fn serve(options: ServeOptions) -> ExitCode {
    match start(options) {
        Ok(worker) => {
            let looks = Arc::clone(&worker);
            let mut last = 0;
            let send = move || looks.outbox.keep_sending(|| looks.look_after_reading(&mut last));
            let sender = thread::Builder::new().name("events".into()).spawn(send);
            match sender {
                Ok(_) => worker.take_turns(),
                Err(error) => refuse(&error.into()),
            }
        }
        Err(error) => refuse(&error),
    }
}

fn refuse(error: &PluginError) -> ExitCode {
    eprintln!("synapse-worker: {error}");
    ExitCode::from(error.kind().exit_code())
}

/// Greets the host and gets ready to read its frames.
fn start(options: ServeOptions) -> Result<Arc<Worker>> {
    let descriptor = process::take_descriptor(options.descriptor)
        .with_context(|| format!("descriptor {} is no socket to a host", options.descriptor))?;
    if !process::end_with_parent(options.parent) {
        process::end(0);
    }
    process::notice_forks();
    let socket = Socket::new(descriptor);
    let mut reader = FrameReader::new();
    let greeting = reader.next(&socket).map_err(|broken| malformed("hello", &broken.to_string()))?;
    let greeted = match Kind::of(greeting.header.kind) {
        Some(Kind::Hello) => Hello::decode(&greeting.payload),
        _ => Err(malformed("hello", "another one came first")),
    };
    let own = Hello::default();
    let host = greeted.inspect_err(|error| {
        // The host is not waited for: it may not understand a word.
        let payload = error.to_json_bytes();
        let header = Header::new(Kind::Error, 0, 0, payload.len()).bytes();
        let _ = socket.send_all(&[&header, &payload]);
    })?;
    let black_box = BlackBox::new().context("memory for events")?;
    let unsent_events = black_box.descriptor();
    let outbox = Arc::new(Outbox::new(socket, black_box, host.max_payload));
    outbox.send(Kind::Hello, 0, &[&own.encode()?]);
    Ok(Arc::new(Worker {
        outbox,
        unsent_events,
        limits: own,
        calls: Arc::default(),
        invocations: Mutex::default(),
        lane: Lane::default(),
        image: OnceLock::new(),
        env: Arc::new(Env::new()),
        turns: Mutex::new(Turns {
            reader: Some(reader),
            queue: VecDeque::new(),
            idle: 0,
            threads: 1,
            read: 0,
        }),
        turn: Condvar::new(),
    }))
}

struct Worker {
    outbox: Arc<Outbox>,
    unsent_events: RawFd,
    limits: Hello,
    calls: Arc<OpenCalls>,
    invocations: Mutex<HashMap<u64, Arc<Invocation>>>,
    lane: Lane,
    image: OnceLock<Arc<Image>>,
    /// The same for every call: variables of the run are those of the process.
    env: Arc<Env>,
    turns: Mutex<Turns>,
    turn: Condvar,
}

/// Who waits for frames, and what waits for a thread.
struct Turns {
    /// With whoever reads, else here.
    reader: Option<FrameReader>,
    queue: VecDeque<Task>,
    idle: usize,
    threads: usize,
    /// How many tasks were read.
    read: u64,
}

/// Something that runs code of the plugin.
struct Task {
    invocation: Arc<Invocation>,
    what: What,
}

enum What {
    Instantiate { action: String },
    Validate { frame: Vec<u8> },
    Invoke { frame: Vec<u8>, checks: Checks },
}

impl Worker {
    /// A thread's life.
    fn take_turns(self: &Arc<Self>) -> ! {
        let mut turns = lock(&self.turns);
        loop {
            if let Some(task) = turns.queue.pop_front() {
                drop(turns);
                self.run(&task);
                turns = lock(&self.turns);
            } else if let Some(reader) = turns.reader.take() {
                drop(turns);
                let task = self.read_on(reader);
                self.outbox.note_begin();
                self.run(&task);
                turns = lock(&self.turns);
            } else {
                turns.idle += 1;
                turns = self.turn.wait(turns).unwrap_or_else(PoisonError::into_inner);
                turns.idle -= 1;
            }
        }
    }

    /// Reads until there is something for this thread to run. As long as no
    /// other thread could read meanwhile, that waits in the queue: somebody has
    /// to read what stops the others.
    fn read_on(self: &Arc<Self>, mut reader: FrameReader) -> Task {
        loop {
            let (back, task) = self.read(reader);
            let mut turns = lock(&self.turns);
            turns.read += 1;
            if turns.idle > 0 || turns.threads <= self.limits.threads {
                let more = back.has_more();
                turns.reader = Some(back);
                if more {
                    self.find_reader(turns);
                }
                return task;
            }
            turns.queue.push_back(task);
            reader = back;
        }
    }

    /// Lets another thread read, if nobody does.
    fn find_reader(self: &Arc<Self>, mut turns: MutexGuard<'_, Turns>) {
        if turns.reader.is_none() {
            return;
        }
        if turns.idle > 0 {
            drop(turns);
            self.turn.notify_one();
        } else if turns.threads <= self.limits.threads {
            self.start_thread(&mut turns);
        }
    }

    /// The invocation that this thread runs cannot go on before something is
    /// read.
    fn need_reader(self: &Arc<Self>) {
        self.find_reader(lock(&self.turns));
    }

    /// Lets another thread read when nothing has been read since the last look.
    fn look_after_reading(self: &Arc<Self>, last: &mut u64) {
        let turns = lock(&self.turns);
        let before = std::mem::replace(last, turns.read);
        if turns.read == before {
            self.find_reader(turns);
        }
    }

    /// When the system gives none, the next look tries again.
    fn start_thread(self: &Arc<Self>, turns: &mut Turns) {
        let worker = Arc::clone(self);
        let builder = thread::Builder::new().name("action".into()).stack_size(STACK);
        turns.threads += usize::from(builder.spawn(move || worker.take_turns()).is_ok());
    }

    /// Reads until something is to be run; does all else on the way.
    fn read(self: &Arc<Self>, mut reader: FrameReader) -> (FrameReader, Task) {
        loop {
            let frame = match reader.next(self.outbox.socket()) {
                Ok(frame) => frame,
                Err(broken) if broken.is_the_end() => process::end_group(),
                Err(broken) => {
                    eprintln!("synapse-worker: {broken}");
                    process::end(LOST_DESCRIPTOR);
                }
            };
            process::end_if_forked();
            if let Some(task) = self.take(frame) {
                return (reader, task);
            }
        }
    }

    fn take(self: &Arc<Self>, frame: Frame<'_>) -> Option<Task> {
        let Header { id, kind, flags, .. } = frame.header;
        match Kind::of(kind) {
            Some(Kind::Load) => self.reply(id, self.load(&frame.payload)),
            Some(Kind::Invoke) => {
                let checks = Checks {
                    params: if flags & PARAMS_CHECKED == 0 { Check::Needed } else { Check::Done },
                    strict_result: flags & STRICT_RESULT != 0,
                };
                let task = self.accept(id, What::Invoke { frame: frame.payload.into_owned(), checks });
                if flags & IN_ORDER == 0 {
                    return task;
                }
                task.into_iter().for_each(|task| self.queue(task));
            }
            Some(Kind::Validate) => {
                return self.accept(id, What::Validate { frame: frame.payload.into_owned() });
            }
            Some(Kind::Instantiate) => {
                let action = String::from_utf8_lossy(&frame.payload).into_owned();
                return self.accept(id, What::Instantiate { action });
            }
            Some(Kind::Cancel) => self.with_invocation(id, |invocation| {
                invocation.cancelled.store(1, std::sync::atomic::Ordering::Relaxed);
            }),
            Some(Kind::Recall) => self.recall(),
            Some(Kind::Pause) => self.with_invocation(id, |invocation| invocation.pause(true)),
            Some(Kind::Resume) => self.with_invocation(id, |invocation| invocation.pause(false)),
            Some(Kind::Answer) => {
                if let Some((status, bytes)) = read_answer(&frame.payload) {
                    self.calls.answer(id, status, bytes);
                }
            }
            Some(Kind::Ping) => self.outbox.send(Kind::Pong, id, &[&frame.payload]),
            Some(Kind::Shutdown) => process::end_group(),
            Some(Kind::Pong | Kind::Unsupported) => {}
            _ => self.outbox.send(Kind::Unsupported, id, &[&Unsupported::of(kind).encode()]),
        }
        None
    }

    fn with_invocation(&self, id: u64, work: impl FnOnce(&Invocation)) {
        // One that has ended needs nothing any more.
        if let Some(invocation) = lock(&self.invocations).get(&id) {
            work(invocation);
        }
    }

    fn accept(self: &Arc<Self>, id: u64, what: What) -> Option<Task> {
        let mut invocations = lock(&self.invocations);
        if invocations.len() >= self.limits.max_outstanding {
            drop(invocations);
            let message = format!("{} invocations are outstanding already", self.limits.max_outstanding);
            self.reply(id, Err(PluginError::new(ErrorKind::PluginRun, message).hint("wait for some to end")));
            return None;
        }
        let invocation = Arc::new(Invocation::new(id, self));
        invocations.insert(id, Arc::clone(&invocation));
        Some(Task { invocation, what })
    }

    fn load(&self, payload: &[u8]) -> Result<Loaded> {
        let load: Load = serde_json::from_slice(payload).context("a load frame cannot be read")?;
        if self.image.get().is_some() {
            return Err(PluginError::new(ErrorKind::Usage, "this worker has a plugin already")
                .hint("start another worker"));
        }
        if let Some(count) = load.open_files {
            process::limit_open_files(count).context("limiting open files")?;
        }
        process::keep_to_cores(&load.cores).context("keeping to processor cores")?;
        if let Some(bytes) = load.memory {
            process::limit_memory(bytes).context("limiting memory")?;
        }
        let image = Image::load(&load.library)?;
        let plugin = image.inspected.config.code.clone();
        // Only the thread that reads gets here.
        let _ = self.image.set(image);
        Ok(Loaded {
            plugin,
            unsent_events: Some(self.unsent_events),
            protocol: Some(self.outbox.socket().descriptor()),
        })
    }

    fn reply(&self, id: u64, loaded: Result<Loaded>) {
        match loaded.and_then(|loaded| Ok(serde_json::to_vec(&loaded)?)) {
            Ok(payload) => self.outbox.send(Kind::Loaded, id, &[&payload]),
            Err(error) => self.outbox.send(Kind::Error, id, &[&error.to_json_bytes()]),
        }
    }

    fn run(&self, task: &Task) {
        let done = self.run_guarded(task);
        self.tell(task.invocation.id, &done);
    }

    fn run_guarded(&self, task: &Task) -> Result<ResultBytes> {
        // A panic here is a fault of ours: those of the plugin are errors already.
        let done = catch_unwind(AssertUnwindSafe(|| self.perform(task))).unwrap_or_else(|_| {
            Err(PluginError::new(ErrorKind::Internal, "the worker failed; it printed why"))
        });
        process::end_if_forked();
        process::flush_output();
        lock(&self.invocations).remove(&task.invocation.id);
        done
    }

    fn tell(&self, id: u64, done: &Result<ResultBytes>) {
        match done {
            Ok(result) => self.outbox.send(Kind::Result, id, &[result]),
            Err(error) => self.outbox.send(Kind::Error, id, &[&self.error_bytes(error)]),
        }
    }

    /// An error as the host takes it.
    fn error_bytes(&self, error: &PluginError) -> Vec<u8> {
        let bytes = error.to_json_bytes();
        if bytes.len() <= self.outbox.max_payload() {
            return bytes;
        }
        let beginning: String = error.message().chars().take(1000).collect();
        let short = PluginError::new(error.kind(), beginning);
        short.hint("the error is too long to leave a worker: this is its beginning").to_json_bytes()
    }

    fn perform(&self, task: &Task) -> Result<ResultBytes> {
        let invocation = &task.invocation;
        let image = self.image.get();
        let image = image.ok_or_else(|| PluginError::new(ErrorKind::Usage, "no plugin is loaded yet"))?;
        if invocation.is_cancelled() {
            return Err(PluginError::cancelled());
        }
        let services = Arc::clone(invocation) as Arc<dyn Services>;
        let job = Job::open(services, Arc::clone(&invocation.cancelled));
        let (frame, checks) = match &task.what {
            What::Instantiate { action } => {
                image.instance(action, &self.env, &job)?;
                return Ok(ResultBytes::Null);
            }
            What::Validate { frame } => {
                let (action, params) = read_invoke(frame)?;
                image.plugin()?.validate(action, params, &job)?;
                return Ok(ResultBytes::Null);
            }
            What::Invoke { frame, checks } => (frame, *checks),
        };
        let (action, params) = read_invoke(frame)?;
        let result = image.instance(action, &self.env, &job)?.invoke(params, checks, &job)?;
        let most = self.outbox.max_payload();
        if result.len() > most {
            let message = format!("the result has {} bytes; {most} can leave a worker", result.len());
            return Err(PluginError::new(ErrorKind::Execution, message)
                .hint("write it to a file and return the file's path"));
        }
        Ok(ResultBytes::Owned(result))
    }
}

/// A result as the plugin gave it: not copied on its way out.
enum ResultBytes {
    Owned(synapse_sdk::abi::layout::OwnedBuf),
    Null,
}

impl std::ops::Deref for ResultBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Null => b"null",
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
