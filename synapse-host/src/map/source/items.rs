//! Rows that a program makes.

use serde::Serialize;
use synapse_sdk::errors::Result;
use synapse_sdk::{ErrorKind, PluginError};

use super::{Feed, Source};

/// Rows from an iterator.
pub(in crate::map) struct Items<I>(I);

impl<I> Items<I> {
    pub(in crate::map) fn new(rows: I) -> Self {
        Self(rows)
    }
}

impl<I> Source for Items<I>
where
    I: Iterator + Send,
    I::Item: Serialize,
{
    fn fill(&mut self, feed: &mut Feed<'_>) -> Result<bool> {
        // The next row may take its time: what somebody waits for goes first.
        while !feed.is_full() && !feed.is_awaited() {
            let Some(row) = self.0.next() else { return Ok(false) };
            let start = feed.text().len();
            match serde_json::to_writer(feed.text(), &row) {
                Ok(()) => feed.row(start, 0),
                Err(error) => {
                    let message = format!("the row cannot be written as JSON: {error}");
                    feed.fault(start, 0, PluginError::new(ErrorKind::Usage, message));
                }
            }
        }
        Ok(true)
    }

    fn name(&self) -> Option<String> {
        None
    }
}
