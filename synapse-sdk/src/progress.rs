//! From "3 of 10 in step train" to percent, time remaining and the progress of
//! the whole run.
//!
//! Each step has a share of the run. Steps planned beforehand share 100 in
//! proportion to what they declared. A step nobody announced takes half of
//! what no other step has yet: the run's progress then always moves, leaves
//! room for what may follow, and reaches 100 when the run succeeds.

use std::time::Instant;

use crate::errors::{Result, ValidationError};
use crate::events::Progress;

/// The steps of one run.
#[derive(Debug, Default)]
pub(crate) struct ProgressBook {
    steps: Vec<Step>,
    overall: f64,
    /// The step that reported last, and what it reported.
    last: Option<(usize, Progress)>,
}

#[derive(Debug)]
struct Step {
    name: Box<str>,
    /// Of the run, `0.0..=100.0`.
    share: f64,
    /// Of the step, `0.0..=100.0`.
    percent: f64,
    started: Option<Instant>,
}

impl ProgressBook {
    /// Declares steps and their shares of the run, in any unit. Steps that have
    /// reported already keep the share they have.
    pub(crate) fn plan(&mut self, shares: &[(&str, f64)]) {
        let unseen = |name: &str| !self.steps.iter().any(|step| &*step.name == name);
        let new: Vec<_> = shares.iter().filter(|(name, _)| unseen(name)).collect();
        let sum: f64 = new.iter().map(|(_, share)| share.max(0.0)).sum();
        let free = self.free_share();
        for (name, share) in new {
            let share = if sum > 0.0 { free * share.max(0.0) / sum } else { 0.0 };
            self.steps.push(Step { name: (*name).into(), share, percent: 0.0, started: None });
        }
    }

    /// Notes that `step` has done `current` of `total` at `now`.
    pub(crate) fn report(&mut self, step: &str, current: u64, total: u64, now: Instant) -> Result<Progress> {
        if total == 0 || current > total {
            let place = if step.is_empty() { String::new() } else { format!(" in step {step}") };
            return Err(ValidationError::new(format!("progress {current} of {total}{place}"))
                .hint("`current` goes from 0 to `total`, and `total` is at least 1"));
        }
        let index = self.position(step);
        let step = &mut self.steps[index];
        let started = match step.started {
            Some(started) if current > 0 => started,
            _ => *step.started.insert(now),
        };
        let done = current as f64 / total as f64;
        step.percent = two_decimals(done * 100.0);
        let percent = step.percent;
        self.overall = self.overall.max(self.weighed());
        let elapsed = now.saturating_duration_since(started).as_secs_f64();
        // The first report of a step says nothing of its pace.
        let has_pace = current > 0 && (elapsed > 0.0 || current == total);
        let time_remaining = has_pace.then(|| two_decimals(elapsed / done - elapsed));
        let progress =
            Progress { current, total, percent, time_remaining, overall: two_decimals(self.overall) };
        self.last = Some((index, progress));
        Ok(progress)
    }

    /// The last report once more, with the run's progress at 100: `None` when
    /// there was none, or it was at 100 already.
    pub(crate) fn finish(&mut self) -> Option<(&str, Progress)> {
        let (index, last) = self.last.filter(|(_, last)| last.overall < 100.0)?;
        self.overall = 100.0;
        let progress = Progress { overall: 100.0, ..last };
        self.last = Some((index, progress));
        Some((&self.steps[index].name, progress))
    }

    fn position(&mut self, name: &str) -> usize {
        if let Some(index) = self.steps.iter().position(|step| &*step.name == name) {
            return index;
        }
        // Progress without a step is the whole run's.
        let share = if name.is_empty() { self.free_share() } else { self.free_share() / 2.0 };
        self.steps.push(Step { name: name.into(), share, percent: 0.0, started: None });
        self.steps.len() - 1
    }

    fn free_share(&self) -> f64 {
        100.0 - self.steps.iter().map(|step| step.share).sum::<f64>()
    }

    fn weighed(&self) -> f64 {
        let sum: f64 = self.steps.iter().map(|step| step.share * step.percent / 100.0).sum();
        sum.min(100.0)
    }
}

fn two_decimals(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::time::Duration;

    use super::*;

    fn report(book: &mut ProgressBook, step: &str, current: u64, total: u64) -> Progress {
        book.report(step, current, total, Instant::now()).unwrap()
    }

    #[test]
    fn time_remaining_follows_the_pace_so_far() {
        let mut book = ProgressBook::default();
        let start = Instant::now();
        assert_eq!(book.report("train", 0, 10, start).unwrap().time_remaining, None);
        let later = book.report("train", 4, 10, start + Duration::from_secs(8)).unwrap();
        assert_eq!((later.percent, later.time_remaining), (40.0, Some(12.0)));
        assert_eq!(book.report("upload", 2, 5, start).unwrap().time_remaining, None);
        assert_eq!(book.report("clean", 1, 1, start).unwrap().time_remaining, Some(0.0));
    }

    #[test]
    fn planned_steps_have_their_shares() {
        let mut book = ProgressBook::default();
        book.plan(&[("dataset", 20.0), ("train", 75.0), ("upload", 5.0)]);
        assert_eq!(report(&mut book, "dataset", 1, 2).overall, 10.0);
        assert_eq!(report(&mut book, "train", 1, 1).overall, 85.0);
        assert_eq!(report(&mut book, "dataset", 2, 2).overall, 95.0);
        assert_eq!(report(&mut book, "upload", 1, 1).overall, 100.0);
    }

    #[test]
    fn unannounced_steps_leave_room_for_others() {
        let mut book = ProgressBook::default();
        assert_eq!(report(&mut book, "a", 1, 1).overall, 50.0);
        assert_eq!(report(&mut book, "b", 1, 1).overall, 75.0);
        assert_eq!(report(&mut ProgressBook::default(), "", 1, 4).overall, 25.0);
    }

    #[test]
    fn overall_never_falls() {
        let mut book = ProgressBook::default();
        assert_eq!(report(&mut book, "train", 8, 10).overall, 40.0);
        let again = report(&mut book, "train", 0, 10);
        assert_eq!((again.percent, again.overall), (0.0, 40.0));
    }

    #[test]
    fn the_run_ends_at_100_whatever_its_steps_reported() {
        let mut book = ProgressBook::default();
        assert_eq!(book.finish(), None);
        report(&mut book, "train", 3, 4);
        let (step, progress) = book.finish().unwrap();
        assert_eq!((step, progress.percent, progress.overall), ("train", 75.0, 100.0));
        assert_eq!(book.finish(), None);
    }

    #[test]
    fn impossible_progress_is_refused() {
        let mut book = ProgressBook::default();
        let error = book.report("train", 5, 3, Instant::now()).unwrap_err();
        assert_eq!(error.to_string(), "progress 5 of 3 in step train");
        assert!(book.report("", 0, 0, Instant::now()).is_err());
    }
}
