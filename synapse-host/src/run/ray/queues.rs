//! Queues of an action on workers of a cluster, for the threads of a map.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use synapse_sdk::PluginError;
use synapse_sdk::errors::Result;
use synapse_sdk::events::Event;

use super::actor::Worker;
use super::calls::{Target, forget, give_back, no_connection_stays};
use super::room::Room;
use super::stopper::Stopper;
use crate::plugin::Plugin;
use crate::run::isolated::{
    Call, LastProgress, Link, Message, Queue, QueueListener, QueueWorker, Queues, Receiver,
};
use crate::run::request::RunRequest;
use crate::worker::protocol::{END_WORKER, IN_ORDER, Kind};

/// Workers of a cluster, and one action there.
pub(crate) struct RayQueues {
    workers: Vec<Arc<Target>>,
    _room: Room,
}

impl RayQueues {
    /// On the workers that are there and those that the cluster has room for now, `most` at most: threads beyond do not
    /// wait for others to end.
    ///
    /// # Errors
    /// The action is not there; a file that travels cannot be read. As a run's
    /// that needs a worker that is not there; there is room for none.
    pub(crate) fn new(plugin: &Plugin, request: &RunRequest, most: usize) -> Result<Self> {
        let room = match most {
            0 | 1 => Room::for_one(),
            _ => Room::find(&Worker::of(plugin, request, 0)?, most)?,
        };
        let targets = room.workers.iter().map(|number| Target::new(plugin, request, *number).map(Arc::new));
        Ok(Self { workers: targets.collect::<Result<_>>()?, _room: room })
    }
}

impl Queues for RayQueues {
    fn open(
        &self,
        thread: usize,
        listener: &Arc<dyn QueueListener>,
        cancelled: &Arc<AtomicU32>,
    ) -> Result<Queue> {
        let target = &self.workers[thread % self.workers.len()];
        // Threads beyond share a worker that has a queue already.
        let in_order = thread < self.workers.len();
        let stopper = Stopper::told_by(cancelled);
        let tell = |event: Event<'_>| {
            if listener.wants(&event) {
                listener.printed(event);
            }
        };
        // A connection that was kept may have ended meanwhile: then another one is made.
        for _ in 0..3 {
            let link = target.link(in_order, &stopper, &tell)?;
            if let Some(call) = link.begin(Receiver::Queue(Arc::clone(listener))) {
                let flags = target.flags | if in_order { IN_ORDER } else { 0 };
                let (target, stopped) = (Arc::clone(target), AtomicBool::new(false));
                let action = target.action.clone();
                let worker = Arc::new(Connected { target, link, in_order, stopped });
                return Ok(Queue::new(worker, call, &action, flags));
            }
            forget(&link);
        }
        Err(no_connection_stays())
    }
}

/// A connection to a worker on a cluster.
struct Connected {
    target: Arc<Target>,
    link: Arc<Link>,
    in_order: bool,
    stopped: AtomicBool,
}

impl QueueWorker for Connected {
    fn link(&self) -> &Link {
        &self.link
    }

    fn wait(&self, call: &Call) -> Message {
        let message = self.link.wait(call);
        if matches!(message, Message::Broken(_)) {
            self.link.close();
            forget(&self.link);
        }
        message
    }

    fn has_ended(&self) -> bool {
        self.link.is_gone()
    }

    fn stop(&self, invocation: u64, at_once: bool) {
        self.stopped.store(true, Ordering::Release);
        // A worker that is gone has stopped.
        let _ = self.link.send_flagged(Kind::Cancel, END_WORKER, invocation, &[]);
        if at_once {
            self.link.end_reading();
        }
    }

    fn was_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    fn fault(&self, _: &str, progress: Option<LastProgress>) -> PluginError {
        self.target.lost(progress)
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        if self.in_order {
            give_back(&self.link);
        }
    }
}
