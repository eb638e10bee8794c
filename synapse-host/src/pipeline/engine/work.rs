//! What a thread does with a task: its attempts, and the noting of their end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use serde_json::value::RawValue;
use synapse_sdk::ErrorKind;
use synapse_sdk::errors::{Result, ResultExt};

use super::{Engine, LOOK, News, Task, status_of, timed_out};
use crate::pipeline::journal::Line;
use crate::pipeline::report::NodeStatus;
use crate::run::{RunRequest, Watched, milliseconds};

/// Whether a thread may go on.
#[derive(PartialEq)]
pub(super) enum Performed {
    Done,
    Lost,
}

impl Performed {
    pub(super) fn is_lost(&self) -> bool {
        *self == Self::Lost
    }
}

enum Attempt {
    Ended(Result<String>),
    Lost,
}

impl Engine {
    /// Runs one task, with all its attempts.
    pub(super) fn perform(&self, task: Task, params: Result<String>) -> Performed {
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
            .ray(self.plan.ray.clone())
            .folder(self.shared.clone())
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
}
