//! How steps went.

use std::time::Duration;

/// How one step of a pipeline went.
#[derive(Clone, Debug)]
pub struct StepReport {
    /// Its name: that of its action, with a number where that stands twice.
    pub name: String,
    /// Whether an earlier attempt had run it.
    pub kept: bool,
    /// How long it took now.
    pub elapsed: Duration,
}
