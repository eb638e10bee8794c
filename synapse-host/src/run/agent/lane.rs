//! Invocations of a host that run in order, on a worker of their own.
//!
//! What the host sends ahead is sent ahead to the worker too, and the ends of many
//! go back at once. When the worker dies, the invocation it died of ends with
//! that, those behind it come back as not begun, and what comes next has another worker.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use synapse_sdk::PluginError;
use synapse_sdk::errors::Result;
use synapse_sdk::events::Event;

use super::connection::{Connection, lock};
use super::remote::Remote;
use crate::run::isolated::{ENDED, LocalQueues, Next, Queue, QueueListener, QueueReins};
use crate::worker::event_codec::End;
use crate::worker::protocol::{Kind, STRICT_RESULT, read_invoke};

/// Longer results have frames of their own.
const LONG_RESULT: usize = 64 << 10;
/// A worker that has had nothing to do for so long may serve others.
const IDLE: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Lane {
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// The first of them is under way.
    sent: VecDeque<Sent>,
    /// Of the worker that has those.
    reins: Option<Arc<QueueReins>>,
    /// Since some were sent last, others of those were told something.
    told: Told,
    has_thread: bool,
    asleep: bool,
    closed: bool,
}

/// As it came from the host.
struct Waiting {
    id: u64,
    flags: u16,
    /// The action's name and the params.
    payload: Vec<u8>,
}

/// What the worker has.
struct Sent {
    id: u64,
    /// Its number there.
    number: u64,
    cancelled: bool,
    /// The worker was told to end because of it.
    ends_worker: bool,
}

#[derive(Clone, Copy, Default)]
struct Told {
    recalled: bool,
    cancelled: bool,
}

/// Takes what the invocation under way says.
struct Voice {
    connection: Arc<Connection>,
    /// Its id.
    under_way: AtomicU64,
}

impl QueueListener for Voice {
    fn wants(&self, _: &Event<'_>) -> bool {
        true
    }

    fn printed(&self, event: Event<'_>) {
        self.connection.event(self.under_way.load(Ordering::Relaxed), &event);
    }
}

impl Lane {
    /// Has what came looked at.
    pub(super) fn stir(&self) {
        let mut state = lock(&self.state);
        if state.asleep && !state.waiting.is_empty() {
            state.asleep = false;
            drop(state);
            self.work.notify_one();
        }
    }

    /// Passes a word on to the worker that has this invocation, if one has.
    pub(super) fn tell(&self, kind: Kind, id: u64) {
        let state = lock(&self.state);
        if let (Some(sent), Some(reins)) = (state.sent.iter().find(|sent| sent.id == id), &state.reins) {
            reins.tell(kind, [sent.number]);
        }
    }

    /// The host is gone. True when there is something that has to stop.
    pub(super) fn close(&self) -> bool {
        let mut state = lock(&self.state);
        state.closed = true;
        state.waiting.clear();
        state.sent.iter_mut().for_each(|sent| sent.cancelled = true);
        state.told.cancelled = true;
        if let Some(reins) = &state.reins {
            state.sent.iter().for_each(|sent| reins.cancel_one(sent.number));
        }
        state.asleep = false;
        self.work.notify_all();
        !state.sent.is_empty()
    }

    /// Ends the worker if it has something still.
    pub(super) fn end_worker(&self) {
        let state = lock(&self.state);
        if let Some(reins) = state.reins.as_ref().filter(|_| !state.sent.is_empty()) {
            reins.end(false);
        }
    }

    /// Waits for something to do. False when nothing came for a while: the queue is
    /// given up, and what comes next has another thread.
    fn wait(&self, queue: &mut Option<Queue>) -> bool {
        let idle = |state: &State| state.waiting.is_empty() && state.sent.is_empty();
        let mut state = lock(&self.state);
        if idle(&state) && !state.closed {
            state.asleep = true;
            let waited = self.work.wait_timeout_while(state, IDLE, |state| state.asleep);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.asleep = false;
        }
        let is_idle = idle(&state);
        if is_idle {
            (*queue, state.reins, state.has_thread) = (None, None, false);
        }
        !is_idle
    }

    /// The invocation under way: its id, and its number at the worker.
    fn under_way(&self) -> Option<(u64, u64)> {
        lock(&self.state).sent.front().map(|sent| (sent.id, sent.number))
    }

    /// Takes out what the worker had under this number; gives its id, and whether it was the last.
    fn take(&self, number: u64) -> Option<(u64, bool)> {
        let mut state = lock(&self.state);
        let index = state.sent.iter().position(|sent| sent.number == number)?;
        let sent = state.sent.remove(index)?;
        Some((sent.id, state.sent.is_empty() && state.waiting.is_empty()))
    }
}

impl State {
    /// # Errors
    /// The first that waits is too long.
    fn push_into(&mut self, queue: &mut Queue) -> Result<()> {
        self.reins = Some(Arc::clone(queue.reins()));
        self.told = Told::default();
        while self.sent.len() < queue.most_outstanding()
            && let Some(next) = self.waiting.front()
            && let Ok((action, params)) = read_invoke(&next.payload)
            && queue.is_of(action, next.is_strict())
        {
            let (id, number) = (next.id, queue.push(params)?);
            self.waiting.pop_front();
            self.sent.push_back(Sent { id, number, cancelled: false, ends_worker: false });
        }
        Ok(())
    }
}

impl Waiting {
    fn is_strict(&self) -> bool {
        self.flags & STRICT_RESULT != 0
    }
}

impl Connection {
    /// Takes an invocation that runs after those that came before it.
    pub(super) fn queue(self: &Arc<Self>, id: u64, flags: u16, payload: Vec<u8>) {
        let mut state = lock(&self.lane.state);
        state.waiting.push_back(Waiting { id, flags, payload });
        if !state.has_thread {
            let connection = Arc::clone(self);
            let builder = thread::Builder::new().name("in order".into());
            // When the system gives none, the next one tries again.
            state.has_thread = builder.spawn(move || connection.run_in_order()).is_ok();
        }
    }

    /// The host has an invocation stopped, or its worker ended too.
    pub(super) fn cancel_in_order(&self, id: u64, end_worker: bool) {
        let mut state = lock(&self.lane.state);
        let state = &mut *state;
        if let Some(index) = state.sent.iter().position(|sent| sent.id == id) {
            let sent = &mut state.sent[index];
            (sent.cancelled, state.told.cancelled) = (true, true);
            sent.ends_worker |= end_worker && index == 0;
            if let Some(reins) = &state.reins {
                reins.cancel_one(sent.number);
                if sent.ends_worker {
                    reins.end(false);
                }
            }
        } else if let Some(index) = state.waiting.iter().position(|waiting| waiting.id == id) {
            state.waiting.remove(index);
            self.end_later(id, End::Error, &PluginError::cancelled().to_json_bytes());
        }
    }

    /// Gives back what has not begun.
    pub(super) fn recall(&self) {
        let mut state = lock(&self.lane.state);
        state.told.recalled = true;
        if let Some(reins) = &state.reins {
            reins.recall();
        }
        for waiting in std::mem::take(&mut state.waiting) {
            self.end_later(waiting.id, End::NotBegun, &[]);
        }
    }

    /// A thread's life: until there was nothing to do for a while.
    fn run_in_order(self: &Arc<Self>) {
        let voice = Arc::new(Voice { connection: Arc::clone(self), under_way: AtomicU64::new(0) });
        let (mut queue, mut remote) = (None, None);
        while self.lane.wait(&mut queue) {
            if let Err(error) = self.send_ahead(&mut queue, &voice) {
                self.end_first_waiting(error);
            }
            let (Some(open), Some((id, number))) = (&queue, self.lane.under_way()) else { continue };
            voice.under_way.store(id, Ordering::Relaxed);
            // What an invocation keeps here it keeps to its end.
            let remote = match &mut remote {
                Some((of, remote)) if *of == id => remote,
                other => &mut other.insert((id, Remote::new(id, self))).1,
            };
            match open.next(number, remote) {
                Next::Event(event) => self.event(id, &event),
                Next::Ended(number, result) => self.tell_end(number, result),
                Next::NotBegun(number) => {
                    if let Some((id, _)) = self.lane.take(number) {
                        self.end(id, End::NotBegun, &[]);
                    }
                }
                Next::Gone { error, as_told } => {
                    queue = None;
                    if super::is_ending() {
                        // The host sees the end of the connection, which says what happened.
                        return;
                    }
                    self.bury(error, as_told);
                }
            }
        }
    }

    /// Sends what waits, as far as one queue takes it.
    fn send_ahead(&self, queue: &mut Option<Queue>, voice: &Arc<Voice>) -> Result<()> {
        let (action, strict_result, none_sent) = {
            let state = lock(&self.lane.state);
            let Some(first) = state.waiting.front() else { return Ok(()) };
            (read_invoke(&first.payload)?.0.to_owned(), first.is_strict(), state.sent.is_empty())
        };
        let serves = |queue: &Queue| queue.is_of(&action, strict_result) && !queue.has_ended();
        if none_sent && !queue.as_ref().is_some_and(serves) {
            *queue = None;
            let setup = self.setup()?;
            let (env, limits) = (Arc::clone(&setup.env), setup.limits.clone());
            let queues = LocalQueues::of(&self.plugin, &action, env, limits, strict_result);
            *queue = Some(queues.take(&(Arc::clone(voice) as Arc<dyn QueueListener>))?);
        }
        // With another action it waits for the queue to be empty.
        let Some(open) = queue else { return Ok(()) };
        let pushed = lock(&self.lane.state).push_into(open);
        open.flush();
        self.tell_again(open);
        pushed
    }

    /// What was told while it was sent may have come before it.
    fn tell_again(&self, queue: &Queue) {
        let state = lock(&self.lane.state);
        if state.told.recalled {
            queue.reins().recall();
        }
        if state.told.cancelled {
            let cancelled = state.sent.iter().filter(|sent| sent.cancelled);
            queue.reins().tell(Kind::Cancel, cancelled.map(|sent| sent.number));
        }
    }

    /// What waits cannot be sent: the first of it ends with that.
    fn end_first_waiting(&self, error: PluginError) {
        let first = lock(&self.lane.state).waiting.pop_front();
        if let Some(first) = first {
            self.reply(Kind::Result, first.id, Err(error));
        }
    }

    fn tell_end(&self, number: u64, result: Result<Vec<u8>>) {
        let Some((id, is_last)) = self.lane.take(number) else { return };
        let (end, bytes) = match &result {
            Ok(bytes) => (End::Result, bytes),
            Err(error) => (End::Error, &error.to_json_bytes()),
        };
        // Before a pause all is sent; else it can wait for more.
        if is_last || bytes.len() > LONG_RESULT {
            self.reply(Kind::Result, id, result);
        } else {
            self.end(id, end, bytes);
        }
    }

    /// The worker has ended: the invocation under way has failed, and no other has begun.
    fn bury(&self, error: PluginError, as_told: bool) {
        let mut state = lock(&self.lane.state);
        state.reins = None;
        let mut sent = std::mem::take(&mut state.sent);
        drop(state);
        // Else it was told to end because of one that has ended meanwhile.
        if sent.front().is_some_and(|first| first.ends_worker || !as_told)
            && let Some(first) = sent.pop_front()
        {
            let error = if as_told { PluginError::cancelled().hint(ENDED) } else { error };
            self.reply(Kind::Result, first.id, Err(error));
        }
        sent.iter().for_each(|sent| self.end(sent.id, End::NotBegun, &[]));
    }
}
