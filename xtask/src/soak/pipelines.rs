//! A pipeline's process is killed at any moment, and the run goes on.

use super::context::Soak;
use super::{Outcome, Part, Result};

pub(super) const PART: Part = Part {
    name: "pipelines",
    about: "a pipeline is killed 200 times, and each run goes on",
    short: false,
    run,
};

const KILLS: &str = "200";

fn run(soak: &Soak) -> Result<Outcome> {
    for tests in soak.tests("synapse-tests", &["pipeline"])? {
        soak.run_tests(&tests, |command| {
            command.env("PIPELINE_KILLS", KILLS).arg("killed_at_any_moment");
        })?;
    }
    Ok(Outcome::Held(format!(
        "{KILLS} kills spread over a run, each gone on with to the same result; nothing finished ran twice"
    )))
}
