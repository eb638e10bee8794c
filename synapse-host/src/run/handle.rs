//! Starts runs, and what one holds of a run.

use std::os::fd::{AsRawFd, RawFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use synapse_sdk::errors::{Result, TimedOut};
use synapse_sdk::events::{Event, now};
use synapse_sdk::{ErrorKind, PluginError};

use super::flight;
use super::isolated::{IsolatedRun, Stopper};
use super::local::{LocalRun, count_lost_thread};
use super::outcome::{Outcome, milliseconds};
use super::ray::{self, JobRun, RayRun};
use super::request::{Mode, RunRequest};
use super::stream::Stream;
use crate::home::Home;
use crate::plugin::Plugin;
use crate::plugin_ref::Resolver;
use crate::record::{Recorder, RunEnd, RunStart, sha256_of};

/// Starts a run on a thread of its own, named after plugin and action.
///
/// # Errors
/// What can be told before the action starts: a mode this version cannot run,
/// a plugin that is not there or cannot be built or loaded, an action it does
/// not have.
pub fn run_plugin(request: RunRequest) -> Result<Run> {
    let plugin = resolve(&request)?;
    Run::start(&plugin, &request)
}

/// Runs an action on this thread, to its end.
///
/// With a time-out it runs on a thread of its own, because a call cannot be
/// left otherwise.
///
/// # Errors
/// As [`run_plugin`], and whatever the action returns.
pub fn run_plugin_blocking(request: RunRequest) -> Result<Outcome> {
    let plugin = resolve(&request)?;
    execute(&plugin, &request)
}

/// Runs an action of a plugin that is at hand on this thread, to its end; in
/// a worker if the request's mode says so. As
/// [`run_plugin_blocking`], without looking for the plugin.
///
/// # Errors
/// The plugin does not have the action, and whatever the action returns.
pub fn execute(plugin: &Plugin, request: &RunRequest) -> Result<Outcome> {
    if request.timeout.is_some() || request.record {
        return Run::start(plugin, request)?.result();
    }
    let stream = Arc::new(Stream::default());
    let state_dir = state_dir(request, None);
    let run = Prepared::new(plugin, request, state_dir, None, Arc::clone(&stream))?;
    let (started, started_at) = (Instant::now(), now());
    let result = run.execute()?;
    Ok(Outcome {
        result,
        metrics: stream.metrics(),
        started: started_at,
        elapsed: started.elapsed(),
        id: None,
    })
}

/// Checks the params of a run as the run itself would, without running it.
///
/// # Errors
/// The plugin does not have the action;
/// [`Usage`](ErrorKind::Usage) when the params are not JSON,
/// [`Validation`](ErrorKind::Validation) with every violation.
pub fn validate(plugin: &Plugin, request: &RunRequest) -> Result<()> {
    // What runs elsewhere is checked in a worker here: the same code decides.
    let here = match request.mode {
        Mode::Task | Mode::Job => request.clone().mode(Mode::Isolated).resources(super::Resources::default()),
        _ => request.clone(),
    };
    Prepared::new(plugin, &here, state_dir(&here, None), None, Arc::default())?.validate()
}

/// The record that was asked for, or why there is none.
fn recorder(plugin: &Plugin, request: &RunRequest, started: u64) -> Result<Option<Recorder>, String> {
    let Some(home) = Home::from_env().filter(|_| request.record) else { return Ok(None) };
    let asked = request.clone().absolute();
    // Both are for later runs: one that can do without is not stopped.
    let asked_text = serde_json::to_string(&asked).ok();
    let library = std::path::absolute(&plugin.image().path).ok();
    let sha256 = library.as_deref().and_then(|library| sha256_of(&home, library).ok());
    let start = RunStart {
        plugin: &plugin.config().code,
        version: &plugin.config().version,
        action: &request.action,
        mode: request.mode.as_str(),
        target: &asked.plugin.to_string(),
        library: library.as_deref(),
        sha256: sha256.as_deref(),
        request: asked_text.as_deref(),
        started,
        env: &request.env,
        params: &request.params,
    };
    Recorder::create(&home, &start).map(Some).map_err(|error| error.to_string())
}

/// State is kept where the request says, else with the job, else with the
/// record; a run with none of these has a folder that goes with it.
fn state_dir(request: &RunRequest, recorder: Option<&Recorder>) -> Option<PathBuf> {
    let of_job = || {
        let job_id = request.job_id.as_deref()?;
        Some(Home::from_env()?.state(job_id))
    };
    let of_record = || Some(recorder?.folder().to_owned());
    request.state_dir.clone().or_else(of_job).or_else(of_record)
}

fn resolve(request: &RunRequest) -> Result<Plugin> {
    request.mode.check_available()?;
    let resolver = Resolver::default().profile(request.profile.clone());
    resolver.loads(request.mode == Mode::Local).resolve(&request.plugin, request.config.as_deref())
}

/// A run about to be started, where its request wants it.
pub(super) enum Prepared {
    Local(LocalRun),
    Isolated(IsolatedRun),
    Ray(Box<RayRun>),
    Job(Box<JobRun>),
}

impl Prepared {
    pub(super) fn new(
        plugin: &Plugin,
        request: &RunRequest,
        state_dir: Option<PathBuf>,
        record: Option<PathBuf>,
        stream: Arc<Stream>,
    ) -> Result<Self> {
        request.mode.check_available()?;
        Ok(match request.mode {
            Mode::Isolated => {
                Self::Isolated(IsolatedRun::prepare(plugin, request, state_dir, record, stream)?)
            }
            Mode::Job => Self::Job(Box::new(JobRun::prepare(plugin, request, stream)?)),
            Mode::Task => Self::Ray(Box::new(RayRun::prepare(plugin, request, state_dir, stream)?)),
            _ => Self::Local(LocalRun::prepare(plugin, request, state_dir, stream)?),
        })
    }

    pub(super) fn execute(&self) -> Result<String> {
        match self {
            Self::Local(run) => run.execute(),
            Self::Isolated(run) => run.execute(),
            Self::Ray(run) => run.execute(),
            Self::Job(run) => run.execute(),
        }
    }

    fn validate(&self) -> Result<()> {
        match self {
            Self::Local(run) => run.validate(),
            Self::Isolated(run) => run.validate(),
            // Params are checked here: see `validate`.
            Self::Ray(_) | Self::Job(_) => Ok(()),
        }
    }

    pub(super) fn reins(&self) -> Reins {
        match self {
            Self::Local(run) => Reins::Flag(Arc::clone(&run.cancelled)),
            Self::Isolated(run) => Reins::Worker(run.stopper()),
            Self::Ray(run) => Reins::Ray(run.stopper()),
            Self::Job(run) => Reins::Ray(run.stopper()),
        }
    }
}

/// How a run is told to stop.
#[derive(Clone)]
pub(super) enum Reins {
    /// The action sees it when it looks.
    Flag(Arc<AtomicU32>),
    /// The worker is told, and can be ended.
    Worker(Arc<Stopper>),
    /// The worker on the cluster is told, and can be ended.
    Ray(Arc<ray::Stopper>),
}

/// Tells a run to stop. May be kept and used on any thread.
#[derive(Clone)]
pub struct Cancel {
    reins: Reins,
    asked: Arc<Mutex<Option<Instant>>>,
    signal: Arc<AtomicI32>,
}

impl Cancel {
    pub(super) fn of(reins: Reins) -> Self {
        Self { reins, asked: Arc::default(), signal: Arc::default() }
    }

    pub(super) fn reins(&self) -> &Reins {
        &self.reins
    }

    /// Tells the run to stop: its next report of progress returns an error.
    pub fn cancel(&self) {
        match &self.reins {
            Reins::Flag(flag) => flag.store(1, Ordering::Relaxed),
            Reins::Worker(stopper) => stopper.cancel(),
            Reins::Ray(stopper) => stopper.cancel(),
        }
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
    }

    /// As [`cancel`](Self::cancel), because of a signal to this process. The
    /// error of the run, also in its record, has the number as `signal` among
    /// its details.
    pub fn cancel_for_signal(&self, signal: i32) {
        self.signal.store(signal, Ordering::Relaxed);
        self.cancel();
    }

    fn signal(&self) -> Option<i32> {
        Some(self.signal.load(Ordering::Relaxed)).filter(|signal| *signal != 0)
    }

    fn asked(&self) -> Option<Instant> {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A run under way. Dropping it leaves the action running, unheard.
pub struct Run {
    stream: Closing,
    cancel: Cancel,
    done: Receiver<(Result<String>, Duration)>,
    started: Instant,
    started_at: u64,
    timeout: Option<Duration>,
    grace: Duration,
    timed_out: bool,
    lost: bool,
    killed: bool,
    batch: Vec<Event<'static>>,
    recorder: Option<Recorder>,
    id: Option<String>,
    /// Where what the action saves is kept for later.
    state_dir: Option<PathBuf>,
    notes: Vec<String>,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// What it gave.
    pub result: Result<Outcome>,
    /// What went wrong beside it, such as a record that could not be written.
    pub notes: Vec<String>,
}

/// Closes the stream when either end of it goes away: an action must not wait
/// for nobody, nor a listener for an action that is gone.
struct Closing(Arc<Stream>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Run {
    /// Starts a run of a plugin that is at hand.
    ///
    /// # Errors
    /// The plugin does not have the action; no thread can be started.
    pub fn start(plugin: &Plugin, request: &RunRequest) -> Result<Self> {
        plugin.registered_name(&request.action)?;
        let started_at = now();
        let mut notes = Vec::new();
        let recorder = recorder(plugin, request, started_at).unwrap_or_else(|note| {
            notes.push(note);
            None
        });
        let stream = Arc::new(Stream::listened());
        let state_dir = state_dir(request, recorder.as_ref());
        let record = recorder.as_ref().map(|recorder| recorder.folder().to_owned());
        let run = Prepared::new(plugin, request, state_dir.clone(), record, Arc::clone(&stream))?;
        let cancel = Cancel::of(run.reins());
        let (sender, done) = channel();
        let started = Instant::now();
        let closing = Closing(Arc::clone(&stream));
        let work = move || {
            let result = run.execute();
            drop(run);
            // Nobody waits any more when the run was given up.
            let _ = sender.send((result, started.elapsed()));
            drop(closing);
        };
        let name = format!("{}:{}", plugin.config().code, request.action);
        thread::Builder::new().name(name).stack_size(STACK).spawn(work)?;
        Ok(Self {
            stream: Closing(stream),
            cancel,
            done,
            started,
            started_at,
            timeout: request.timeout,
            grace: request.grace,
            timed_out: false,
            lost: false,
            killed: false,
            batch: Vec::new(),
            id: recorder.as_ref().map(|recorder| recorder.id().to_owned()),
            recorder,
            state_dir,
            notes,
        })
    }

    /// The next events, as soon as there are any; `None` once the run has
    /// ended, or was given up.
    pub fn events(&mut self) -> Option<&[Event<'static>]> {
        loop {
            let more = self.events_within(WATCH)?.is_empty();
            if !more {
                return Some(&self.batch);
            }
        }
    }

    /// The events of the next `patience`, perhaps none; `None` once the run has
    /// ended, or was given up.
    pub fn events_within(&mut self, patience: Duration) -> Option<&[Event<'static>]> {
        self.watch();
        if self.lost {
            self.batch.clear();
            return None;
        }
        let deadline = Instant::now() + patience;
        let more = self.stream.0.take(&mut self.batch, Some(deadline));
        if let Some(recorder) = &mut self.recorder {
            for piece in self.batch.chunks(PIECE) {
                recorder.events(piece);
                flight::recorded();
            }
        }
        flight::end_of_turn();
        more.then_some(self.batch.as_slice())
    }

    /// Tells the run to stop, now or later and from anywhere.
    pub fn canceller(&self) -> Cancel {
        self.cancel.clone()
    }

    /// How often the action had to wait because its events were not taken.
    pub fn waits(&self) -> u64 {
        self.stream.0.waits()
    }

    /// What was measured so far.
    pub fn metrics(&self) -> super::Metrics {
        self.stream.0.metrics()
    }

    /// The record of the run, when one was asked for and could be made.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The open file of the record, for a signal handler to end it.
    pub fn record_descriptor(&self) -> Option<RawFd> {
        self.recorder.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// Waits for the end and gives the result.
    ///
    /// # Errors
    /// Whatever the action returns; [`TimedOut`](ErrorKind::TimedOut) after the
    /// time-out, [`Cancelled`](ErrorKind::Cancelled) when it was told to stop
    /// and did, or was given up.
    pub fn result(self) -> Result<Outcome> {
        self.wait().result
    }

    /// Does not wait for a run that was told to stop.
    pub fn abandon(mut self) -> Ended {
        self.cancel.cancel();
        self.give_up(true);
        self.wait()
    }

    /// Waits for the end.
    pub fn wait(mut self) -> Ended {
        while self.events_within(WATCH).is_some() {}
        let patience = if self.lost { Duration::ZERO } else { FINISH };
        let (result, elapsed) = match self.done.recv_timeout(patience) {
            Ok((result, elapsed)) => (result, elapsed),
            Err(_) if self.timed_out => (
                Err(took_too_long(self.timeout.unwrap_or_default()).hint(NOT_STOPPED)),
                self.started.elapsed(),
            ),
            Err(RecvTimeoutError::Timeout) => {
                (Err(PluginError::cancelled().hint(NOT_STOPPED)), self.started.elapsed())
            }
            Err(RecvTimeoutError::Disconnected) => {
                let message = "the thread of the run ended without a result";
                (Err(PluginError::new(ErrorKind::Internal, message)), self.started.elapsed())
            }
        };
        self.end(result, elapsed)
    }

    fn end(mut self, result: Result<String>, elapsed: Duration) -> Ended {
        let late = self.timeout.filter(|_| self.timed_out);
        let result = result.map_err(|error| match (error.kind(), self.cancel.signal()) {
            (ErrorKind::Cancelled, Some(signal)) if late.is_none() => {
                error.details(json!({ "signal": signal }))
            }
            _ => of_late(error, late),
        });
        let metrics = self.metrics();
        if let Some(recorder) = self.recorder.take() {
            let outcome = result.as_ref().map(String::as_str);
            let end = RunEnd { outcome, metrics: &metrics.to_value().to_string(), ms: milliseconds(elapsed) };
            self.notes.extend(recorder.finish(&end));
        }
        if self.waits() > 0 {
            let waits = self.waits();
            self.notes.push(format!("the action waited {waits} times for its events to be taken"));
        }
        if result.is_err() {
            self.notes.extend(self.state_dir.take().and_then(kept_state));
        }
        let (id, started) = (self.id.take(), self.started_at);
        let result = result.map(|result| Outcome { result, metrics, started, elapsed, id });
        Ended { result, notes: std::mem::take(&mut self.notes) }
    }

    /// Cancels a run whose time is over; gives up one that does not stop.
    fn watch(&mut self) {
        if let Some(timeout) = self.timeout
            && !self.timed_out
            && self.started.elapsed() >= timeout
        {
            self.timed_out = true;
            self.cancel.cancel();
        }
        if let Some(asked) = self.cancel.asked()
            && !(self.lost || self.killed)
            && asked.elapsed() >= self.grace
        {
            self.give_up(false);
        }
    }

    /// A worker is ended; a thread of this process can only be left alone.
    fn give_up(&mut self, at_once: bool) {
        match &self.cancel.reins {
            Reins::Worker(stopper) => {
                self.killed = true;
                stopper.kill(at_once);
            }
            Reins::Ray(stopper) => {
                self.killed = true;
                stopper.kill(at_once);
            }
            Reins::Flag(_) => {
                self.lost = true;
                self.stream.0.close();
                count_lost_thread();
            }
        }
    }
}

fn took_too_long(timeout: Duration) -> PluginError {
    TimedOut::new(format!("the run took longer than {}", humantime::format_duration(timeout)))
}

/// The error of a run. Where `late` gives its time-out, it was cancelled because that was over.
pub(super) fn of_late(error: PluginError, late: Option<Duration>) -> PluginError {
    let Some(timeout) = late.filter(|_| error.kind() == ErrorKind::Cancelled) else { return error };
    match error.hint_text() {
        Some(hint) => took_too_long(timeout).hint(hint),
        None => took_too_long(timeout),
    }
}

/// What is said of a run that did not succeed and had saved something.
fn kept_state(folder: PathBuf) -> Option<String> {
    let folder = folder.join("state");
    let some = folder.read_dir().ok()?.next().is_some();
    some.then(|| {
        let folder = folder.display();
        format!("what the action saved is kept in {folder}; runs with one --job-id go on from there")
    })
}

/// The stack of a main thread on Linux.
const STACK: usize = 8 << 20;
/// How often time-outs are looked at.
const WATCH: Duration = Duration::from_millis(50);
/// So many events are recorded at once.
const PIECE: usize = 1000;
/// The result follows the last event at once.
const FINISH: Duration = Duration::from_secs(60);
const NOT_STOPPED: &str = "the action did not stop when it was told to: let it report progress with \
                           `ctx.set_progress(…)?`, which ends a cancelled run";
