//! Work that takes long: shown while it goes on, and ended by signals.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::json;
use synapse_datasets::{Error, Watch};
use synapse_sdk::errors::Result;
use synapse_sdk::events::{Event, EventBody, Progress};

use crate::cli::output::Output;
use crate::cli::run_action::Signals;
use crate::dataset_error::told;

/// What takes less than this needs no bar.
const PATIENCE: Duration = Duration::from_millis(300);

/// Shows work on a dataset and hands signals to it.
pub(super) struct Stage<'o> {
    output: &'o mut Output,
    signals: Signals,
    told_of_signal: bool,
}

impl<'o> Stage<'o> {
    pub(super) fn new(output: &'o mut Output) -> Result<Self> {
        Ok(Self { output, signals: Signals::install()?, told_of_signal: false })
    }

    /// Does `work` on a thread of its own. `watch` tells how far it is, in
    /// `unit`s.
    pub(super) fn show<T: Send>(
        &mut self,
        step: &'static str,
        unit: &str,
        watch: &Watch,
        work: impl FnOnce() -> std::result::Result<T, Error> + Send,
    ) -> Result<T> {
        let started = Instant::now();
        let (done, ended) = channel();
        let outcome = std::thread::scope(|scope| {
            scope.spawn(move || {
                // The receiver waits for nothing else.
                let _ = done.send(work());
            });
            let mut was_shown = false;
            let interval = self.output.rows_interval(true);
            loop {
                let wait = if was_shown { interval } else { PATIENCE.min(interval) };
                match ended.recv_timeout(wait) {
                    Ok(outcome) => {
                        if was_shown {
                            // What lies behind the last thing that was read is passed over.
                            let current = if outcome.is_ok() { watch.total() } else { watch.done() };
                            self.tell(step, unit, (current, watch.total()), started);
                        }
                        return Some(outcome);
                    }
                    // It panicked; the scope passes that on.
                    Err(RecvTimeoutError::Disconnected) => return None,
                    Err(RecvTimeoutError::Timeout) => {}
                }
                self.hear(watch);
                if started.elapsed() >= PATIENCE {
                    was_shown = true;
                    self.tell(step, unit, (watch.done(), watch.total()), started);
                }
            }
        });
        match outcome {
            Some(outcome) => outcome.map_err(|error| self.signals.explain(told(error))),
            None => Err(synapse_sdk::PluginError::new(
                synapse_sdk::ErrorKind::Internal,
                format!("the step `{step}` ended without an outcome"),
            )),
        }
    }

    fn hear(&mut self, watch: &Watch) {
        if self.signals.count() > 0 && !self.told_of_signal {
            self.told_of_signal = true;
            self.output.note("stopping");
            watch.cancel();
        }
    }

    fn tell(&mut self, step: &'static str, unit: &str, (current, total): (u64, u64), started: Instant) {
        if total == 0 {
            return;
        }
        let percent = current as f64 / total as f64 * 100.0;
        let rate = current as f64 / started.elapsed().as_secs_f64().max(1e-6);
        let time_remaining = (rate > 0.0).then(|| total.saturating_sub(current) as f64 / rate);
        let progress = Progress { current, total, percent, time_remaining, overall: percent };
        let (figure, name) = match unit {
            "B" => (rate / 1e6, "MB/s".to_owned()),
            unit => (rate, format!("{unit}/s")),
        };
        let values = json!({ name: figure.round() }).to_string().into();
        let progress = Event::now(Some(step), EventBody::Progress(progress));
        self.output.progress(&progress, &Event::now(Some(step), EventBody::Metrics { values }));
    }

    /// Ends the bars and gives back what the result is written to.
    pub(super) fn end(self) -> &'o mut Output {
        self.output.finish_events(true);
        self.output
    }
}
