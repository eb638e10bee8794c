//! Runs the nodes of a pipeline, as many at once as there are jobs.
//!
//! The threads that run nodes take them from one another without a scheduler in
//! between: who ends a node notes that in the journal, finds what it made ready,
//! and goes on with that. The thread that called watches: it hands over what
//! happens, looks after time-outs, and ends the run.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use synapse_sdk::errors::{Result, ResultExt, TimedOut};
use synapse_sdk::events::Event;
use synapse_sdk::{Env, ErrorKind, PluginError};

use super::check::Plan;
use super::expression::{Head, NoValue, Scope};
use super::journal::{Journal, Line};
use super::model::{Node, OnFailure};
use super::report::NodeStatus;
use crate::run::{RunRequest, Watched, WatchedReins, milliseconds};

/// How often time-outs and the wish to stop are looked at.
const LOOK: Duration = Duration::from_millis(50);
/// How long a node that should stop may take to do so.
const GRACE: Duration = Duration::from_secs(5);
/// The stack of a main thread on Linux.
const STACK: usize = 8 << 20;

/// A node, or one element of a fan-out.
pub(crate) type Task = (usize, Option<usize>);

/// What happens while a pipeline runs.
#[derive(Debug)]
pub(crate) enum News {
    Started {
        task: Task,
        attempt: u32,
    },
    Said {
        task: Task,
        events: Vec<Event<'static>>,
    },
    Again {
        task: Task,
        error: String,
    },
    /// Of a fan-out, one element has ended.
    Item {
        task: Task,
        failed: bool,
    },
    /// Of a fan-out, so many elements there are.
    Items {
        node: usize,
        count: usize,
    },
    Ended {
        node: usize,
        status: NodeStatus,
        elapsed: Duration,
    },
    /// What a node did was undone, or could not be.
    RolledBack {
        node: usize,
        error: Option<String>,
    },
}

/// Who is told, and who may wish that it stops.
pub(crate) trait Watcher {
    fn news(&mut self, news: Vec<News>);

    /// How often it was asked to stop: the second time nothing is waited for.
    fn stop(&self) -> usize;
}

/// What a run of the engine is given.
pub(crate) struct Job {
    pub(crate) plan: Arc<Plan>,
    pub(crate) inputs: Map<String, Value>,
    pub(crate) jobs: usize,
    pub(crate) id: String,
    /// Where state and work files lie; none for a run that leaves nothing.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) env: Env,
    pub(crate) journal: Option<Journal>,
    pub(crate) cache: Option<super::cache::Cache>,
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
    envs: Vec<Env>,
    /// Of nodes that have ended, read without a lock.
    outcomes: Vec<OnceLock<Outcome>>,
    state: Mutex<State>,
    /// For threads that wait for a node.
    ready: Condvar,
    /// For the one that watches.
    over: Condvar,
    journal: Mutex<Option<Journal>>,
    cache: Option<super::cache::Cache>,
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

/// Whether a thread may go on.
#[derive(PartialEq)]
enum Performed {
    Done,
    Lost,
}

impl Performed {
    fn is_lost(&self) -> bool {
        *self == Self::Lost
    }
}

/// The list of a fan-out, a node without one, or none that is to run.
enum Start {
    Once,
    Each(Vec<Value>),
    Skip,
}

impl Engine {
    fn new(job: Job) -> Self {
        let Job { plan, inputs, id, folder, env, journal, cache, earlier, .. } = job;
        let nodes = &plan.pipeline.nodes;
        let names = nodes.iter().enumerate().map(|(index, node)| (node.name.clone(), index)).collect();
        let dir = folder.as_ref().map(|folder| folder.join("work").display().to_string());
        let run = [("id".to_owned(), id.into()), ("dir".to_owned(), dir.unwrap_or_default().into())];
        let envs = nodes.iter().map(|node| env_of(node, &env)).collect();
        let progress =
            plan.graph.before.iter().map(|before| Progress { waits: before.len(), ..Default::default() });
        let state = State {
            nodes: progress.collect(),
            ready: VecDeque::new(),
            running: HashMap::new(),
            news: Vec::new(),
            open: nodes.len(),
            ended: 0,
            stopped: None,
            finished: nodes.is_empty(),
        };
        let outcomes = nodes.iter().map(|_| OnceLock::new()).collect();
        Self {
            names,
            inputs,
            run: Map::from_iter(run),
            folder,
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
                let more = !state.ready.is_empty();
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
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
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

    fn open_fan_out(&self, state: &mut State, index: usize, list: Vec<Value>) -> bool {
        let kept = (0..list.len())
            .map(|item| self.earlier.results.get(&(index, Some(item))).map(|kept| kept.0.clone()));
        let results: Vec<Option<Value>> = kept.collect();
        let left = results.iter().filter(|result| result.is_none()).count();
        state.news.push(News::Items { node: index, count: list.len() });
        for item in (0..list.len()).filter(|item| results[*item].is_some()) {
            state.news.push(News::Item { task: (index, Some(item)), failed: false });
        }
        if left == 0 {
            let all = results.into_iter().flatten().collect();
            self.end_node(state, index, NodeStatus::Succeeded, Some(Value::Array(all)), None);
            return false;
        }
        let limit = self.node(index).concurrency.unwrap_or(usize::MAX);
        let list = Arc::new(list);
        state.nodes[index].fan_out =
            Some(FanOut { list, results, next: 0, running: 0, left, failed: None, limit });
        true
    }

    fn next_of(state: &mut State, index: usize) -> Option<Task> {
        let Some(fan_out) = &mut state.nodes[index].fan_out else { return Some((index, None)) };
        while fan_out.results.get(fan_out.next).is_some_and(Option::is_some) {
            fan_out.next += 1;
        }
        if fan_out.next >= fan_out.list.len() || fan_out.running >= fan_out.limit {
            return None;
        }
        let item = fan_out.next;
        fan_out.next += 1;
        fan_out.running += 1;
        if fan_out.next < fan_out.list.len() && fan_out.running < fan_out.limit {
            state.ready.push_front(index);
        }
        Some((index, Some(item)))
    }

    fn start_of(&self, index: usize) -> Result<Start> {
        let node = self.node(index);
        let scope = self.scope(None);
        let before = &self.plan.graph.before[index];
        let skipped = |node: &usize| matches!(self.outcomes[*node].get(), Some(Outcome::Skipped));
        if !before.is_empty() && before.iter().all(skipped) {
            return Ok(Start::Skip);
        }
        if let Some(condition) = &node.condition {
            match condition.holds(&scope) {
                Ok(true) => {}
                Ok(false) | Err(NoValue::Skipped(_)) => return Ok(Start::Skip),
                Err(NoValue::Missing(what)) => return Err(missing(node, "if", &what)),
            }
        }
        let Some(list) = &node.for_each else { return Ok(Start::Once) };
        match list.evaluate(&scope) {
            Ok(Value::Array(items)) => Ok(Start::Each(items)),
            Ok(other) => {
                let message = format!("`for_each` of node `{}` is no list, but {other}", node.name);
                Err(PluginError::new(ErrorKind::Validation, message))
            }
            Err(NoValue::Skipped(_)) => Ok(Start::Skip),
            Err(NoValue::Missing(what)) => Err(missing(node, "for_each", &what)),
        }
    }

    fn scope<'a>(&'a self, item: Option<(&'a Value, &'a Value)>) -> TaskScope<'a> {
        TaskScope { engine: self, item }
    }

    /// The params of a task as JSON. A reference to what was skipped is an
    /// error of kind [`Cancelled`](ErrorKind::Cancelled) without a message.
    fn params(&self, index: usize, item: Option<(&Value, usize)>) -> Result<String> {
        let node = self.node(index);
        let number = item.map(|(_, item)| Value::from(item));
        let scope = self.scope(item.map(|(item, _)| item).zip(number.as_ref()));
        let mut params = Map::new();
        for found in &self.plan.by_name[index] {
            let of_node = |earlier: &usize| match self.outcomes[*earlier].get() {
                Some(Outcome::Value(value)) => value.get(&found.field).cloned(),
                _ => None,
            };
            let of_input = || self.inputs.get(&found.field).filter(|_| found.input).cloned();
            if let Some(value) = found.nodes.iter().find_map(of_node).or_else(of_input) {
                params.insert(found.field.clone(), value);
            }
        }
        for param in &node.params {
            match param.value.evaluate(&scope) {
                Ok(value) => drop(params.insert(param.name.clone(), value)),
                Err(NoValue::Skipped(_)) => return Err(PluginError::new(ErrorKind::Cancelled, "")),
                Err(NoValue::Missing(what)) => {
                    return Err(missing(node, &format!("params.{}", param.name), &what));
                }
            }
        }
        serde_json::to_string(&Value::Object(params)).context("params as JSON")
    }

    /// Runs one task, with all its attempts.
    fn perform(&self, task: Task, params: Result<String>) -> Performed {
        let started = Instant::now();
        let params = match params {
            Ok(params) => params,
            Err(error) if error.kind() == ErrorKind::Cancelled && error.message().is_empty() => {
                let mut state = self.lock();
                state.running.remove(&task);
                self.end_node(&mut state, task.0, NodeStatus::Skipped, None, None);
                return Performed::Done;
            }
            Err(error) => return self.complete(task, Err(error), started, 0, false),
        };
        let key = self.cache.as_ref().and_then(|cache| cache.key(&self.plan, task.0, &params));
        if let (Some(cache), Some(key)) = (&self.cache, &key)
            && let Some(result) = cache.get(key)
        {
            return self.complete(task, Ok(result), started, 0, true);
        }
        let node = self.node(task.0);
        let before = self.earlier.attempts.get(&task).copied().unwrap_or(0);
        for tried in 1.. {
            let attempt = before + tried;
            let result = self.attempt(task, &params, attempt);
            let error = match result {
                Attempt::Lost => return Performed::Lost,
                Attempt::Ended(Ok(result)) => {
                    if let (Some(cache), Some(key)) = (&self.cache, &key) {
                        cache.put(key, node, &result);
                    }
                    return self.complete(task, Ok(result), started, attempt, false);
                }
                Attempt::Ended(Err(error)) => error,
            };
            let again = match &node.retry.on {
                Some(kinds) => kinds.contains(&error.kind()),
                None => !matches!(error.kind(), ErrorKind::Validation | ErrorKind::Cancelled),
            };
            if tried >= node.retry.attempts || !again || self.stopping() {
                return self.complete(task, Err(error), started, attempt, false);
            }
            self.lock().news.push(News::Again { task, error: error.to_string() });
            self.pause(node.retry.backoff.saturating_mul(1 << (tried - 1).min(16)));
        }
        Performed::Done
    }

    /// Waits before another attempt, unless the run stops.
    fn pause(&self, time: Duration) {
        let until = Instant::now() + time;
        while !self.stopping() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::sleep(left.min(LOOK));
        }
    }

    fn attempt(&self, task: Task, params: &str, attempt: u32) -> Attempt {
        let node = self.node(task.0);
        if let Err(error) = self.note(|| Line::Start { n: node.name.clone(), i: task.1, a: attempt }) {
            return Attempt::Ended(Err(error));
        }
        let request = match self.request(task, params, attempt) {
            Ok(request) => request,
            Err(error) => return Attempt::Ended(Err(error)),
        };
        let offer = &self.plan.offers[task.0];
        let run = match Watched::prepare(&offer.plugin, &request) {
            Ok(run) => run,
            Err(error) => return Attempt::Ended(Err(error)),
        };
        let (over, lost) = {
            let mut state = self.lock();
            state.news.push(News::Started { task, attempt });
            let Some(running) = state.running.get_mut(&task) else { return Attempt::Lost };
            running.reins = Some(run.reins());
            running.since = Instant::now();
            running.asked = None;
            running.over = Arc::default();
            (Arc::clone(&running.over), Arc::clone(&running.lost))
        };
        if self.stopping() {
            run.reins().cancel();
        }
        let result = run.execute();
        if lost.load(Ordering::Acquire) {
            return Attempt::Lost;
        }
        let events = run.reins().events();
        if !events.is_empty() {
            self.lock().news.push(News::Said { task, events });
        }
        Attempt::Ended(result.map_err(|error| match error.kind() {
            ErrorKind::Cancelled if over.load(Ordering::Relaxed) => {
                timed_out(node.timeout.unwrap_or_default())
            }
            _ => error,
        }))
    }

    fn request(&self, task: Task, params: &str, attempt: u32) -> Result<RunRequest> {
        let node = self.node(task.0);
        let mut request = RunRequest::new(node.plugin.clone(), node.action.clone())
            .params_json(params)
            .mode(node.mode)
            .resources(node.resources)
            .env(self.envs[task.0].clone());
        if let Some(folder) = &self.folder {
            let mut state = folder.join("nodes").join(&node.name);
            if let Some(item) = task.1 {
                state.push(item.to_string());
            }
            if attempt > 1 {
                // The next one counts from there, whatever became of the earlier ones.
                std::fs::create_dir_all(&state)?;
                std::fs::write(state.join("attempt"), (attempt - 1).to_string())?;
            }
            request = request.state_dir(state);
        }
        Ok(request)
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

    /// A task has ended: first in the journal, then for those that wait.
    fn complete(
        &self,
        task: Task,
        result: Result<String>,
        started: Instant,
        attempts: u32,
        cached: bool,
    ) -> Performed {
        let (n, i, ms) = (self.node(task.0).name.clone(), task.1, milliseconds(started.elapsed()));
        let result = result.and_then(|text| {
            let r = RawValue::from_string(text).context("the plugin's result is not JSON")?;
            let value: Value = serde_json::from_str(r.get())?;
            self.note(|| Line::Done { n: n.clone(), i, ms, cached, r })?;
            Ok(value)
        });
        if let Err(error) = &result
            && error.kind() != ErrorKind::Cancelled
        {
            // Where it cannot be noted the node has failed all the same.
            let _ = self.note(|| Line::Failed { n, i, ms, e: error.to_json() });
        }
        let mut state = self.lock();
        if state.running.remove(&task).is_none() {
            return Performed::Lost;
        }
        state.nodes[task.0].attempts = state.nodes[task.0].attempts.max(attempts);
        let done = if cached { NodeStatus::Cached } else { NodeStatus::Succeeded };
        match task.1 {
            None => match result {
                Ok(value) => self.end_node(&mut state, task.0, done, Some(value), None),
                Err(error) => self.end_node(&mut state, task.0, status_of(&error), None, Some(error)),
            },
            Some(item) => self.end_item(&mut state, task.0, item, result),
        }
        if state.open == 0 || (self.stopping() && state.running.is_empty()) {
            self.finish(&mut state);
        }
        Performed::Done
    }

    fn end_item(&self, state: &mut State, index: usize, item: usize, result: Result<Value>) {
        state.news.push(News::Item { task: (index, Some(item)), failed: result.is_err() });
        let Some(fan_out) = &mut state.nodes[index].fan_out else { return };
        fan_out.running -= 1;
        match result {
            Ok(value) => {
                fan_out.results[item] = Some(value);
                fan_out.left -= 1;
            }
            Err(error) => drop(fan_out.failed.get_or_insert(error.context(format!("element {item}")))),
        }
        if fan_out.failed.is_some() {
            // No further elements; the node ends with those that run.
            fan_out.next = fan_out.list.len();
            state.ready.retain(|ready| *ready != index);
            if fan_out_is_over(state, index)
                && let Some(error) =
                    state.nodes[index].fan_out.as_mut().and_then(|fan_out| fan_out.failed.take())
            {
                self.end_node(state, index, status_of(&error), None, Some(error));
            }
            return;
        }
        if fan_out.left == 0 {
            let all = std::mem::take(&mut fan_out.results).into_iter().flatten().collect();
            self.end_node(state, index, NodeStatus::Succeeded, Some(Value::Array(all)), None);
        } else if fan_out.next < fan_out.list.len() && !state.ready.contains(&index) && !self.stopping() {
            state.ready.push_front(index);
            self.ready.notify_one();
        }
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
        // One goes on itself with what it made ready.
        for _ in 1..state.ready.len() {
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

    fn watch(self: &Arc<Self>, watcher: &mut dyn Watcher) {
        let mut hired = 1000;
        loop {
            let mut state = self.lock();
            if !state.finished {
                state = self.over.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
            }
            let said: Vec<News> = state
                .running
                .iter()
                .filter_map(|(task, running)| {
                    let events = running.reins.as_ref()?.events();
                    (!events.is_empty()).then_some(News::Said { task: *task, events })
                })
                .collect();
            state.news.extend(said);
            let news = std::mem::take(&mut state.news);
            let finished = state.finished;
            let lost = if finished { 0 } else { self.look(&mut state, watcher.stop() > 1) };
            drop(state);
            watcher.news(news);
            if let Some(broken) = self.broken.lock().unwrap_or_else(PoisonError::into_inner).take() {
                self.stop(broken);
            }
            if finished {
                return;
            }
            for _ in 0..lost {
                hired += 1;
                // Without a further thread the others go on.
                let _ = hire(self, hired);
            }
            if watcher.stop() > 0 && self.lock().stopped.is_none() {
                self.stop(PluginError::cancelled());
            }
        }
    }

    /// Tells nodes whose time is over to stop, and gives up those that do not.
    /// Gives how many threads were left alone.
    fn look(&self, state: &mut State, at_once: bool) -> usize {
        let mut given_up = Vec::new();
        for (task, running) in &mut state.running {
            if running.timeout.is_some_and(|timeout| running.since.elapsed() >= timeout)
                && running.reins.is_some()
            {
                running.over.store(true, Ordering::Relaxed);
                running.asked.get_or_insert_with(Instant::now);
                if let Some(reins) = &running.reins {
                    reins.cancel();
                }
            }
            let too_long = running.asked.is_some_and(|asked| asked.elapsed() >= GRACE || at_once);
            if too_long
                && let Some(reins) = running.reins.take()
                && reins.give_up(at_once)
            {
                running.lost.store(true, Ordering::Release);
                let timeout = running.timeout.filter(|_| running.over.load(Ordering::Relaxed));
                given_up.push((*task, timeout, running.since));
            }
        }
        for (task, timeout, since) in &given_up {
            let error = match timeout {
                Some(timeout) => timed_out(*timeout),
                None => PluginError::cancelled(),
            };
            let error = error.hint(NOT_STOPPED);
            if timeout.is_some() {
                let (n, i, ms) = (self.node(task.0).name.clone(), task.1, milliseconds(since.elapsed()));
                // Where it cannot be noted the node has failed all the same.
                let _ = self.note(|| Line::Failed { n, i, ms, e: error.to_json() });
            }
            state.running.remove(task);
            match task.1 {
                None => self.end_node(state, task.0, status_of(&error), None, Some(error)),
                Some(item) => self.end_item(state, task.0, item, Err(error)),
            }
        }
        if state.open == 0 || (self.stopping() && state.running.is_empty()) {
            self.finish(state);
        }
        given_up.len()
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

enum Attempt {
    Ended(Result<String>),
    Lost,
}

fn fan_out_is_over(state: &State, index: usize) -> bool {
    state.nodes[index].fan_out.as_ref().is_some_and(|fan_out| fan_out.running == 0)
}

fn env_of(node: &Node, env: &Env) -> Env {
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

fn missing(node: &Node, part: &str, what: &str) -> PluginError {
    let message =
        format!("`{part}` of node `{}` refers to `${{{what}}}`, which is not in the result", node.name);
    PluginError::new(ErrorKind::Validation, message)
}

fn timed_out(timeout: Duration) -> PluginError {
    TimedOut::new(format!("the node took longer than {}", humantime::format_duration(timeout)))
}

/// What references of a task are resolved in.
struct TaskScope<'a> {
    engine: &'a Engine,
    item: Option<(&'a Value, &'a Value)>,
}

impl Scope for TaskScope<'_> {
    fn value(&self, head: &Head) -> Option<&Value> {
        match head {
            Head::Input(name) => self.engine.inputs.get(name),
            Head::Run(name) => self.engine.run.get(name),
            Head::Item => self.item.map(|(item, _)| item),
            Head::Index => self.item.map(|(_, index)| index),
            Head::Node(name) => match self.engine.outcomes[*self.engine.names.get(name)?].get()? {
                Outcome::Value(value) => Some(value),
                Outcome::Skipped => None,
            },
        }
    }
}

/// What a pipeline gives: its `output`, else the results of nodes that no other
/// waits for.
pub(crate) fn output(plan: &Plan, inputs: &Map<String, Value>, results: &[Option<Arc<Value>>]) -> Value {
    struct Whole<'a>(&'a Plan, &'a Map<String, Value>, &'a [Option<Arc<Value>>]);
    impl Scope for Whole<'_> {
        fn value(&self, head: &Head) -> Option<&Value> {
            match head {
                Head::Input(name) => self.1.get(name),
                Head::Node(name) => self.2[self.0.pipeline.position(name)?].as_deref(),
                _ => None,
            }
        }
    }
    if let Some(output) = &plan.pipeline.output {
        return output.evaluate(&Whole(plan, inputs, results)).unwrap_or_default();
    }
    let last = plan.graph.after.iter().enumerate().filter(|(_, after)| after.is_empty());
    let last = last.filter_map(|(index, _)| {
        Some((plan.pipeline.nodes[index].name.clone(), (**results[index].as_ref()?).clone()))
    });
    Value::Object(last.collect())
}

const NOT_STOPPED: &str = "the node did not stop when it was told to: let its action report progress with \
                           `ctx.set_progress(…)?`, or run it isolated";
