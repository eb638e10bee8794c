//! How far a map is, and what its rows have said.

use std::time::Duration;

use serde_json::json;
use synapse_sdk::events::{Event, EventBody, Progress};

use super::step::printed_line;
use super::{Events, Output};

/// How far a map is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RowsShown {
    /// Rows that have ended.
    pub(crate) rows: u64,
    /// Of those, how many failed.
    pub(crate) failed: u64,
    /// Rows a second.
    pub(crate) rate: f64,
    /// How many there are, or probably are.
    pub(crate) total: Option<u64>,
    /// Of all work, from 0 to 1.
    pub(crate) share: f64,
    /// Seconds, probably.
    pub(crate) left: Option<f64>,
}

impl RowsShown {
    fn progress(&self, step: &'static str, total: u64) -> Event<'static> {
        let percent = (self.share * 100.0).clamp(0.0, 100.0);
        let progress =
            Progress { current: self.rows, total, percent, time_remaining: self.left, overall: percent };
        Event::now(Some(step), EventBody::Progress(progress))
    }

    fn figures(&self, step: &'static str) -> Event<'static> {
        let rate = self.rate.round() as u64;
        let values = match self.total {
            Some(_) => json!({ "rows/s": rate, "failed": self.failed }),
            None => json!({ "rows": self.rows, "rows/s": rate, "failed": self.failed }),
        };
        Event::now(Some(step), EventBody::Metrics { values: values.to_string().into() })
    }
}

/// The step under which rows are shown.
const STEP: &str = "rows";

impl Output {
    /// How often it makes sense to tell how far a map is.
    pub(crate) fn rows_interval(&self, total_known: bool) -> Duration {
        match &self.events {
            Events::Live(_) => Duration::from_millis(100),
            Events::Plain(_) if total_known => Duration::from_millis(200),
            Events::Hidden | Events::Json | Events::Plain(_) => Duration::from_secs(2),
        }
    }

    /// Shows how far a map is. A log has it thinned as progress of any step is.
    pub(crate) fn rows(&mut self, shown: &RowsShown) {
        let progress = shown.total.map(|total| shown.progress(STEP, total));
        let figures = shown.figures(STEP);
        match progress {
            Some(progress) => self.progress(&progress, &figures),
            None => self.event(&figures),
        }
    }

    /// Shows progress and the figures that belong to it: in a log both or
    /// neither.
    pub(crate) fn progress(&mut self, progress: &Event<'_>, figures: &Event<'_>) {
        let Events::Plain(plain) = &mut self.events else {
            self.event(progress);
            return self.event(figures);
        };
        let line = plain.event(progress);
        if !line.is_empty() {
            let figures = plain.event(figures);
            self.stderr.tell(&(line + &figures));
        }
    }

    /// Shows what a row has said, with its number.
    pub(crate) fn row_event(&mut self, row: u64, event: &Event<'_>) {
        let mut event = event.clone();
        match (&self.events, &mut event.body) {
            // A terminal shows no step beside a message.
            (Events::Live(_), EventBody::Message { text, .. }) => *text = format!("row {row}: {text}").into(),
            (Events::Live(_), EventBody::Log { name, data, level, .. }) => match printed_line(name, data) {
                Some(line) => {
                    let (level, text) = (*level, format!("row {row}: {line}").into());
                    event.body = EventBody::Message { level, text };
                }
                None => *name = format!("row {row}: {name}").into(),
            },
            _ => event.step = Some(format!("row {row}").into()),
        }
        self.event(&event);
    }
}
