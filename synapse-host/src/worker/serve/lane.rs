//! Invocations that run one after the other.
//!
//! A host sends many of them ahead, and gets the ends of many at once: what one
//! costs is neither a system call nor a change of threads. Their ends are kept
//! as events are until they are sent, so when one of them ends the process the
//! host still knows which it was.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use synapse_sdk::errors::Result;

use super::{ResultBytes, STACK, Task, Worker, lock};
use crate::worker::event_codec::End;

/// What waits for its turn.
#[derive(Default)]
pub(super) struct Lane {
    waiting: Mutex<Waiting>,
    work: Condvar,
}

#[derive(Default)]
struct Waiting {
    tasks: VecDeque<Task>,
    has_thread: bool,
    asleep: bool,
}

impl Lane {
    fn next(&self) -> Task {
        let mut waiting = lock(&self.waiting);
        loop {
            if let Some(task) = waiting.tasks.pop_front() {
                return task;
            }
            waiting.asleep = true;
            waiting = self.work.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn is_empty(&self) -> bool {
        lock(&self.waiting).tasks.is_empty()
    }
}

impl Worker {
    pub(super) fn queue(self: &Arc<Self>, task: Task) {
        let mut waiting = lock(&self.lane.waiting);
        waiting.tasks.push_back(task);
        if !waiting.has_thread {
            let worker = Arc::clone(self);
            let builder = thread::Builder::new().name("action".into()).stack_size(STACK);
            // When the system gives none, the next task tries again.
            waiting.has_thread = builder.spawn(move || worker.run_in_order()).is_ok();
        } else if std::mem::take(&mut waiting.asleep) {
            drop(waiting);
            self.lane.work.notify_one();
        }
    }

    fn run_in_order(self: &Arc<Self>) -> ! {
        loop {
            let task = self.lane.next();
            let done = self.run_guarded(&task);
            let id = task.invocation.id;
            // Before a pause all is sent; else it can wait for more.
            if self.lane.is_empty() || !self.note_end(id, &done) {
                self.tell(id, &done);
            }
        }
    }

    fn note_end(&self, id: u64, done: &Result<ResultBytes>) -> bool {
        match done {
            Ok(result) => self.outbox.end(id, End::Result, result),
            Err(error) => self.outbox.end(id, End::Error, &self.error_bytes(error)),
        }
    }

    /// Gives back what has not begun.
    pub(super) fn recall(&self) {
        let tasks = std::mem::take(&mut lock(&self.lane.waiting).tasks);
        for task in tasks {
            let id = task.invocation.id;
            lock(&self.invocations).remove(&id);
            self.outbox.end(id, End::NotBegun, &[]);
        }
    }
}
