//! Hands over what happens, looks after time-outs, and replaces threads that
//! are lost.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use synapse_sdk::PluginError;

use super::{Engine, LOOK, News, State, Watcher, hire, status_of, timed_out};
use crate::pipeline::journal::Line;
use crate::run::milliseconds;

/// How long a node that should stop may take to do so.
const GRACE: Duration = Duration::from_secs(5);
const NOT_STOPPED: &str = "the node did not stop when it was told to: let its action report progress with \
                           `ctx.set_progress(…)?`, or run it isolated";

impl Engine {
    pub(super) fn watch(self: &Arc<Self>, watcher: &mut dyn Watcher) {
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
}
