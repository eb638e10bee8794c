//! What happens while a pipeline runs, and who is told.

use std::time::Duration;

use synapse_sdk::events::Event;

use crate::pipeline::report::NodeStatus;

/// A node by its position, and of a fan-out the index of one element.
pub type Task = (usize, Option<usize>);

/// What happens while a pipeline runs.
#[derive(Debug)]
pub enum News {
    /// An attempt begins.
    Started {
        /// What runs.
        task: Task,
        /// Which attempt it is, from 1.
        attempt: u32,
    },
    /// An action reports.
    Said {
        /// What runs.
        task: Task,
        /// What it reported, in order.
        events: Vec<Event<'static>>,
    },
    /// An attempt has failed, and another follows.
    Again {
        /// What runs.
        task: Task,
        /// Why it failed.
        error: String,
    },
    /// Of a fan-out, one element has ended.
    Item {
        /// Which one.
        task: Task,
        /// Whether it failed.
        failed: bool,
    },
    /// Of a fan-out, so many elements there are.
    Items {
        /// The node.
        node: usize,
        /// How many.
        count: usize,
    },
    /// A node has ended.
    Ended {
        /// The node.
        node: usize,
        /// How.
        status: NodeStatus,
        /// How long it took.
        elapsed: Duration,
    },
    /// What a node did was undone, or could not be.
    RolledBack {
        /// The node.
        node: usize,
        /// Why it could not be.
        error: Option<String>,
    },
}

/// Who is told what happens, and may wish that the run stops. `()` hears nothing
/// and lets it run.
pub trait Watcher {
    /// Called several times a second, whether there is news or not.
    fn news(&mut self, news: Vec<News>);

    /// How often it was asked to stop: once, and what runs is told to stop; twice,
    /// and nothing is waited for.
    fn stop(&self) -> usize {
        0
    }
}

impl Watcher for () {
    fn news(&mut self, _news: Vec<News>) {}
}
