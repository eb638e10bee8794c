//! How often a step is tried.

use std::time::Duration;

use crate::errors::{ErrorKind, PluginError};

/// How often a step is tried, how long between, and after which errors.
///
/// ```
/// use std::time::Duration;
/// use synapse_sdk::ErrorKind;
/// use synapse_sdk::steps::Retry;
///
/// let retry = Retry::attempts(5)
///     .backoff(Duration::from_millis(200))
///     .at_most(Duration::from_secs(1))
///     .only([ErrorKind::Remote, ErrorKind::TimedOut]);
/// let waits: Vec<_> = (1..5).map(|attempt| retry.wait_after(attempt).as_millis()).collect();
/// assert_eq!(waits, [200, 400, 800, 1000]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    attempts: u32,
    backoff: Duration,
    factor: f64,
    at_most: Duration,
    only: Option<Vec<ErrorKind>>,
}

impl Retry {
    /// One attempt.
    pub fn never() -> Self {
        Self::attempts(1)
    }

    /// So many attempts in all, at least one, without a wait between them.
    pub fn attempts(attempts: u32) -> Self {
        Self {
            attempts: attempts.max(1),
            backoff: Duration::ZERO,
            factor: 2.0,
            at_most: Duration::from_secs(60),
            only: None,
        }
    }

    /// The wait after the first attempt; it doubles with each further one,
    /// unless [`factor`](Self::factor) says otherwise.
    #[must_use]
    pub fn backoff(mut self, first: Duration) -> Self {
        self.backoff = first;
        self
    }

    /// By how much each wait is longer than the one before; 2 unless set.
    #[must_use]
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// The longest wait; 60 s unless set.
    #[must_use]
    pub fn at_most(mut self, longest: Duration) -> Self {
        self.at_most = longest;
        self
    }

    /// Tries again only after errors of these kinds. Without it, after all but
    /// refused params ([`Validation`](ErrorKind::Validation)). Cancelled work is
    /// never tried again.
    #[must_use]
    pub fn only(mut self, kinds: impl IntoIterator<Item = ErrorKind>) -> Self {
        self.only = Some(kinds.into_iter().collect());
        self
    }

    /// Whether there is another attempt after `attempt`, from 1, ended so.
    pub fn again_after(&self, attempt: u32, error: &PluginError) -> bool {
        let worth_it = match (&self.only, error.kind()) {
            (_, ErrorKind::Cancelled) => false,
            (Some(kinds), kind) => kinds.contains(&kind),
            (None, kind) => kind != ErrorKind::Validation,
        };
        attempt < self.attempts && worth_it
    }

    /// How long to wait after `attempt`, from 1.
    pub fn wait_after(&self, attempt: u32) -> Duration {
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let seconds = self.backoff.as_secs_f64() * self.factor.powi(exponent);
        Duration::try_from_secs_f64(seconds).unwrap_or(self.at_most).min(self.at_most)
    }
}
