//! The loop over epochs: progress, metrics, the best model so far, early
//! stopping, and state that survives a kill.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::train::phase;
use crate::context::{Context, Count};
use crate::errors::{ErrorKind, PluginError, Result, ResultExt, ValidationError};
use crate::events::{Level, now};
use crate::services::Checkpoint;

/// The keys under which state is kept; saved as nothing once the training has
/// ended.
pub(super) const STATE: [&str; 3] = [LAST, BEST, TRAINING];
const LAST: &str = "train-last";
const BEST: &str = "train-best";
const TRAINING: &str = "train-id";

/// What all attempts of one training have in common, and no other has.
pub(super) fn training_id(ctx: &Context) -> Result<String> {
    let kept = ctx.load_state(TRAINING).context("reading the state of an earlier attempt")?;
    if let Some(kept) = kept.and_then(|bytes| String::from_utf8(bytes).ok()).filter(|id| !id.is_empty()) {
        return Ok(kept);
    }
    static UNIQUE: AtomicU64 = AtomicU64::new(0);
    let number = UNIQUE.fetch_add(1, Ordering::Relaxed);
    let id = format!("{:x}-{:x}-{number:x}", now(), std::process::id());
    ctx.save_state(TRAINING, &id)?;
    Ok(id)
}

/// Whether less or more of a metric is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Less is better, as of a loss.
    Min,
    /// More is better, as of an accuracy.
    Max,
}

impl Goal {
    /// Values that are no numbers are never better.
    fn is_better(self, value: f64, than: f64) -> bool {
        match self {
            Self::Min => value < than,
            Self::Max => value > than,
        }
    }
}

/// The best epoch so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Best {
    /// Which epoch it was, from 1.
    pub epoch: u64,
    /// What the watched metric was.
    pub value: f64,
    /// What was saved after it.
    pub model: Vec<u8>,
}

/// Counts epochs, and keeps what an attempt that comes after a kill or a
/// time-out needs in order to go on. Made by
/// [`TrainAction::epochs`](super::TrainAction::epochs), which has an example.
pub struct TrainLoop<'c> {
    ctx: &'c Context,
    /// Epochs the model had before this job.
    before: u64,
    epochs: u64,
    done: u64,
    watched: Option<(String, Goal)>,
    patience: Option<u64>,
    settings: String,
    best: Option<Best>,
    resumed: bool,
    /// Before the number of the epoch, where the progress of its steps begins.
    in_epoch: bool,
}

impl fmt::Debug for TrainLoop<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrainLoop {{ done: {}, last: {} }}", self.done, self.last())
    }
}

/// What stands before the model in a saved state.
#[derive(Serialize, Deserialize)]
struct Head {
    done: u64,
    before: u64,
    settings: String,
    /// Epoch and value of the best one.
    best: Option<(u64, f64)>,
}

impl<'c> TrainLoop<'c> {
    /// A loop over so many epochs.
    pub fn new(epochs: u64, ctx: &'c Context) -> Self {
        Self {
            ctx,
            before: 0,
            epochs,
            done: 0,
            watched: None,
            patience: None,
            settings: String::new(),
            best: None,
            resumed: false,
            in_epoch: false,
        }
    }

    /// The epochs come after those that the checkpoint was trained for.
    #[must_use]
    pub fn after(mut self, checkpoint: Option<&Checkpoint>) -> Self {
        self.before = checkpoint.map_or(0, Checkpoint::epochs);
        self.done = self.before;
        self
    }

    /// Keeps the model of the epoch in which `metric` was best.
    #[must_use]
    pub fn best(mut self, metric: impl Into<String>, goal: Goal) -> Self {
        self.watched = Some((metric.into(), goal));
        self
    }

    /// Stops when so many epochs in a row were not better than the best one;
    /// never, unless [`best`](Self::best) says what better is. `None` and 0 go
    /// on to the last epoch.
    #[must_use]
    pub fn patience(mut self, epochs: impl Into<Option<u64>>) -> Self {
        self.patience = epochs.into().filter(|epochs| *epochs > 0);
        self
    }

    /// What the training depends on, such as the params. State of an attempt
    /// with other settings is not used.
    #[must_use]
    pub fn settings(mut self, settings: &impl Serialize) -> Self {
        self.settings = serde_json::to_string(settings).unwrap_or_default();
        self
    }

    /// What [`end_epoch`](Self::end_epoch) saved last in an attempt of this job
    /// that was stopped; the loop then goes on after that epoch.
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn resume(&mut self) -> Result<Option<Vec<u8>>> {
        let Some((head, model)) = self.load(LAST)? else { return Ok(None) };
        if head.before != self.before || head.settings != self.settings {
            let text = "an earlier attempt of this job trained with other settings; the training begins anew";
            self.ctx.log_message(text, Level::Warning);
            return Ok(None);
        }
        self.done = head.done;
        self.resumed = true;
        if let Some((epoch, value)) = head.best {
            // Written before the state, so it is of this epoch or a later one.
            let kept = self.load(BEST)?.filter(|(kept, _)| kept.settings == self.settings);
            self.best = kept.and_then(|(kept, model)| {
                let (epoch, value) = kept.best.unwrap_or((epoch, value));
                Some(Best { epoch, value, model }).filter(|best| best.epoch > self.before)
            });
        }
        let text = format!("going on after epoch {} of an earlier attempt", self.done);
        self.ctx.log_message(text, Level::Info);
        Ok(Some(model))
    }

    /// The number of the next epoch, from 1; `None` when the training is over.
    ///
    /// # Errors
    /// [`Cancelled`](ErrorKind::Cancelled) when the run was cancelled.
    pub fn next_epoch(&mut self) -> Result<Option<u64>> {
        self.ctx.check_cancelled()?;
        if self.done >= self.last() {
            return Ok(None);
        }
        if self.is_stale() {
            self.tell_stop();
            return Ok(None);
        }
        self.in_epoch = true;
        Ok(Some(self.done + 1))
    }

    /// Reports that `step` of `steps` of the epoch are done, from 1, and what
    /// was measured in it: `epochs.step(batch, batches, &[("loss", loss)])?`.
    ///
    /// # Errors
    /// [`Cancelled`](ErrorKind::Cancelled) when the run was cancelled,
    /// [`Validation`](ErrorKind::Validation) when `step` is more than `steps`.
    pub fn step(&mut self, step: impl Count, steps: impl Count, metrics: &[(&str, f64)]) -> Result<()> {
        let (step, steps) = (step.count()?, steps.count()?);
        if !metrics.is_empty() {
            self.ctx.set_number_metrics(metrics, phase::TRAIN)?;
        }
        let before = (self.done - self.before).saturating_mul(steps);
        self.ctx.set_progress(before.saturating_add(step), self.epochs.saturating_mul(steps), phase::TRAIN)
    }

    /// Ends an epoch: records its metrics, and saves what `save` gives, so that
    /// a later attempt goes on here. `metrics` is a map from names to values.
    ///
    /// # Errors
    /// [`Validation`](ErrorKind::Validation) when `metrics` is no map, or has
    /// no number for the watched metric; [`Cancelled`](ErrorKind::Cancelled)
    /// when the run was cancelled, after the state was saved; what `save`
    /// fails with; the state cannot be written.
    pub fn end_epoch(
        &mut self,
        metrics: impl Serialize,
        save: impl FnOnce() -> Result<Vec<u8>>,
    ) -> Result<()> {
        if !std::mem::take(&mut self.in_epoch) {
            return Err(PluginError::new(ErrorKind::Execution, "an epoch ended that had not begun")
                .hint("call `end_epoch` once after each `next_epoch`"));
        }
        let epoch = self.done + 1;
        let mut metrics = serde_json::to_value(metrics)?;
        let value = self.watched_value(&metrics)?;
        if let Value::Object(fields) = &mut metrics {
            fields.insert("epoch".to_owned(), epoch.into());
        }
        self.ctx.set_metrics(&metrics, phase::TRAIN)?;
        let model = save()?;
        self.done = epoch;
        self.keep(epoch, value, model)?;
        self.ctx.set_progress(epoch - self.before, self.epochs, phase::TRAIN)
    }

    /// The last epoch that ended, those before this job included.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// The epoch after which the training is over, unless it stops early.
    pub fn last(&self) -> u64 {
        self.before.saturating_add(self.epochs)
    }

    /// Whether an earlier attempt's state is gone on from.
    pub fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// The best epoch so far, when [`best`](Self::best) says what better is.
    pub fn best_so_far(&self) -> Option<&Best> {
        self.best.as_ref()
    }

    fn is_stale(&self) -> bool {
        let (Some(patience), Some(best)) = (self.patience, &self.best) else { return false };
        self.done.saturating_sub(best.epoch) >= patience
    }

    fn tell_stop(&self) {
        let (Some((metric, _)), Some(best)) = (&self.watched, &self.best) else { return };
        let text = format!(
            "stopped after epoch {}: `{metric}` was best in epoch {} ({}) and not better since",
            self.done, best.epoch, best.value
        );
        self.ctx.log_message(text, Level::Info);
    }

    /// NaN where the metric is no number, which is how JSON writes NaN.
    fn watched_value(&self, metrics: &Value) -> Result<Option<f64>> {
        let Value::Object(fields) = metrics else {
            return Err(ValidationError::new(format!(
                "metrics are a map from names to values, not {metrics}"
            ))
            .hint("for example `json!({\"loss\": 0.5})`"));
        };
        let Some((metric, _)) = &self.watched else { return Ok(None) };
        let value = fields.get(metric).ok_or_else(|| {
            let names: Vec<&str> = fields.keys().map(String::as_str).collect();
            ValidationError::new(format!(
                "epoch {} has no metric `{metric}` to find the best by",
                self.done + 1
            ))
            .hint(format!("it has {}", names.join(", ")))
        })?;
        Ok(Some(value.as_f64().unwrap_or(f64::NAN)))
    }

    /// The best one is written first: whatever the state names is then there.
    fn keep(&mut self, epoch: u64, value: Option<f64>, model: Vec<u8>) -> Result<()> {
        if let (Some(value), Some((_, goal))) = (value, &self.watched) {
            let is_better =
                self.best.as_ref().map_or(!value.is_nan(), |best| goal.is_better(value, best.value));
            if is_better {
                self.best = Some(Best { epoch, value, model: model.clone() });
                self.save(BEST, &model)?;
            }
        }
        self.save(LAST, &model)
    }

    fn save(&self, key: &str, model: &[u8]) -> Result<()> {
        let best = self.best.as_ref().map(|best| (best.epoch, best.value));
        let head =
            json!({ "done": self.done, "before": self.before, "settings": self.settings, "best": best });
        let mut bytes = serde_json::to_vec(&head)?;
        bytes.push(b'\n');
        bytes.extend(model);
        self.ctx.save_state(key, bytes).with_context(|| format!("saving the state of epoch {}", self.done))
    }

    /// `None` also for what was saved as nothing, or cannot be understood: then
    /// the training begins anew.
    fn load(&self, key: &str) -> Result<Option<(Head, Vec<u8>)>> {
        let bytes = self.ctx.load_state(key).context("reading the state of an earlier attempt")?;
        let Some(mut bytes) = bytes.filter(|bytes| !bytes.is_empty()) else { return Ok(None) };
        let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
        let Ok(head) = serde_json::from_slice::<Head>(&bytes[..end]) else {
            let text = "the state of an earlier attempt cannot be read; the training begins anew";
            self.ctx.log_message(text, Level::Warning);
            return Ok(None);
        };
        bytes.drain(..(end + 1).min(bytes.len()));
        Ok(Some((head, bytes)))
    }
}
