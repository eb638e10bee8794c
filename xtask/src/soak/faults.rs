//! Everything an action can do wrong, over and over: a test for each cell of
//! the table of faults, isolated and in process.

use super::context::Soak;
use super::{Outcome, Part, Result};

pub(super) const PART: Part = Part {
    name: "faults",
    about: "every fault of an action, isolated and in process, through the command",
    short: true,
    run,
};

const TESTS: [&str; 9] = [
    "faults",
    "foreign_worker",
    "harm",
    "isolated",
    "isolated_library",
    "map_isolated",
    "records",
    "stopping",
    "worker_protocol",
];

fn run(soak: &Soak) -> Result<Outcome> {
    let tests = soak.tests("synapse-tests", &TESTS)?;
    let done = soak.repeat_tests(&tests)?;
    Ok(Outcome::Held(format!("{done}; no process and no file was left behind")))
}
