//! Starts the threads of a map and stays with them to the end.
//!
//! One thread reads rows, several run them, and the one that called writes
//! results, tells events, and looks after time-outs and the wish to stop.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use synapse_sdk::errors::Result;
use synapse_sdk::events::Event;
use synapse_sdk::{ErrorKind, PluginError};

use super::base::Base;
use super::claim::{Claim, Common, Part};
use super::done::DoneRows;
use super::flow::{Flow, News};
use super::request::MapRequest;
use super::runner::{After, MakeRunner, choose};
use super::source::{Source, read_rows};
use super::watch::Watch;
use super::{Listener, Progress, RowOutcome, Summary, local};
use crate::plugin::Plugin;
use crate::run::count_lost_thread;

/// How often time-outs and the wish to stop are looked at.
const LOOK: Duration = Duration::from_millis(50);
/// The stack of a main thread on Linux.
const STACK: usize = 8 << 20;
/// Processes that were ended are gone by then, unless the system is stuck.
const ENDING: Duration = Duration::from_secs(20);
/// Rows taken at a time, at most.
const MOST_AT_ONCE: usize = 256;
/// Rows are taken for about this much work.
const AT_ONCE: Duration = Duration::from_millis(2);
/// Threads that may be lost to rows that do not stop: each goes on computing.
const MOST_LOST: usize = 64;

/// Where results go, and what is told.
pub(crate) trait Sink {
    /// # Errors
    /// They cannot be written: the map ends.
    fn part(&mut self, part: &Part) -> Result<()>;

    /// No further parts are at hand.
    ///
    /// # Errors
    /// As [`part`](Self::part).
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn event(&mut self, row: Option<u64>, event: &Event<'_>);

    fn progress(&mut self, progress: Progress);
}

/// A listener as a sink.
pub(super) struct Told<L>(pub(super) L);

impl<L: Listener> Sink for Told<L> {
    fn part(&mut self, part: &Part) -> Result<()> {
        for done in &part.done {
            let text = part.text(done);
            let result = if done.failed { Err(PluginError::from_json(text.as_bytes())) } else { Ok(text) };
            self.0.outcome(RowOutcome { row: done.row, result });
        }
        Ok(())
    }

    fn event(&mut self, row: Option<u64>, event: &Event<'_>) {
        self.0.event(row, event);
    }

    fn progress(&mut self, progress: Progress) {
        self.0.progress(progress);
    }
}

/// Runs all rows of `source` but those in `done`.
///
/// # Errors
/// What is wrong before any row runs.
pub(crate) fn run(
    plugin: &Plugin,
    request: &MapRequest,
    source: Box<dyn Source>,
    done: DoneRows,
    sink: &mut dyn Sink,
) -> Result<Summary> {
    let started = Instant::now();
    let common =
        Common { base: Base::read(&request.run.params)?, retries: request.retries, input: source.name() };
    let flow = Arc::new(Flow::new(request.ordered, request.concurrency));
    let make = choose(plugin, request, &flow)?;
    let name = format!("{}:{}", plugin.config().code, request.run.action);
    let crew = Crew { name, flow: Arc::clone(&flow), common: common.into(), make: make.into() };
    let mut map = Map {
        request,
        crew,
        watches: Vec::new(),
        lost: 0,
        progress: Progress::default(),
        stopped: None,
        stop_asked: None,
        ending: None,
    };
    for _ in 0..request.concurrency {
        map.hire()?;
    }
    let reading = Arc::clone(&flow);
    thread::Builder::new().name("rows".into()).spawn(move || {
        let _guard = Guard(Arc::clone(&reading));
        read_rows(source, &done, &reading);
    })?;
    map.follow(sink);
    Ok(map.summary(started.elapsed()))
}

/// What a worker's thread needs.
struct Crew {
    name: String,
    flow: Arc<Flow>,
    common: Arc<Common>,
    make: Arc<MakeRunner>,
}

impl Crew {
    fn spawn(&self, watch: Arc<Watch>, timed: bool) -> Result<()> {
        let (flow, common, make) = (Arc::clone(&self.flow), Arc::clone(&self.common), Arc::clone(&self.make));
        let work = move || {
            let _guard = Guard(Arc::clone(&flow));
            work(&flow, &common, &*make, &watch, timed);
        };
        thread::Builder::new().name(self.name.clone()).stack_size(STACK).spawn(work)?;
        Ok(())
    }
}

fn work(flow: &Flow, common: &Common, make: &MakeRunner, watch: &Arc<Watch>, timed: bool) {
    let mut runner = make(watch);
    let one_by_one = timed && watch.loses_rows();
    let mut most = 1;
    while let Some(span) = flow.take(most) {
        if one_by_one {
            watch.took(span.clone());
        }
        let mut claim = Claim::new(flow, common, span);
        if runner.run(&mut claim) == After::GivenUp {
            return;
        }
        if !one_by_one {
            // In another process the time of a row alone tells of the way there.
            let pace = if watch.loses_rows() { claim.pace() } else { claim.pace_behind_first() };
            most = next_most(most, pace);
        }
        claim.hand_over();
    }
}

/// How many rows to take at once, after so many took so long.
fn next_most(most: usize, (rows, elapsed): (usize, Duration)) -> usize {
    if rows == 0 {
        return 2;
    }
    let each = elapsed.as_nanos() / rows as u128;
    let fitting = (AT_ONCE.as_nanos() / each.max(1)) as usize;
    fitting.clamp(1, (most * 4).min(MOST_AT_ONCE))
}

/// A thread that panics ends the map instead of leaving it waiting.
struct Guard(Arc<Flow>);

impl Drop for Guard {
    fn drop(&mut self) {
        if thread::panicking() {
            let error = PluginError::new(ErrorKind::Internal, "a thread of the map panicked");
            self.0.end_input(Default::default(), Some(error));
            self.0.abandon();
        }
    }
}

/// A map under way.
struct Map<'a> {
    request: &'a MapRequest,
    crew: Crew,
    watches: Vec<Arc<Watch>>,
    lost: usize,
    progress: Progress,
    stopped: Option<PluginError>,
    stop_asked: Option<Instant>,
    /// Since when it waits for processes that were ended.
    ending: Option<Instant>,
}

impl Map<'_> {
    fn hire(&mut self) -> Result<()> {
        let watch = Arc::<Watch>::default();
        self.crew.spawn(Arc::clone(&watch), self.request.run.timeout.is_some())?;
        self.watches.push(watch);
        Ok(())
    }

    fn follow(&mut self, sink: &mut dyn Sink) {
        loop {
            let news = self.crew.flow.news(LOOK);
            if let Err(error) = self.write(&news, sink) {
                self.stop(error);
            }
            self.note(&news);
            sink.progress(self.progress);
            if news.finished {
                break;
            }
            self.watches.iter().for_each(|watch| watch.look_after());
            self.look_at_time_outs();
            let asked = self.request.cancel.asked();
            if asked > 0 {
                self.stop(PluginError::cancelled());
            }
            let over = |since: Instant| asked > 1 || since.elapsed() >= self.request.run.grace;
            if self.stop_asked.is_some_and(over) && self.end_now() {
                break;
            }
        }
    }

    /// Ends what has not stopped. True when there is nothing to wait for.
    fn end_now(&mut self) -> bool {
        if let Some(since) = self.ending {
            return since.elapsed() >= ENDING;
        }
        self.ending = Some(Instant::now());
        let lost = self.watches.iter().filter(|watch| !watch.end_process()).count();
        (0..lost).for_each(|_| count_lost_thread());
        lost > 0
    }

    fn write(&mut self, news: &News, sink: &mut dyn Sink) -> Result<()> {
        for said in &news.events {
            sink.event(said.row, &said.event);
        }
        // Once results could not be written, none are.
        if self.stopped.as_ref().is_some_and(|error| error.kind() == ErrorKind::Io) {
            return Ok(());
        }
        for part in &news.parts {
            sink.part(part)?;
        }
        if !news.parts.is_empty() {
            sink.flush()?;
        }
        for done in news.parts.iter().flat_map(|part| &part.done) {
            let count = if done.failed { &mut self.progress.failed } else { &mut self.progress.succeeded };
            *count += 1;
        }
        Ok(())
    }

    fn note(&mut self, news: &News) {
        self.progress.skipped = news.read.skipped;
        self.progress.total = news.read_all.then_some(news.read.rows);
        self.progress.bytes = news.read.bytes.saturating_sub(news.unwritten_bytes as u64);
    }

    fn look_at_time_outs(&mut self) {
        let Some(timeout) = self.request.run.timeout else { return };
        for index in 0..self.watches.len() {
            let Some(row) = self.watches[index].look(timeout, self.request.run.grace) else { continue };
            count_lost_thread();
            self.lost += 1;
            self.watches.swap_remove(index);
            let error = local::timed_out(timeout).hint(NOT_STOPPED);
            self.crew.flow.hand_over(Part::of_lost(&row, &error), None);
            let hired = if self.lost < MOST_LOST { self.hire() } else { Err(too_many_lost()) };
            if let Err(error) = hired {
                self.stop(error);
            }
            // The others have moved up; they are looked at next time.
            return;
        }
    }

    /// Ends the map early; the first reason counts.
    fn stop(&mut self, why: PluginError) {
        if self.stop_asked.is_none() {
            self.stop_asked = Some(Instant::now());
            self.stopped = Some(why);
            self.crew.flow.stop();
        }
        self.watches.iter().for_each(|watch| watch.stop());
    }

    fn summary(&mut self, elapsed: Duration) -> Summary {
        let Progress { succeeded, failed, skipped, .. } = self.progress;
        let stopped = self.stopped.take().or_else(|| self.crew.flow.broken());
        Summary { succeeded, failed, skipped, elapsed, stopped }
    }
}

fn too_many_lost() -> PluginError {
    let message = format!("{MOST_LOST} rows did not stop when their time was over, and still run");
    PluginError::new(ErrorKind::TimedOut, message).hint(NOT_STOPPED)
}

const NOT_STOPPED: &str = "the row did not stop when it was told to: let the action report progress with \
                           `ctx.set_progress(…)?`, which ends a row whose time is over";
