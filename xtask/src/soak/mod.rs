//! `cargo xtask soak`: what goes wrong once in a thousand times is repeated
//! until it would have.
//!
//! # To add a part
//!
//! A part is one file beside this one. It has a `pub(super) const PART: Part`;
//! here it needs its `mod` line and its place in [`PARTS`]. Its function gets
//! the [`Soak`], which runs commands with a time limit ([`Soak::run`]), builds
//! and repeats tests ([`Soak::tests`], [`Soak::repeat_tests`]) and has a folder
//! for temporary files. What it gives back stands in `docs/soak.md`:
//!
//! ```ignore
//! pub(super) const PART: Part =
//!     Part { name: "stores", about: "two write to one store", short: true, run };
//!
//! fn run(soak: &Soak) -> Result<Outcome> {
//!     let tests = soak.tests("synapse-tests", &["stores"])?;
//!     let done = soak.repeat_tests(&tests)?;
//!     Ok(Outcome::Held(format!("{done}, nothing left behind")))
//! }
//! ```
//!
//! A part that loops looks at [`Soak::goes_on`]; what is too long for a check
//! of every change asks [`Soak::is_short`]. What a machine lacks (a compiler, a
//! tool, a cluster) is [`Outcome::NotHere`] with what would be needed, never a
//! success.

mod command;
mod context;
mod datasets;
mod faults;
mod floods;
mod fuzz;
mod kills;
mod leftovers;
mod pipelines;
mod report;
mod sanitizer;
mod valgrind;

use std::error::Error;
use std::time::{Duration, Instant};

use clap::Args;

use self::context::Soak;

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// In the order in which they run.
const PARTS: &[Part] = &[
    faults::PART,
    kills::PART,
    floods::PART,
    pipelines::PART,
    datasets::PART,
    fuzz::PART,
    sanitizer::PART,
    valgrind::PART,
];

/// How long each part of a short soak goes on.
const SHORT: Duration = Duration::from_secs(15);

/// One thing that is repeated.
struct Part {
    name: &'static str,
    /// What it does, for a person.
    about: &'static str,
    /// Whether `--short` has it.
    short: bool,
    run: fn(&Soak) -> Result<Outcome>,
}

/// How a part ended that did not fail.
enum Outcome {
    /// What was done, in numbers.
    Held(String),
    /// What this machine lacks for it.
    NotHere(String),
}

/// Repeat what may fail rarely: faults, kills, floods, damaged input
///
/// The outcome is written to docs/soak.md, except with --short.
#[derive(Args)]
pub(crate) struct SoakArgs {
    /// The parts to run; all when none is named
    parts: Vec<String>,
    /// What every change is checked with: a minute or two
    #[arg(long)]
    short: bool,
    /// How long each part goes on, such as `10m`; builds are not counted
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "10m")]
    time: Duration,
    /// List the parts
    #[arg(long)]
    list: bool,
}

impl SoakArgs {
    /// True when no part failed.
    pub(crate) fn execute(self) -> Result<bool> {
        let parts = self.chosen()?;
        if self.list {
            parts.iter().for_each(|part| println!("{:<12} {}", part.name, part.about));
            return Ok(true);
        }
        let soak = Soak::new(if self.short { SHORT.min(self.time) } else { self.time }, self.short)?;
        let mut held = true;
        let mut report = report::Report::read(soak.workspace())?;
        for part in parts {
            println!("== {}: {}", part.name, part.about);
            let begun = Instant::now();
            let outcome = soak.carry_out(part);
            let took = Duration::from_secs(begun.elapsed().as_secs());
            held &= outcome.is_ok();
            match &outcome {
                Ok(Outcome::Held(what)) => {
                    println!("   held in {}: {what}", humantime::format_duration(took))
                }
                Ok(Outcome::NotHere(why)) => println!("   not run: {why}"),
                Err(error) => println!("   FAILED: {error}"),
            }
            report.note(part, &outcome, took);
            if !self.short {
                report.write(soak.workspace())?;
            }
        }
        Ok(held)
    }

    fn chosen(&self) -> Result<Vec<&'static Part>> {
        let named = |name: &String| {
            let known = || PARTS.iter().map(|part| part.name).collect::<Vec<_>>().join(", ");
            let part = PARTS.iter().find(|part| part.name == name);
            part.ok_or_else(|| format!("there is no part `{name}`; there are {}", known()).into())
        };
        if self.parts.is_empty() {
            return Ok(PARTS.iter().filter(|part| part.short || !self.short).collect());
        }
        self.parts.iter().map(named).collect()
    }
}
