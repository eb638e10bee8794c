//! Runs rows in worker processes, here or on a Ray cluster.
//!
//! Each thread of the map has a worker of its own and sends it rows ahead; the
//! worker runs one after the other. When it dies, the row dies of it whose end
//! is the first that is not known. The others are sent to the next worker as if
//! nothing had happened. Where a cluster has room for fewer workers than there are
//! threads, the others share those, and send them one row at a time.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use synapse_sdk::errors::Result;
use synapse_sdk::events::Event;
use synapse_sdk::{ErrorKind, PluginError, RunState};

use super::claim::{Claim, Common};
use super::flow::Flow;
use super::local::timed_out;
use super::request::MapRequest;
use super::runner::{After, MakeRunner, RowRunner};
use super::services::{RowServices, ServicesOfAll};
use super::watch::{Reins, Watch};
use crate::plugin::Plugin;
use crate::run::{ENDED, LocalQueues, Next, Queue, QueueListener, QueueReins, Queues, RayQueues};

/// Bytes of params that are sent ahead.
const AHEAD: usize = 1 << 20;
/// Rows behind one that takes longer are called back, for other workers to run.
const PATIENCE: Duration = Duration::from_millis(50);

/// What all threads share.
struct Action {
    queues: Box<dyn Queues>,
    limit: Option<Limit>,
    services: ServicesOfAll,
    /// The worker that the action's object was made on first.
    first: Mutex<Option<(Queue, Arc<Voice>)>>,
    /// Threads so far.
    threads: AtomicUsize,
}

/// How long a row may take.
#[derive(Clone, Copy)]
struct Limit {
    timeout: Duration,
    /// So long it may go on once it was told to stop.
    grace: Duration,
}

/// What rows of a thread say, and what they may ask for.
struct Voice(Arc<RowServices>);

impl QueueListener for Voice {
    fn wants(&self, event: &Event<'_>) -> bool {
        self.0.is_shown(&event.body)
    }

    // Shown as it is where rows run in this process.
    fn printed(&self, event: Event<'_>) {
        self.0.say(event);
    }
}

impl Voice {
    fn new(services: &ServicesOfAll) -> Arc<Self> {
        // Rows are told to stop in their worker, so no flag is looked at here.
        Arc::new(Self(RowServices::new(services, &Arc::default())))
    }
}

/// Makes the action's object in a first worker of this process: what is wrong with
/// it is told before any row runs.
///
/// # Errors
/// The action is not there, or its setup fails.
pub(super) fn isolated(plugin: &Plugin, request: &MapRequest, flow: &Arc<Flow>) -> Result<Box<MakeRunner>> {
    let run = &request.run;
    let queues = LocalQueues::new(plugin, &run.action, &run.env, &run.resources, run.strict_result)?;
    let services = ServicesOfAll::new(request, flow, queues.env());
    let voice = Voice::new(&services);
    let first = queues.take(&listener(&voice))?;
    first.instantiate(&*voice.0, |event| voice.0.say(event))?;
    Ok(runners(request, Box::new(queues), services, Some((first, voice))))
}

/// Finds out how many workers there may be on the cluster.
///
/// # Errors
/// The action is not there; the cluster cannot be reached, or has no room for
/// a single worker.
pub(super) fn on_ray(plugin: &Plugin, request: &MapRequest, flow: &Arc<Flow>) -> Result<Box<MakeRunner>> {
    let run = &request.run;
    let services = ServicesOfAll::new(request, flow, &plugin.env_under(&run.env));
    let most = run.ray.workers.unwrap_or(request.concurrency).min(request.concurrency);
    let queues = RayQueues::new(plugin, run, most)?;
    Ok(runners(request, Box::new(queues), services, None))
}

fn runners(
    request: &MapRequest,
    queues: Box<dyn Queues>,
    services: ServicesOfAll,
    first: Option<(Queue, Arc<Voice>)>,
) -> Box<MakeRunner> {
    let limit = request.run.timeout.map(|timeout| Limit { timeout, grace: request.run.grace });
    let action =
        Arc::new(Action { queues, limit, services, first: Mutex::new(first), threads: AtomicUsize::new(0) });
    Box::new(move |watch| Box::new(QueuedRows::new(&action, watch)))
}

fn listener(voice: &Arc<Voice>) -> Arc<dyn QueueListener> {
    Arc::clone(voice) as Arc<dyn QueueListener>
}

/// The queue that a thread has now, for the thread that looks after all.
struct Hold {
    limit: Option<Limit>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    queue: Option<Arc<QueueReins>>,
    /// The row under way when it was looked at last.
    row: Option<Seen>,
    /// The row that was told last that its time is over.
    over: Option<u64>,
}

/// A row under way. What is known of it is never older than itself: one that
/// followed another is seen when the end of that is known.
struct Seen {
    id: u64,
    since: Instant,
    /// Whether those behind it were called back.
    recalled: bool,
    /// When it was told that its time is over.
    told: Option<Instant>,
    /// Whether its worker was told to end.
    ended: bool,
}

impl Hold {
    fn new(limit: Option<Limit>) -> Self {
        Self { limit, held: Mutex::default() }
    }

    fn take(&self, queue: Option<&Arc<QueueReins>>) {
        *self.lock() = Held { queue: queue.cloned(), ..Held::default() };
    }

    /// Whether the row that was sent under this number was told that its time
    /// is over.
    fn is_over(&self, id: u64) -> bool {
        self.lock().over == Some(id)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reins for Hold {
    fn cancel(&self) {
        if let Some(queue) = &self.lock().queue {
            queue.cancel();
        }
    }

    fn end(&self, at_once: bool) {
        if let Some(queue) = &self.lock().queue {
            queue.end(at_once);
        }
    }

    fn look(&self) {
        let mut held = self.lock();
        let Held { queue, row, over } = &mut *held;
        let Some((queue, id)) = queue.as_ref().and_then(|queue| Some((queue, queue.under_way()?))) else {
            return;
        };
        let Some(seen) = row.as_mut().filter(|seen| seen.id == id) else {
            *row = Some(Seen::now(id));
            return;
        };
        seen.call_back_others(queue);
        if self.limit.is_some_and(|limit| seen.is_over(limit, queue)) {
            *over = Some(id);
        }
    }
}

impl Seen {
    fn now(id: u64) -> Self {
        Self { id, since: Instant::now(), recalled: false, told: None, ended: false }
    }

    fn call_back_others(&mut self, queue: &QueueReins) {
        if !self.recalled && queue.outstanding() > 1 && self.since.elapsed() >= PATIENCE {
            self.recalled = true;
            queue.recall();
        }
    }

    /// Tells it to stop when its time is over, and ends its worker when it does
    /// not. The grace time counts from when it was told, so a host that was
    /// stopped itself meanwhile first learns what has ended.
    fn is_over(&mut self, limit: Limit, queue: &QueueReins) -> bool {
        match self.told {
            None if self.since.elapsed() >= limit.timeout => {
                self.told = Some(Instant::now());
                queue.cancel_one(self.id);
            }
            Some(told) if !self.ended && told.elapsed() >= limit.grace => {
                self.ended = true;
                queue.end(false);
            }
            _ => {}
        }
        self.told.is_some()
    }
}

/// A row that has begun, as far as the claim knows.
struct Row {
    number: u64,
    params: Vec<u8>,
    attempt: u32,
    /// What an attempt has saved for the next one.
    state: Option<RunState>,
    at: At,
}

enum At {
    /// To be sent.
    Here,
    /// Called back: sent again once nothing is under way.
    Back,
    /// Sent under this number.
    Sent(u64),
    Ended(Result<Vec<u8>>),
}

/// One thread and its worker.
struct QueuedRows {
    action: Arc<Action>,
    watch: Arc<Watch>,
    voice: Arc<Voice>,
    /// The number of this thread.
    thread: usize,
    queue: Option<Queue>,
    hold: Arc<Hold>,
}

impl QueuedRows {
    fn new(action: &Arc<Action>, watch: &Arc<Watch>) -> Self {
        let first = action.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (queue, voice) =
            first.map_or_else(|| (None, Voice::new(&action.services)), |(queue, voice)| (Some(queue), voice));
        let thread = action.threads.fetch_add(1, Ordering::Relaxed);
        let hold = Arc::new(Hold::new(action.limit));
        hold.take(queue.as_ref().map(Queue::reins));
        watch.hold(Arc::clone(&hold) as Arc<dyn Reins>);
        Self { action: Arc::clone(action), watch: Arc::clone(watch), voice, thread, queue, hold }
    }

    /// The worker; another one when there is none any more.
    fn queue(&mut self) -> Result<&mut Queue> {
        let queue = match self.queue.take() {
            Some(queue) => queue,
            None => {
                let queue =
                    self.action.queues.open(self.thread, &listener(&self.voice), &self.watch.flag())?;
                self.hold.take(Some(queue.reins()));
                queue
            }
        };
        Ok(self.queue.insert(queue))
    }

    /// How many rows the worker takes ahead.
    fn most_at_once(&self) -> usize {
        self.queue.as_ref().map_or(1, Queue::most_outstanding)
    }

    /// Sends rows that are here. What cannot be sent has ended.
    fn send(&mut self, rows: &mut Rows, common: &Common) {
        let stopped = self.voice.0.is_stopped();
        rows.take_up();
        for row in rows.0.iter_mut().filter(|row| matches!(row.at, At::Here)) {
            let sent = if stopped {
                Err(PluginError::cancelled())
            } else {
                self.queue().and_then(|queue| queue.push(&row.params))
            };
            match sent {
                Ok(id) => row.at = At::Sent(id),
                Err(error) => self.end(row, Err(error), common),
            }
        }
        if let Some(queue) = &mut self.queue {
            queue.flush();
            // Told to stop meanwhile, these were not among those that were told.
            if self.watch.is_cancelled() {
                queue.reins().cancel();
            }
        }
    }

    /// Waits for news of the rows that were sent.
    fn wait(&mut self, rows: &mut Rows, claim: &mut Claim<'_>) {
        let Some((id, row)) = rows.under_way() else { return };
        self.voice.0.begin_row(row.number);
        self.voice.0.begin_attempt(row.attempt);
        self.voice.0.put_state(row.state.take());
        let Some(queue) = &self.queue else { return };
        let news = queue.next(id, &*self.voice.0);
        row.state = self.voice.0.take_state();
        match news {
            Next::Event(event) => self.voice.0.say(event),
            Next::Ended(id, result) => {
                let result = self.in_time(id, result);
                if let Some(row) = rows.sent_as(id) {
                    self.end(row, result, claim.common());
                }
            }
            Next::NotBegun(id) => {
                if let Some(row) = rows.sent_as(id) {
                    row.at = At::Back;
                }
                claim.give_back(rows.pop_not_begun());
            }
            Next::Gone { error, as_told } => self.bury(error, as_told, rows, claim.common()),
        }
    }

    /// The worker has ended: the row under way has failed, and no other.
    fn bury(&mut self, error: PluginError, as_told: bool, rows: &mut Rows, common: &Common) {
        if let Some((id, row)) = rows.under_way() {
            let is_meant = self.watch.is_cancelled() || self.hold.is_over(id);
            if is_meant || !as_told {
                let stopped = as_told.then(|| PluginError::cancelled().hint(ENDED));
                let result = self.in_time(id, Err(stopped.unwrap_or(error)));
                self.end(row, result, common);
            }
            // Else it was told to end because of a row that has ended meanwhile.
        }
        self.hold.take(None);
        self.queue = None;
        rows.0.iter_mut().filter(|row| matches!(row.at, At::Sent(_))).for_each(|row| row.at = At::Here);
    }

    /// An attempt of a row has ended; perhaps there is another.
    fn end(&self, row: &mut Row, result: Result<Vec<u8>>, common: &Common) {
        row.at = match result {
            Err(error) if common.tries_again(&error, row.attempt) && !self.voice.0.is_stopped() => {
                row.attempt += 1;
                At::Here
            }
            result => At::Ended(result),
        };
    }

    /// What became of an attempt, by the name of why it was stopped.
    fn in_time(&self, id: u64, result: Result<Vec<u8>>) -> Result<Vec<u8>> {
        let Some(limit) = self.action.limit else { return result };
        result.map_err(|error| {
            if error.kind() != ErrorKind::Cancelled || !self.hold.is_over(id) {
                return error;
            }
            match error.hint_text() {
                Some(hint) => timed_out(limit.timeout).hint(hint),
                None => timed_out(limit.timeout),
            }
        })
    }
}

impl RowRunner for QueuedRows {
    fn run(&mut self, claim: &mut Claim<'_>) -> After {
        if self.queue.as_ref().is_some_and(Queue::has_ended) {
            // It died while it had nothing to do: of no row.
            self.hold.take(None);
            self.queue = None;
        }
        let mut rows = Rows::default();
        loop {
            while rows.have_room() && rows.0.len() < self.most_at_once() {
                let Some(row) = claim.next() else { break };
                rows.add(row.number, row.params);
            }
            self.send(&mut rows, claim.common());
            if rows.0.is_empty() {
                return After::GoOn;
            }
            if rows.first_has_ended().is_none() {
                self.wait(&mut rows, claim);
            }
            while let Some(result) = rows.pop_ended() {
                claim.end(result.as_deref());
            }
        }
    }
}

/// Rows that the claim takes for begun, in their order.
#[derive(Default)]
struct Rows(VecDeque<Row>);

impl Rows {
    fn have_room(&self) -> bool {
        self.0.iter().map(|row| row.params.len()).sum::<usize>() < AHEAD
    }

    fn add(&mut self, number: u64, params: Result<&[u8]>) {
        let (params, at) = match params {
            Ok(params) => (params.to_vec(), At::Here),
            Err(error) => (Vec::new(), At::Ended(Err(error))),
        };
        self.0.push_back(Row { number, params, attempt: 1, state: None, at });
    }

    /// The row that the worker is at, and its number there: of those it has, the
    /// one sent first.
    fn under_way(&mut self) -> Option<(u64, &mut Row)> {
        let sent = self.0.iter_mut().filter_map(|row| match row.at {
            At::Sent(id) => Some((id, row)),
            _ => None,
        });
        sent.min_by_key(|(id, _)| *id)
    }

    fn sent_as(&mut self, id: u64) -> Option<&mut Row> {
        self.0.iter_mut().find(|row| matches!(row.at, At::Sent(sent) if sent == id))
    }

    fn first_has_ended(&self) -> Option<()> {
        self.0.front().filter(|row| matches!(row.at, At::Ended(_))).map(|_| ())
    }

    fn pop_ended(&mut self) -> Option<Result<Vec<u8>>> {
        self.first_has_ended()?;
        self.0.pop_front().and_then(|row| match row.at {
            At::Ended(result) => Some(result),
            At::Here | At::Back | At::Sent(_) => None,
        })
    }

    /// What was called back is to be sent again when nothing is under way.
    fn take_up(&mut self) {
        if self.under_way().is_none() {
            self.0.iter_mut().filter(|row| matches!(row.at, At::Back)).for_each(|row| row.at = At::Here);
        }
    }

    /// Takes out the last ones that have never begun; gives how many.
    fn pop_not_begun(&mut self) -> usize {
        let fresh = |row: &&Row| row.attempt == 1 && matches!(row.at, At::Back);
        let count = self.0.iter().rev().take_while(fresh).count();
        self.0.truncate(self.0.len() - count);
        count
    }
}
