//! Invocations of one action in order, on a worker of their own.
//!
//! They are sent ahead, as many as the caller likes, and the worker runs one
//! after the other. So when it dies it is clear which of them it died of: the
//! first whose end is not known. The worker is here or elsewhere.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use synapse_sdk::Env;
use synapse_sdk::PluginError;
use synapse_sdk::errors::{PluginRunError, Result};
use synapse_sdk::events::Event;
use synapse_sdk::services::Services;

use super::limits::Limits;
use super::link::{Call, LastProgress, Link, Message, QueueListener, QueuedEnd};
use super::pool::{self, Lease};
use crate::plugin::Plugin;
use crate::run::request::Resources;
use crate::worker::frame::Header;
use crate::worker::protocol::{IN_ORDER, Kind, STRICT_RESULT, invoke_head};

/// Opens queues of one action.
pub(crate) trait Queues: Send + Sync {
    /// A queue for the thread of that number, counted from 0.
    ///
    /// # Errors
    /// There is no worker for it, or `cancelled` was set while it was waited for.
    fn open(
        &self,
        thread: usize,
        listener: &Arc<dyn QueueListener>,
        cancelled: &Arc<AtomicU32>,
    ) -> Result<Queue>;
}

/// The worker of a queue.
pub(in crate::run) trait QueueWorker: Send + Sync {
    fn link(&self) -> &Link;

    /// As [`Link::wait`]; once the connection is broken, all that is known of the end comes.
    fn wait(&self, call: &Call) -> Message;

    /// Whether it is known to be gone.
    fn has_ended(&self) -> bool;

    /// Ends it because of an invocation: after being asked to, or `at_once`. Does not wait.
    fn stop(&self, invocation: u64, at_once: bool);

    /// Whether it was [`stop`](Self::stop) that ended it.
    fn was_stopped(&self) -> bool;

    /// Why it ended, during an invocation of this action.
    fn fault(&self, action: &str, progress: Option<LastProgress>) -> PluginError;

    /// Hands on all that was printed so far, where that does not come as events.
    fn read_output(&self, _call: &Call) {}
}

/// Queues on workers of this process.
#[derive(Clone)]
pub(crate) struct LocalQueues {
    plugin: Plugin,
    action: String,
    env: Arc<Env>,
    limits: Limits,
    flags: u16,
}

impl LocalQueues {
    /// # Errors
    /// The action is not there; amounts of resources that make no sense.
    pub(crate) fn new(
        plugin: &Plugin,
        action: &str,
        env: &Env,
        resources: &Resources,
        strict_result: bool,
    ) -> Result<Self> {
        let limits = Limits::of(resources)?;
        let env = limits.env_over(plugin.env_under(env));
        let action = plugin.registered_name(action)?;
        Ok(Self::of(plugin, action, env, limits, strict_result))
    }

    /// Of an action by the name it was registered under.
    pub(in crate::run) fn of(
        plugin: &Plugin,
        action: &str,
        env: Arc<Env>,
        limits: Limits,
        strict_result: bool,
    ) -> Self {
        let flags = if strict_result { STRICT_RESULT } else { 0 };
        Self { plugin: plugin.clone(), action: action.to_owned(), env, limits, flags }
    }

    /// Variables of the runs.
    pub(crate) fn env(&self) -> &Arc<Env> {
        &self.env
    }

    /// Takes a worker, or starts one.
    ///
    /// # Errors
    /// It cannot be started, or the plugin not be loaded.
    pub(crate) fn take(&self, listener: &Arc<dyn QueueListener>) -> Result<Queue> {
        // A worker may die while it waits for work: then another one is asked.
        for _ in 0..3 {
            let lease = pool::lease_alone(&self.plugin, &self.env, &self.limits)?;
            if let Some(call) = lease.worker().begin_queue(Arc::clone(listener)) {
                let worker = Arc::new(Leased { lease, plugin: self.plugin.config().code.clone() });
                return Ok(Queue::new(worker, call, &self.action, self.flags | IN_ORDER));
            }
        }
        Err(super::no_worker_stays())
    }
}

impl Queues for LocalQueues {
    fn open(&self, _: usize, listener: &Arc<dyn QueueListener>, _: &Arc<AtomicU32>) -> Result<Queue> {
        self.take(listener)
    }
}

/// A worker of this process.
struct Leased {
    lease: Lease,
    plugin: String,
}

impl QueueWorker for Leased {
    fn link(&self) -> &Link {
        self.lease.worker().link()
    }

    fn wait(&self, call: &Call) -> Message {
        self.lease.worker().wait(call)
    }

    fn has_ended(&self) -> bool {
        self.lease.worker().has_ended()
    }

    fn stop(&self, _: u64, at_once: bool) {
        self.lease.worker().stop(at_once);
    }

    fn was_stopped(&self) -> bool {
        self.lease.worker().was_stopped()
    }

    fn fault(&self, action: &str, progress: Option<LastProgress>) -> PluginError {
        self.lease.worker().fault(&self.plugin, action, progress, None)
    }

    fn read_output(&self, call: &Call) {
        self.lease.worker().read_output(call);
    }
}

/// A worker that runs invocations one after the other, for one thread.
pub(crate) struct Queue {
    worker: Arc<dyn QueueWorker>,
    call: Arc<Call>,
    reins: Arc<QueueReins>,
    action: String,
    /// Before the params of each invocation.
    head: Vec<u8>,
    flags: u16,
    /// Frames that are not sent yet.
    frames: Vec<u8>,
}

/// What comes next.
pub(crate) enum Next {
    /// An invocation has ended.
    Ended(u64, Result<Vec<u8>>),
    /// An invocation was called back before it began.
    NotBegun(u64),
    /// The invocation under way has said something.
    Event(Event<'static>),
    /// The worker has ended, and all invocations with it; whether because
    /// [`QueueReins::end`] said so.
    Gone { error: PluginError, as_told: bool },
}

/// Looks after what is in a queue and stops it, from any thread.
pub(crate) struct QueueReins {
    /// With the queue it is gone.
    worker: Weak<dyn QueueWorker>,
    /// The invocation under way, as far as is known.
    under_way: AtomicU64,
    /// The number of the next one that is sent.
    next: AtomicU64,
    /// How many were sent and have not ended; written by the queue's thread only.
    outstanding: AtomicU64,
    /// Whether somebody waits for what comes next.
    listened_to: AtomicBool,
}

impl QueueReins {
    fn new(worker: &Arc<dyn QueueWorker>, next: u64) -> Self {
        Self {
            worker: Arc::downgrade(worker),
            under_way: AtomicU64::new(next),
            next: AtomicU64::new(next),
            outstanding: AtomicU64::new(0),
            listened_to: AtomicBool::new(false),
        }
    }

    /// Tells all invocations to stop. Does not wait.
    pub(crate) fn cancel(&self) {
        let ids = self.under_way.load(Ordering::Acquire)..self.next.load(Ordering::Acquire);
        self.tell(Kind::Cancel, ids);
    }

    /// Tells one invocation to stop. Does not wait.
    pub(crate) fn cancel_one(&self, id: u64) {
        self.tell(Kind::Cancel, [id]);
    }

    /// Calls back what has not begun. Does not wait.
    pub(crate) fn recall(&self) {
        self.tell(Kind::Recall, [0]);
    }

    /// Sends short frames about invocations. Does not wait.
    pub(in crate::run) fn tell(&self, kind: Kind, ids: impl IntoIterator<Item = u64>) {
        if let Some(worker) = self.worker.upgrade() {
            worker.link().send_soon(kind, ids);
        }
    }

    /// Ends the worker: after being asked to, or `at_once`. Does not wait.
    pub(crate) fn end(&self, at_once: bool) {
        if let Some(worker) = self.worker.upgrade() {
            worker.stop(self.under_way.load(Ordering::Acquire), at_once);
        }
    }

    /// The invocation under way. Of one that has ended this is known a moment
    /// later. `None` when there is none, and while nobody listens: then it may
    /// have ended long ago.
    pub(crate) fn under_way(&self) -> Option<u64> {
        let known = self.listened_to.load(Ordering::Acquire) && self.outstanding() > 0;
        known.then(|| self.under_way.load(Ordering::Acquire))
    }

    /// How many were sent and have not ended.
    pub(crate) fn outstanding(&self) -> u64 {
        self.outstanding.load(Ordering::Acquire)
    }
}

impl Queue {
    /// A queue on a worker, for a call that is many invocations.
    pub(in crate::run) fn new(
        worker: Arc<dyn QueueWorker>,
        call: Arc<Call>,
        action: &str,
        flags: u16,
    ) -> Self {
        let reins = Arc::new(QueueReins::new(&worker, call.id + 1));
        let (action, head) = (action.to_owned(), invoke_head(action));
        Self { worker, call, reins, action, head, flags, frames: Vec::new() }
    }

    pub(crate) fn reins(&self) -> &Arc<QueueReins> {
        &self.reins
    }

    /// How many invocations it takes before one of them has ended.
    pub(crate) fn most_outstanding(&self) -> usize {
        match self.flags & IN_ORDER {
            0 => 1,
            _ => self.worker.link().most_outstanding(),
        }
    }

    /// Whether the worker is gone.
    pub(crate) fn has_ended(&self) -> bool {
        self.worker.has_ended()
    }

    /// Makes the action's object.
    ///
    /// # Errors
    /// Its setup fails, or ends the worker.
    pub(crate) fn instantiate(&self, services: &dyn Services, mut tell: impl FnMut(Event<'_>)) -> Result<()> {
        // A worker that is gone is noticed below.
        let _ = self.worker.link().send(Kind::Instantiate, self.call.id, &[self.action.as_bytes()]);
        loop {
            match self.worker.wait(&self.call) {
                Message::Done(result) => return result.map(drop),
                Message::Service(number, payload) => self.worker.link().answer(number, &payload, services),
                Message::Event(event) => tell(event),
                Message::Gone => return Err(self.fault(self.call.id)),
                Message::Broken(_) | Message::Ended(..) => {}
            }
        }
    }

    /// Adds an invocation, to be sent by [`flush`](Self::flush); gives its
    /// number.
    ///
    /// # Errors
    /// The params are too long.
    pub(crate) fn push(&mut self, params: &[u8]) -> Result<u64> {
        let (length, most) = (self.head.len() + params.len(), self.worker.link().max_payload());
        if length > most {
            let message = format!("the params have {} bytes", params.len());
            let hint = format!("a worker takes {most} at most; pass a file's path instead");
            return Err(PluginRunError::new(message).hint(hint));
        }
        let id = self.reins.next.load(Ordering::Relaxed);
        self.frames.extend(Header::new(Kind::Invoke, self.flags, id, length).bytes());
        self.frames.extend_from_slice(&self.head);
        self.frames.extend_from_slice(params);
        self.reins.next.store(id + 1, Ordering::Release);
        self.reins.outstanding.store(self.reins.outstanding() + 1, Ordering::Release);
        Ok(id)
    }

    /// Whether the next invocation may be of this action.
    pub(in crate::run) fn is_of(&self, action: &str, strict_result: bool) -> bool {
        self.action == action && (self.flags & STRICT_RESULT != 0) == strict_result
    }

    /// Sends what was added.
    pub(crate) fn flush(&mut self) {
        if !self.frames.is_empty() {
            // A worker that is gone is noticed by the next wait.
            let _ = self.worker.link().send_frames(&[&self.frames]);
            self.frames.clear();
        }
    }

    /// Waits for what comes next while the invocation `under_way` runs; services
    /// that it asks for are answered meanwhile.
    pub(crate) fn next(&self, under_way: u64, services: &dyn Services) -> Next {
        self.reins.under_way.store(under_way, Ordering::Release);
        self.reins.listened_to.store(true, Ordering::Release);
        let next = self.wait(under_way, services);
        self.reins.listened_to.store(false, Ordering::Release);
        next
    }

    fn wait(&self, under_way: u64, services: &dyn Services) -> Next {
        loop {
            match self.worker.wait(&self.call) {
                Message::Ended(id, QueuedEnd::Done(result)) => {
                    if self.one_less_outstanding() == 0 {
                        self.worker.read_output(&self.call);
                    }
                    return Next::Ended(id, result);
                }
                Message::Ended(id, QueuedEnd::NotBegun) => {
                    self.one_less_outstanding();
                    return Next::NotBegun(id);
                }
                Message::Event(event) => return Next::Event(event),
                Message::Service(number, payload) => self.worker.link().answer(number, &payload, services),
                Message::Gone => {
                    let error = self.fault(under_way);
                    return Next::Gone { error, as_told: self.worker.was_stopped() };
                }
                // Once broken, what is known of the end comes as messages.
                Message::Broken(_) | Message::Done(_) => {}
            }
        }
    }

    /// Gives how many are left.
    fn one_less_outstanding(&self) -> u64 {
        let left = self.reins.outstanding().saturating_sub(1);
        self.reins.outstanding.store(left, Ordering::Release);
        left
    }

    fn fault(&self, invocation: u64) -> PluginError {
        let progress = self.call.progress().filter(|last| last.invocation == invocation);
        self.worker.fault(&self.action, progress)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.worker.link().finish(&self.call);
    }
}
