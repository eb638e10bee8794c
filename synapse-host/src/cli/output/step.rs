//! What is known of a step of the run.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::{Map, Value};
use synapse_sdk::events::{Event, EventBody, Level, Progress};

use super::figures::inline;
use super::text::one_line;

/// Significant digits of a metric.
const DIGITS: usize = 4;

/// Progress that names no step is the run's.
pub(super) const WHOLE_RUN: &str = "run";

/// The name under which the step of an event is shown.
pub(super) fn step_name<'a>(event: &'a Event<'_>) -> &'a str {
    event.step.as_deref().unwrap_or(WHOLE_RUN)
}

/// The names and values of a metrics event, ready to be shown.
pub(super) fn metric_pairs(values: &str) -> Vec<(String, String)> {
    let values: Map<String, Value> = serde_json::from_str(values).unwrap_or_default();
    values.iter().map(|(name, value)| (one_line(name), inline(value, DIGITS))).collect()
}

/// What an event says in words: level and text of messages and log entries.
/// `None` for progress and metrics, and for what only developers want unless
/// `debug`.
pub(super) fn words<'a>(event: &'a Event<'_>, debug: bool) -> Option<(Level, Cow<'a, str>)> {
    match &event.body {
        EventBody::Message { level, text } => {
            (debug || *level > Level::Debug).then_some((*level, Cow::Borrowed(text.as_ref())))
        }
        EventBody::Log { name, level, data, file } => {
            if let Some(line) = printed_line(name, data) {
                return Some((*level, Cow::Owned(line)));
            }
            let file = file.iter().map(|file| format!(" {file}")).collect::<String>();
            (debug || *level >= Level::Warning)
                .then(|| (*level, Cow::Owned(one_line(&format!("{name} {data}{file}")))))
        }
        _ => None,
    }
}

/// What a worker printed, as it would have looked without one.
pub(super) fn printed_line(name: &str, data: &str) -> Option<String> {
    if !matches!(name, "stdout" | "stderr") {
        return None;
    }
    let data: Value = serde_json::from_str(data).ok()?;
    Some(data.get("content")?.as_str()?.to_owned())
}

/// A step as the terminal shows it. Times count from the start of the output.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) started: Duration,
    pub(super) progress: Option<Reported>,
    pub(super) metrics: Vec<(String, String)>,
    /// At the terminal's width they have not always had room beside the bar.
    pub(super) metrics_below: bool,
    pub(super) end: Option<End>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Reported {
    pub(super) progress: Progress,
    pub(super) at: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum End {
    Done(Duration),
    Failed(Duration),
}

impl Step {
    pub(super) fn new(key: &str, now: Duration) -> Self {
        Self {
            key: key.to_owned(),
            name: one_line(key),
            started: now,
            progress: None,
            metrics: Vec::new(),
            metrics_below: false,
            end: None,
        }
    }

    /// A step that starts over, such as the batches of the next epoch, is
    /// timed anew.
    pub(super) fn report(&mut self, progress: Progress, now: Duration) {
        if matches!(self.end, Some(End::Done(_))) && progress.current < progress.total {
            self.started = now;
            self.end = None;
        }
        self.progress = Some(Reported { progress, at: now });
        if progress.current >= progress.total && self.end.is_none() {
            self.end = Some(End::Done(now));
        }
    }

    pub(super) fn measure(&mut self, pairs: Vec<(String, String)>) {
        for (name, value) in pairs {
            match self.metrics.iter_mut().find(|(known, _)| *known == name) {
                Some((_, old)) => *old = value,
                None => self.metrics.push((name, value)),
            }
        }
    }

    pub(super) fn finish(&mut self, success: bool, now: Duration) {
        self.end.get_or_insert(if success { End::Done(now) } else { End::Failed(now) });
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.end, Some(End::Done(_)))
    }
}

impl Reported {
    /// Seconds left at `now`, when the step gave an estimate.
    pub(super) fn seconds_left(&self, now: Duration) -> Option<f64> {
        let since = now.saturating_sub(self.at).as_secs_f64();
        self.progress.time_remaining.map(|seconds| (seconds - since).max(0.0))
    }
}
