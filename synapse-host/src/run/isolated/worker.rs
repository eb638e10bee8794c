//! A worker and the calls on it.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use synapse_sdk::errors::{PluginRunError, Result, ResultExt};
use synapse_sdk::events::Event;
use synapse_sdk::services::Services;
use synapse_sdk::{Env, ErrorKind, PluginError};

use super::Stopper;
use super::fault::Fault;
use super::limits::Limits;
use super::link::{Call, LastProgress, Link, Message, QueueListener, Receiver};
use super::pool;
use super::process::{self, Ended, Process};
use crate::run::stream::Stream;
use crate::worker::black_box;
use crate::worker::frame::Broken;
use crate::worker::protocol::{Kind, Load, Loaded, invoke_head};
use crate::worker::socket::Socket;

/// A process whose connection has ended ends at once, or is ended.
const END: Duration = Duration::from_secs(1);
/// A process that was killed is gone soon, unless the system is stuck.
const KILLED: Duration = Duration::from_secs(20);

/// A worker process with a plugin loaded.
pub(super) struct Worker {
    process: Process,
    link: Arc<Link>,
    limits: Limits,
    /// The worker's memory of events it has not sent yet.
    unsent: OnceLock<File>,
    /// What was wrong with the connection.
    connection: Mutex<Option<String>>,
}

/// What a run asks of a worker.
pub(super) struct Invocation<'a> {
    /// [`Kind::Invoke`] or [`Kind::Validate`].
    pub(super) kind: Kind,
    pub(super) flags: u16,
    pub(super) plugin: &'a str,
    pub(super) action: &'a str,
    pub(super) params: &'a [u8],
    pub(super) services: &'a dyn Services,
    pub(super) stream: &'a Arc<Stream>,
    pub(super) record: Option<&'a Path>,
    pub(super) stopper: &'a Stopper,
}

/// What came of asking a worker.
pub(super) enum Attempt {
    /// The action ran, or the worker died of it.
    Done(Result<String>),
    /// The worker was gone before it got the call.
    NotBegun,
}

impl Worker {
    /// Starts a worker and loads a plugin there.
    ///
    /// # Errors
    /// The worker cannot be started; the plugin's own; [`WorkerCrashed`](ErrorKind::WorkerCrashed)
    /// when loading it ended the worker.
    pub(super) fn start(plugin: &str, library: &Path, env: &Arc<Env>, limits: &Limits) -> Result<Arc<Self>> {
        let (ours, theirs) = UnixStream::pair().context("a connection to a worker")?;
        let (sender, started) = sync_channel(1);
        let (env, of_thread) = (Arc::clone(env), limits.clone());
        // A worker ends with the thread that started it, so that is the one
        // that stays with it.
        let work = move || watch(ours.into(), theirs.into(), &env, of_thread, &sender);
        thread::Builder::new().name(format!("worker of {plugin}")).spawn(work)?;
        let gone = |_| PluginError::new(ErrorKind::Internal, "the thread that starts a worker is gone");
        let worker = started.recv().map_err(gone)??;
        let loaded = worker.load(plugin, library);
        if loaded.is_err() {
            worker.process.stop(Ended::Retired, true);
        }
        loaded.map(|()| worker)
    }

    fn load(self: &Arc<Self>, plugin: &str, library: &Path) -> Result<()> {
        let load = Load {
            library: std::path::absolute(library)?,
            memory: self.limits.memory,
            open_files: self.limits.open_files,
            cores: self.limits.cores.map(|count| pool::cores(count, self.process.id())).unwrap_or_default(),
        };
        let call =
            self.link.begin(Receiver::Run(Arc::default())).ok_or_else(|| self.crash_while_loading(plugin))?;
        let sent = self.link.send(Kind::Load, call.id, &[&serde_json::to_vec(&load)?]);
        let answer = match sent.map(|()| self.wait(&call)) {
            Ok(Message::Done(answer)) => answer,
            _ => Err(self.crash_while_loading(plugin)),
        };
        self.link.finish(&call);
        let loaded: Loaded = serde_json::from_slice(&answer?)?;
        if let Some(descriptor) = loaded.unsent_events {
            // Where the system does not allow it, the last events of a worker
            // that dies are not known.
            if let Ok(file) = File::open(format!("/proc/{}/fd/{descriptor}", self.process.id())) {
                let _ = self.unsent.set(file);
            }
        }
        Ok(())
    }

    fn crash_while_loading(&self, plugin: &str) -> PluginError {
        let error = self.fault(plugin, "(none: it was being loaded)", None, None);
        error.context(format!("loading plugin `{plugin}` ended its worker"))
    }

    /// Runs an action to its end, waiting on this thread.
    pub(super) fn call(self: &Arc<Self>, invocation: &Invocation<'_>) -> Attempt {
        let head = match invocation.kind {
            Kind::Instantiate => invocation.action.as_bytes().to_vec(),
            _ => invoke_head(invocation.action),
        };
        let length = head.len() + invocation.params.len();
        if length > self.link.max_payload() {
            let message = format!("the params have {} bytes", invocation.params.len());
            let hint =
                format!("a worker takes {} at most; pass a file's path instead", self.link.max_payload());
            return Attempt::Done(Err(PluginRunError::new(message).hint(hint)));
        }
        let Some(call) = self.link.begin(Receiver::Run(Arc::clone(invocation.stream))) else {
            return Attempt::NotBegun;
        };
        let parts: [&[u8]; 2] = [&head, invocation.params];
        if self.link.send_flagged(invocation.kind, invocation.flags, call.id, &parts).is_err() {
            self.link.finish(&call);
            return Attempt::NotBegun;
        }
        invocation.stopper.begin(self, call.id);
        let result = self.serve_until_done(&call, invocation);
        invocation.stopper.end();
        self.link.finish(&call);
        Attempt::Done(result)
    }

    fn serve_until_done(&self, call: &Call, invocation: &Invocation<'_>) -> Result<String> {
        loop {
            match self.wait(call) {
                Message::Done(result) => {
                    // What the action printed comes before its result.
                    self.read_output(call);
                    let text = String::from_utf8(result?);
                    return text.map_err(|_| {
                        PluginError::new(ErrorKind::Execution, "the plugin's result is not UTF-8")
                    });
                }
                Message::Service(number, payload) => self.link.answer(number, &payload, invocation.services),
                Message::Ended(..) | Message::Event(_) => {}
                Message::Broken(_) | Message::Gone => {
                    let error =
                        self.fault(invocation.plugin, invocation.action, call.progress(), invocation.record);
                    let stopped = invocation.stopper.was_killed();
                    return Err(if stopped { PluginError::cancelled().hint(ENDED) } else { error });
                }
            }
        }
    }

    /// Hands on all that was printed so far, for `call`.
    pub(super) fn read_output(&self, call: &Call) {
        self.process.output.read(true, |event| call.push(event));
    }

    /// As [`Link::wait`]; a broken connection is the end of the worker.
    pub(super) fn wait(&self, call: &Call) -> Message {
        let message = self.link.wait(call);
        if let Message::Broken(broken) = &message {
            self.lay_to_rest(broken);
        }
        message
    }

    /// Lets the process end, or ends it, and hands on what it had still to say.
    fn lay_to_rest(&self, broken: &Broken) {
        let ends_by_itself = match broken {
            Broken::Ended { .. } | Broken::Io(_) => self.process.wait(END).is_some(),
            Broken::Malformed(_) => false,
        };
        if !ends_by_itself {
            let text = match broken {
                Broken::Malformed(why) => format!("something else than frames came from it ({why})"),
                other => other.to_string(),
            };
            *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
            self.process.stop(Ended::ConnectionLost, true);
            self.process.wait(KILLED);
        }
        if let Some(file) = self.unsent.get() {
            for batch in black_box::unsent(file, self.link.last_batch()) {
                self.link.deliver_events(&batch);
            }
        }
        self.link.close();
    }

    pub(super) fn fault(
        &self,
        plugin: &str,
        action: &str,
        progress: Option<LastProgress>,
        record: Option<&Path>,
    ) -> PluginError {
        let exit = self.process.wait(KILLED);
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let fault = Fault {
            plugin,
            action,
            exit,
            why: self.process.why(),
            out_of_memory: self.process.was_out_of_memory(),
            connection: connection.as_deref(),
            memory_limit: self.limits.memory,
            progress,
            output: &self.process.output.last(),
            record,
        };
        fault.error()
    }

    /// The connection, for invocations in order.
    pub(super) fn link(&self) -> &Link {
        &self.link
    }

    /// Begins a call that is many invocations in order. `None` when the worker
    /// is gone.
    pub(super) fn begin_queue(&self, listener: Arc<dyn QueueListener>) -> Option<Arc<Call>> {
        self.link.begin(Receiver::Queue(listener))
    }

    /// Whether it was us who ended it because a run did not stop.
    pub(super) fn was_stopped(&self) -> bool {
        self.process.why() == Some(Ended::RunDidNotStop)
    }

    pub(super) fn cancel(&self, id: u64) {
        self.link.send_soon(Kind::Cancel, [id]);
    }

    /// Ends the process: asked first, or at once. Does not wait.
    pub(super) fn stop(self: &Arc<Self>, at_once: bool) {
        if at_once {
            return self.process.stop(Ended::RunDidNotStop, true);
        }
        let worker = Arc::clone(self);
        let started = thread::Builder::new()
            .name("ending a worker".into())
            .spawn(move || worker.process.stop(Ended::RunDidNotStop, false));
        if started.is_err() {
            self.process.stop(Ended::RunDidNotStop, true);
        }
    }

    /// Nobody needs it any more.
    pub(super) fn retire(&self) {
        if self.link.send(Kind::Shutdown, 0, &[]).is_err() {
            self.process.stop(Ended::Retired, true);
        }
    }

    /// Ends it at once, with all it started.
    pub(super) fn end(&self) {
        self.process.stop(Ended::Retired, true);
    }

    /// After [`end`](Self::end), when nobody will see it end.
    pub(super) fn remove_quota(&self) {
        self.process.remove_quota();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.process.has_ended()
    }

    fn print(&self, event: Event<'_>) {
        if let Some(call) = self.link.latest() {
            call.push(event);
        }
    }
}

/// Starts a worker, then stays with it to its end.
fn watch(
    ours: OwnedFd,
    theirs: OwnedFd,
    env: &Env,
    limits: Limits,
    started: &SyncSender<Result<Arc<Worker>>>,
) {
    let (process, mut child) = match process::start(theirs, env, &limits) {
        Ok(started) => started,
        Err(error) => return drop(started.send(Err(error))),
    };
    let link = match Link::greet(Socket::new(ours)) {
        Ok(link) => link,
        Err(error) => {
            // It may have ended before it could say a word.
            let ended = child.try_wait().ok().flatten();
            let _ = child.kill().and_then(|()| child.wait());
            process.output.read(true, |_| ());
            let printed = process.output.last().join("\n");
            let how = ended.map_or_else(String::new, |status| format!(" ({status})"));
            let error = error.context(format!("the worker did not start{how}: {printed}"));
            return drop(started.send(Err(error)));
        }
    };
    let worker =
        Arc::new(Worker { process, link, limits, unsent: OnceLock::new(), connection: Mutex::default() });
    // Who asked for it may be gone; then it is ended below as idle.
    let _ = started.send(Ok(Arc::clone(&worker)));
    let mut pipes: Vec<_> = worker.process.output.descriptors().to_vec();
    loop {
        let seen = worker.process.watch(pool::patience(), &pipes);
        if seen.end {
            break;
        }
        if seen.output {
            let both = worker.process.output.descriptors();
            let open = worker.process.output.read(false, |event| worker.print(event));
            pipes = both.into_iter().zip(open).filter_map(|(pipe, open)| open.then_some(pipe)).collect();
        } else {
            pool::retire_if_idle(&worker);
        }
    }
    worker.process.bury(child, |event| worker.print(event));
    pool::forget(&worker);
    worker.link.end_reading();
}

pub(crate) const ENDED: &str = "the action did not stop when it was told to, so its worker was ended: let it report \
                     progress with `ctx.set_progress(…)?`, which ends a cancelled run";
