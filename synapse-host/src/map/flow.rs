//! What the reader, the workers and the writer of a map share: rows that wait
//! to be run, results that wait to be written, and what rows have said.
//!
//! All of it is bounded. Who is ahead waits: the reader while many rows are
//! under way, workers while many results wait for an earlier row, rows while
//! what they say is not taken.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use synapse_sdk::PluginError;
use synapse_sdk::events::Event;

use super::chunk::{Chunk, Span};
use super::claim::Part;

/// Rows that were read and are not written yet.
const MOST_ROWS: usize = 1 << 14;
/// Bytes of those rows.
const MOST_BYTES: usize = 32 << 20;
/// Bytes of results that wait to be written.
const MOST_HELD: usize = 64 << 20;
/// Events that wait to be taken.
const MOST_EVENTS: usize = 1 << 12;

pub(super) struct Flow {
    ordered: bool,
    workers: usize,
    stopped: AtomicBool,
    state: Mutex<State>,
    /// There may be rows to run.
    work: Condvar,
    /// There may be room for rows and events.
    room: Condvar,
    /// There is something for the writer.
    news: Condvar,
}

#[derive(Default)]
struct State {
    queue: BTreeMap<u64, Span>,
    queued: usize,
    running: usize,
    parts: BTreeMap<u64, Part>,
    held: usize,
    /// Where the next part to be written begins.
    next: u64,
    published: u64,
    unwritten: Amount,
    events: VecDeque<RowEvent>,
    events_taken: bool,
    read: ReadSoFar,
    input: Input,
    idle_workers: usize,
    writer_waits: bool,
}

#[derive(Clone, Copy, Default)]
struct Amount {
    rows: usize,
    bytes: usize,
}

/// How far the reader is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ReadSoFar {
    pub(super) rows: u64,
    pub(super) skipped: u64,
    pub(super) bytes: u64,
}

#[derive(Default)]
enum Input {
    #[default]
    Open,
    Ended,
    Broken(PluginError),
}

/// What a row has said, or the setup of the action.
pub(super) struct RowEvent {
    pub(super) row: Option<u64>,
    pub(super) event: Event<'static>,
}

/// What there is for the writer.
#[derive(Default)]
pub(super) struct News {
    pub(super) parts: Vec<Part>,
    pub(super) events: VecDeque<RowEvent>,
    pub(super) read: ReadSoFar,
    /// Of the bytes read, those of rows that are not written.
    pub(super) unwritten_bytes: usize,
    /// All that the input holds was read.
    pub(super) read_all: bool,
    /// Nothing more will come.
    pub(super) finished: bool,
}

impl Flow {
    pub(super) fn new(ordered: bool, workers: usize) -> Self {
        Self {
            ordered,
            workers,
            stopped: AtomicBool::new(false),
            state: Mutex::default(),
            work: Condvar::new(),
            room: Condvar::new(),
            news: Condvar::new(),
        }
    }

    /// Rows to be run. False once nobody wants more.
    pub(super) fn publish(&self, chunk: Chunk, read: ReadSoFar) -> bool {
        let mut state = self.lock();
        while state.unwritten.is_much() && !self.is_stopped() {
            state = wait(&self.room, state);
        }
        if self.is_stopped() {
            return false;
        }
        state.read = read;
        let rows = chunk.rows.len();
        if rows > 0 {
            state.unwritten.rows += rows;
            state.unwritten.bytes += chunk.text.len();
            let first = state.published;
            state.published += rows as u64;
            state.enqueue(Span { chunk: chunk.into(), first, rows: 0..rows });
            self.wake_workers(&state);
        }
        true
    }

    /// The reader has come to the end of the input, or cannot go on.
    pub(super) fn end_input(&self, read: ReadSoFar, broken: Option<PluginError>) {
        let mut state = self.lock();
        state.read = read;
        state.input = broken.map_or(Input::Ended, Input::Broken);
        self.work.notify_all();
        self.wake_writer(&state);
    }

    /// Whether workers would take more rows than there are.
    pub(super) fn is_hungry(&self) -> bool {
        self.lock().queued == 0
    }

    /// Up to `most` rows to run, waiting for them; `None` when there are no more.
    pub(super) fn take(&self, most: usize) -> Option<Span> {
        let mut state = self.lock();
        loop {
            if self.is_stopped() {
                return None;
            }
            if let Some(first) = state.queue.first_key_value().map(|(first, _)| *first) {
                // The row that all results wait for must not wait itself.
                if state.held < MOST_HELD || (self.ordered && first == state.next) {
                    return state.claim(most, self.workers);
                }
            } else if state.running == 0 && !matches!(state.input, Input::Open) {
                return None;
            }
            state.idle_workers += 1;
            state = wait(&self.work, state);
            state.idle_workers -= 1;
        }
    }

    /// Results of rows that were taken, and rows that were not run after all.
    pub(super) fn hand_over(&self, part: Part, rest: Option<Span>) {
        let mut state = self.lock();
        state.running = state.running.saturating_sub(1);
        self.take_back(&mut state, part, rest);
        if state.running == 0 && state.queue.is_empty() {
            self.wake_workers(&state);
            self.wake_writer(&state);
        }
    }

    /// As [`hand_over`](Self::hand_over), for a worker that keeps some rows.
    pub(super) fn hand_over_early(&self, part: Part, rest: Option<Span>) {
        self.take_back(&mut self.lock(), part, rest);
    }

    fn take_back(&self, state: &mut State, part: Part, rest: Option<Span>) {
        if let Some(rest) = rest.filter(|_| !self.is_stopped()) {
            state.enqueue(rest);
            self.wake_workers(state);
        }
        if part.rows > 0 {
            state.held += part.lines.len();
            let due = !self.ordered || part.first == state.next;
            state.parts.insert(part.first, part);
            if due {
                self.wake_writer(state);
            }
        }
    }

    /// What a row has said. Waits while much of it is not taken.
    pub(super) fn say(&self, row: Option<u64>, event: Event<'_>) {
        let mut state = self.lock();
        // Before the writer has begun, as in a setup, nobody would end the wait.
        while state.events.len() >= MOST_EVENTS && state.events_taken && !self.is_stopped() {
            state = wait(&self.room, state);
        }
        state.events.push_back(RowEvent { row, event: event.into_owned() });
        self.wake_writer(&state);
    }

    /// What there is to be written and told, waiting for it up to `patience`.
    pub(super) fn news(&self, patience: Duration) -> News {
        let mut state = self.lock();
        state.events_taken = true;
        let mut news = self.collect(&mut state);
        if news.parts.is_empty() && news.events.is_empty() && !news.finished {
            state.writer_waits = true;
            let waited = self.news.wait_timeout(state, patience);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.writer_waits = false;
            news = self.collect(&mut state);
        }
        if !news.parts.is_empty() || !news.events.is_empty() {
            self.room.notify_all();
            self.wake_workers(&state);
        }
        news
    }

    fn collect(&self, state: &mut State) -> News {
        let mut news = News { events: std::mem::take(&mut state.events), ..News::default() };
        while let Some(entry) = state.parts.first_entry() {
            // What was done before the map was stopped is kept, gaps or not.
            if self.ordered && *entry.key() != state.next && !self.is_stopped() {
                break;
            }
            let part = entry.remove();
            state.next = part.first + part.rows as u64;
            state.held -= part.lines.len();
            state.unwritten.rows -= part.rows;
            state.unwritten.bytes = state.unwritten.bytes.saturating_sub(part.bytes);
            news.parts.push(part);
        }
        news.read = state.read;
        news.unwritten_bytes = state.unwritten.bytes;
        news.read_all = matches!(state.input, Input::Ended);
        let no_more = self.is_stopped() || !matches!(state.input, Input::Open);
        news.finished = no_more && state.running == 0 && state.queue.is_empty() && state.parts.is_empty();
        news
    }

    /// Nothing that has not begun begins any more.
    pub(super) fn stop(&self) {
        let mut state = self.lock();
        self.stopped.store(true, Ordering::Relaxed);
        state.queue.clear();
        state.queued = 0;
        drop(state);
        self.work.notify_all();
        self.room.notify_all();
        self.news.notify_all();
    }

    /// As [`stop`](Self::stop), when a thread will not hand over what it has.
    pub(super) fn abandon(&self) {
        self.stop();
        self.lock().running = 0;
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Why the input could not be read to its end.
    pub(super) fn broken(&self) -> Option<PluginError> {
        match std::mem::replace(&mut self.lock().input, Input::Ended) {
            Input::Broken(error) => Some(error),
            Input::Open | Input::Ended => None,
        }
    }

    fn wake_workers(&self, state: &State) {
        if state.idle_workers > 0 {
            self.work.notify_all();
        }
    }

    fn wake_writer(&self, state: &State) {
        if state.writer_waits {
            self.news.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Amount {
    fn is_much(self) -> bool {
        self.rows >= MOST_ROWS || self.bytes >= MOST_BYTES
    }
}

impl State {
    fn enqueue(&mut self, span: Span) {
        self.queued += span.len();
        self.queue.insert(span.first, span);
    }

    /// The first rows that wait, no more than a fair share of all.
    fn claim(&mut self, most: usize, workers: usize) -> Option<Span> {
        let count = most.min(self.queued / workers).max(1);
        let (_, mut span) = self.queue.pop_first()?;
        self.queued -= span.len();
        if let Some(rest) = span.split_off(count) {
            self.enqueue(rest);
        }
        self.running += 1;
        Some(span)
    }
}

fn wait<'a>(condition: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    condition.wait(state).unwrap_or_else(PoisonError::into_inner)
}
