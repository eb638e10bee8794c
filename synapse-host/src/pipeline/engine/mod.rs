//! Runs the nodes of a pipeline, as many at once as there are jobs.
//!
//! The threads that run nodes take them from one another without a scheduler in
//! between: who ends a node notes that in the journal, finds what it made ready,
//! and goes on with that. The thread that called watches: it hands over what
//! happens, looks after time-outs, and ends the run.

mod fan_out;
mod news;
mod values;
mod watch;
mod work;

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use synapse_sdk::errors::{Result, TimedOut};
use synapse_sdk::{Env, ErrorKind, PluginError};

use crate::pipeline::check::Plan;
use crate::pipeline::journal::{Journal, Line};
use crate::pipeline::model::{Node, OnFailure};
use crate::pipeline::report::NodeStatus;
use crate::run::{SharedFolder, WatchedReins};

pub use self::news::{News, Task, Watcher};
use self::values::Start;
pub(crate) use self::values::output;

/// How often time-outs and the wish to stop are looked at.
const LOOK: Duration = Duration::from_millis(50);
/// The stack of a main thread on Linux.
const STACK: usize = 8 << 20;

/// What a run of the engine is given.
pub(crate) struct Job {
    pub(crate) plan: Arc<Plan>,
    pub(crate) inputs: Map<String, Value>,
    pub(crate) jobs: usize,
    pub(crate) id: String,
    /// Where state and work files lie; none for a run that leaves nothing.
    pub(crate) folder: Option<PathBuf>,
    /// The same folder, for nodes on other machines.
    pub(crate) shared: Option<SharedFolder>,
    pub(crate) env: Env,
    pub(crate) journal: Option<Journal>,
    pub(crate) cache: Option<crate::pipeline::cache::Cache>,
    /// What an earlier process has finished.
    pub(crate) earlier: Earlier,
}

/// What an earlier process of the same run has done.
#[derive(Default)]
pub(crate) struct Earlier {
    pub(crate) results: HashMap<Task, (Value, f64, bool)>,
    pub(crate) attempts: HashMap<Task, u32>,
}

/// How one node ended.
#[derive(Debug)]
pub(crate) struct NodeEnd {
    pub(crate) status: NodeStatus,
    pub(crate) elapsed: Duration,
    pub(crate) attempts: u32,
    pub(crate) items: Option<usize>,
    pub(crate) error: Option<PluginError>,
    /// When it ended, counted.
    pub(crate) place: usize,
}

/// How all of it ended.
pub(crate) struct End {
    pub(crate) nodes: Vec<NodeEnd>,
    pub(crate) results: Vec<Option<Arc<Value>>>,
    pub(crate) journal: Option<Journal>,
    /// Why it stopped, other than by a node that failed.
    pub(crate) stopped: Option<PluginError>,
}

enum Outcome {
    Value(Arc<Value>),
    Skipped,
}

/// What all threads share.
struct Engine {
    plan: Arc<Plan>,
    names: HashMap<String, usize>,
    inputs: Map<String, Value>,
    run: Map<String, Value>,
    folder: Option<PathBuf>,
    shared: Option<SharedFolder>,
    envs: Vec<Env>,
    /// Of nodes that have ended, read without a lock.
    outcomes: Vec<OnceLock<Outcome>>,
    state: Mutex<State>,
    /// For threads that wait for a node.
    ready: Condvar,
    /// For the one that watches.
    over: Condvar,
    journal: Mutex<Option<Journal>>,
    cache: Option<crate::pipeline::cache::Cache>,
    earlier: Earlier,
    stopping: AtomicBool,
    /// Why the journal could not be written.
    broken: Mutex<Option<PluginError>>,
}

struct State {
    nodes: Vec<Progress>,
    ready: VecDeque<usize>,
    running: HashMap<Task, Running>,
    news: Vec<News>,
    /// Threads that wait for a node.
    waiting: usize,
    /// Nodes that have not ended.
    open: usize,
    ended: usize,
    stopped: Option<PluginError>,
    finished: bool,
}

#[derive(Default)]
struct Progress {
    waits: usize,
    fan_out: Option<FanOut>,
    begun: Option<Instant>,
    end: Option<NodeEnd>,
    attempts: u32,
}

struct FanOut {
    list: Arc<Vec<Value>>,
    results: Vec<Option<Value>>,
    next: usize,
    running: usize,
    left: usize,
    failed: Option<PluginError>,
    limit: usize,
}

/// An attempt that is under way.
struct Running {
    reins: Option<WatchedReins>,
    since: Instant,
    timeout: Option<Duration>,
    over: Arc<AtomicBool>,
    asked: Option<Instant>,
    /// Its thread was left alone.
    lost: Arc<AtomicBool>,
}

pub(crate) fn run(job: Job, watcher: &mut dyn Watcher) -> Result<End> {
    let jobs = job.jobs.max(1);
    let engine = Arc::new(Engine::new(job));
    engine.begin();
    for number in 0..jobs {
        hire(&engine, number)?;
    }
    engine.watch(watcher);
    engine.end()
}

fn hire(engine: &Arc<Engine>, number: usize) -> Result<()> {
    let engine = Arc::clone(engine);
    let work = move || {
        let guard = Guard(Arc::clone(&engine));
        while let Some((task, request)) = engine.take() {
            if engine.perform(task, request).is_lost() {
                break;
            }
        }
        drop(guard);
    };
    thread::Builder::new().name(format!("node {number}")).stack_size(STACK).spawn(work)?;
    Ok(())
}

/// A thread that panics ends the run instead of leaving it waiting.
struct Guard(Arc<Engine>);

impl Drop for Guard {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop(PluginError::new(ErrorKind::Internal, "a thread of the pipeline panicked"));
            self.0.lock().finished = true;
            self.0.over.notify_all();
        }
    }
}

impl Engine {
    fn new(job: Job) -> Self {
        let Job { plan, inputs, id, folder, shared, env, journal, cache, earlier, .. } = job;
        let nodes = &plan.pipeline.nodes;
        let names = nodes.iter().enumerate().map(|(index, node)| (node.name.clone(), index)).collect();
        let run = run_values(&id, folder.as_deref());
        let envs = nodes.iter().map(|node| env_of(node, &env)).collect();
        let progress =
            plan.graph.before.iter().map(|before| Progress { waits: before.len(), ..Default::default() });
        let state = State {
            nodes: progress.collect(),
            ready: VecDeque::new(),
            running: HashMap::new(),
            news: Vec::new(),
            waiting: 0,
            open: nodes.len(),
            ended: 0,
            stopped: None,
            finished: nodes.is_empty(),
        };
        let outcomes = nodes.iter().map(|_| OnceLock::new()).collect();
        Self {
            names,
            inputs,
            run,
            folder,
            shared,
            envs,
            outcomes,
            state: Mutex::new(state),
            ready: Condvar::new(),
            over: Condvar::new(),
            journal: Mutex::new(journal),
            cache,
            earlier,
            stopping: AtomicBool::new(false),
            broken: Mutex::default(),
            plan,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn node(&self, index: usize) -> &Node {
        &self.plan.pipeline.nodes[index]
    }

    /// Nodes that wait for nothing are ready; what an earlier process has
    /// finished is done.
    fn begin(&self) {
        let mut state = self.lock();
        for index in 0..state.nodes.len() {
            if state.nodes[index].waits == 0 {
                state.ready.push_back(index);
            }
        }
        let restored = self.plan.graph.order.iter().filter_map(|index| {
            let (value, ms, _) = self.earlier.results.get(&(*index, None))?;
            Some((*index, value.clone(), Duration::from_secs_f64(ms / 1e3)))
        });
        for (index, value, elapsed) in restored {
            state.ready.retain(|ready| *ready != index);
            state.nodes[index].attempts = self.earlier.attempts.get(&(index, None)).copied().unwrap_or(1);
            self.settle(&mut state, index, NodeStatus::Kept, Some(value), None, elapsed);
        }
    }

    /// The next thing to run; waits for one. `None` when all is over.
    fn take(&self) -> Option<(Task, Result<String>)> {
        let mut state = self.lock();
        loop {
            if state.finished {
                return None;
            }
            let next = if self.stopping() { None } else { state.ready.pop_front() };
            if let Some(index) = next {
                if state.nodes[index].begun.is_none() && !self.open(&mut state, index) {
                    continue;
                }
                let Some(task) = Self::next_of(&mut state, index) else { continue };
                let more = !state.ready.is_empty() && state.waiting > 0;
                let lost = Arc::new(AtomicBool::new(false));
                let running = Running {
                    reins: None,
                    since: Instant::now(),
                    timeout: self.node(index).timeout,
                    over: Arc::default(),
                    asked: None,
                    lost,
                };
                state.running.insert(task, running);
                let item = task.1.and_then(|item| {
                    let list = &state.nodes[index].fan_out.as_ref()?.list;
                    Some((Arc::clone(list), item))
                });
                drop(state);
                if more {
                    self.ready.notify_one();
                }
                return Some((
                    task,
                    self.params(index, item.as_ref().map(|(list, item)| (&list[*item], *item))),
                ));
            }
            if state.running.is_empty() {
                self.finish(&mut state);
                return None;
            }
            state.waiting += 1;
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
    }

    /// Whether a node that is ready is to run, and for what.
    fn open(&self, state: &mut State, index: usize) -> bool {
        state.nodes[index].begun = Some(Instant::now());
        match self.start_of(index) {
            Ok(Start::Once) => true,
            Ok(Start::Skip) => {
                self.end_node(state, index, NodeStatus::Skipped, None, None);
                false
            }
            Ok(Start::Each(list)) => self.open_fan_out(state, index, list),
            Err(error) => {
                self.end_node(state, index, NodeStatus::Failed, None, Some(error));
                false
            }
        }
    }

    /// A run whose journal cannot be written stops: what it did would be done
    /// again.
    fn note(&self, line: impl FnOnce() -> Line) -> Result<()> {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(journal) = &mut *journal else { return Ok(()) };
        journal.write(&line()).inspect_err(|error| {
            self.stopping.store(true, Ordering::Relaxed);
            let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
            broken.get_or_insert_with(|| PluginError::from_json(&error.to_json_bytes()));
        })
    }

    fn end_node(
        &self,
        state: &mut State,
        index: usize,
        status: NodeStatus,
        value: Option<Value>,
        error: Option<PluginError>,
    ) {
        if state.nodes[index].end.is_some() {
            return;
        }
        let elapsed = state.nodes[index].begun.map(|begun| begun.elapsed()).unwrap_or_default();
        let failed = error.is_some();
        self.settle(state, index, status, value, error, elapsed);
        if failed && self.plan.pipeline.on_failure == OnFailure::Stop {
            self.halt(state);
        }
        if state.open == 0 || (self.stopping() && state.running.is_empty()) {
            self.finish(state);
        }
    }

    /// Notes how a node ended, and what that means for those that wait for it.
    fn settle(
        &self,
        state: &mut State,
        index: usize,
        status: NodeStatus,
        value: Option<Value>,
        error: Option<PluginError>,
        elapsed: Duration,
    ) {
        let mut left = vec![(index, status, value, error, elapsed)];
        while let Some((index, status, value, error, elapsed)) = left.pop() {
            let fan_out = state.nodes[index].fan_out.take();
            if fan_out.is_some() {
                state.ready.retain(|ready| *ready != index);
            }
            let items = fan_out.map(|fan_out| fan_out.list.len());
            let place = state.ended;
            let attempts = state.nodes[index].attempts;
            state.nodes[index].end = Some(NodeEnd { status, elapsed, attempts, items, error, place });
            state.ended += 1;
            state.open -= 1;
            state.news.push(News::Ended { node: index, status, elapsed });
            let goes_on = match (status, value) {
                (NodeStatus::Skipped, _) => self.outcomes[index].set(Outcome::Skipped).is_ok(),
                (_, Some(value)) => self.outcomes[index].set(Outcome::Value(Arc::new(value))).is_ok(),
                _ => false,
            };
            for later in &self.plan.graph.after[index] {
                if state.nodes[*later].end.is_some() {
                    continue;
                }
                if !goes_on {
                    state.nodes[*later].waits = usize::MAX;
                    if !left.iter().any(|(waiting, ..)| waiting == later) {
                        left.push((*later, NodeStatus::NotRun, None, None, Duration::ZERO));
                    }
                    continue;
                }
                state.nodes[*later].waits -= 1;
                if state.nodes[*later].waits == 0 && !self.stopping() {
                    state.ready.push_back(*later);
                }
            }
        }
        // One goes on itself with what it made ready. Each call is one to the system,
        // so nobody is woken who is not there.
        for _ in 0..state.waiting.min(state.ready.len().saturating_sub(1)) {
            self.ready.notify_one();
        }
    }

    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Starts nothing more, and tells what runs to stop.
    fn halt(&self, state: &mut State) {
        self.stopping.store(true, Ordering::Relaxed);
        state.ready.clear();
        for running in state.running.values_mut() {
            running.asked.get_or_insert_with(Instant::now);
            if let Some(reins) = &running.reins {
                reins.cancel();
            }
        }
        self.ready.notify_all();
    }

    fn stop(&self, why: PluginError) {
        let mut state = self.lock();
        state.stopped.get_or_insert(why);
        self.halt(&mut state);
        if state.running.is_empty() {
            self.finish(&mut state);
        }
    }

    fn finish(&self, state: &mut State) {
        state.finished = true;
        self.ready.notify_all();
        self.over.notify_all();
    }

    fn end(&self) -> Result<End> {
        let mut state = self.lock();
        let nodes = state.nodes.iter_mut().map(|node| {
            let attempts = node.attempts;
            let not_run = || NodeEnd {
                status: NodeStatus::NotRun,
                elapsed: Duration::ZERO,
                attempts,
                items: None,
                error: None,
                place: usize::MAX,
            };
            node.end.take().unwrap_or_else(not_run)
        });
        let nodes = nodes.collect();
        let results = self.outcomes.iter().map(|outcome| match outcome.get() {
            Some(Outcome::Value(value)) => Some(Arc::clone(value)),
            _ => None,
        });
        let journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(End { nodes, results: results.collect(), journal, stopped: state.stopped.take() })
    }
}

/// What `${run.…}` means.
pub(crate) fn run_values(id: &str, folder: Option<&Path>) -> Map<String, Value> {
    let dir = folder.map(|folder| folder.join("work").display().to_string());
    Map::from_iter([("id".to_owned(), id.into()), ("dir".to_owned(), dir.unwrap_or_default().into())])
}

/// The variables of a node, before those of the run.
pub(crate) fn env_of(node: &Node, env: &Env) -> Env {
    match node.env.is_empty() {
        true => env.clone(),
        false => {
            node.env.iter().map(|(name, value)| (name.clone(), value.clone())).collect::<Env>().over(env)
        }
    }
}

fn status_of(error: &PluginError) -> NodeStatus {
    match error.kind() {
        ErrorKind::Cancelled => NodeStatus::Cancelled,
        ErrorKind::TimedOut => NodeStatus::TimedOut,
        ErrorKind::WorkerCrashed => NodeStatus::Crashed,
        _ => NodeStatus::Failed,
    }
}

fn timed_out(timeout: Duration) -> PluginError {
    TimedOut::new(format!("the node took longer than {}", humantime::format_duration(timeout)))
}
