//! What parts share.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::command::{Ran, run};
use super::leftovers::{self, MARK};
use super::{Outcome, Part, Result};
use crate::workspace;

/// No build may take longer.
const BUILD: Duration = Duration::from_secs(40 * 60);
/// No program of tests may.
const TESTS: Duration = Duration::from_secs(10 * 60);

/// What a part works with.
pub(super) struct Soak {
    time: Duration,
    short: bool,
    scratch: TempDir,
    /// When the part's loop began.
    since: Cell<Option<Instant>>,
}

/// A program of tests that was built.
pub(super) struct Tests {
    name: String,
    program: PathBuf,
    /// Where cargo would run it.
    folder: PathBuf,
}

impl Soak {
    pub(super) fn new(time: Duration, short: bool) -> Result<Self> {
        let scratch = tempfile::Builder::new().prefix("synapse-soak-").tempdir()?;
        std::fs::create_dir(scratch.path().join("tmp"))?;
        Ok(Self { time, short, scratch, since: Cell::new(None) })
    }

    /// Runs a part, and looks at what it has left behind.
    pub(super) fn carry_out(&self, part: &Part) -> Result<Outcome> {
        self.since.set(None);
        let outcome = (part.run)(self)?;
        self.assert_clean()?;
        Ok(outcome)
    }

    /// Whether this checks a change, so that all parts together may take a
    /// minute or two.
    pub(super) fn is_short(&self) -> bool {
        self.short
    }

    /// How long a loop goes on.
    pub(super) fn time(&self) -> Duration {
        self.time
    }

    /// The root of the workspace.
    pub(super) fn workspace(&self) -> &'static Path {
        workspace::root()
    }

    /// A folder for this soak, gone afterwards.
    pub(super) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// What commands take for the folder of temporary files: empty again when
    /// they have ended.
    pub(super) fn temporary(&self) -> PathBuf {
        self.scratch().join("tmp")
    }

    /// Whether another round fits; the first call begins the loop.
    pub(super) fn goes_on(&self) -> bool {
        self.goes_on_for(self.time)
    }

    /// The same for a loop that has a share of the time.
    pub(super) fn goes_on_for(&self, time: Duration) -> bool {
        let since = self.since.get().unwrap_or_else(Instant::now);
        self.since.set(Some(since));
        since.elapsed() < time
    }

    /// A command in the workspace, whose processes are known again.
    pub(super) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.workspace()).env("TMPDIR", self.temporary()).env(MARK, self.mark());
        command
    }

    /// `cargo` of the pinned toolchain.
    pub(super) fn cargo(&self, words: &str) -> Command {
        let mut command = self.command(workspace::cargo());
        command.args(words.split_whitespace());
        command
    }

    /// `cargo` of the newest nightly toolchain, if there is one.
    pub(super) fn nightly(&self, words: &str) -> Option<Command> {
        let there = Command::new("cargo").args(["+nightly", "--version"]).output();
        there.is_ok_and(|output| output.status.success()).then(|| {
            let mut command = self.command("cargo");
            command.arg("+nightly").args(words.split_whitespace());
            // Else the compiler that builds this is taken for that one's.
            for name in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN"] {
                command.env_remove(name);
            }
            command
        })
    }

    /// Runs a command to a successful end.
    ///
    /// # Errors
    /// It failed, or took longer than `limit` and was ended. With the last
    /// lines that it wrote.
    pub(super) fn run(&self, command: &mut Command, limit: Duration) -> Result<Ran> {
        let ran = run(command, limit, self.scratch())?;
        if ran.succeeded { Ok(ran) } else { Err(ran.failure().into()) }
    }

    /// Builds programs of tests of a package, by the names of their files.
    pub(super) fn tests(&self, package: &str, names: &[&str]) -> Result<Vec<Tests>> {
        self.tests_by(self.cargo("test"), package, names)
    }

    /// The same by another `cargo test`.
    pub(super) fn tests_by(&self, mut cargo: Command, package: &str, names: &[&str]) -> Result<Vec<Tests>> {
        cargo.args(["--no-run", "--message-format=json-render-diagnostics", "--package", package]);
        for name in names {
            cargo.args(["--test", name]);
        }
        let built = self.run(&mut cargo, BUILD)?;
        let messages = built.lines().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        let programs = messages.filter_map(|message| {
            let name = message["target"]["name"].as_str()?;
            let manifest = Path::new(message["manifest_path"].as_str()?);
            Some(Tests {
                name: names.iter().find(|wanted| **wanted == name)?.to_string(),
                program: message["executable"].as_str()?.into(),
                folder: manifest.parent()?.to_owned(),
            })
        });
        let programs: Vec<_> = programs.collect();
        if programs.len() != names.len() {
            return Err(format!("cargo built {} of {} programs of tests", programs.len(), names.len()).into());
        }
        Ok(programs)
    }

    /// Runs tests once; gives how many there are. `prepare` changes the command.
    pub(super) fn run_tests(&self, tests: &Tests, prepare: impl FnOnce(&mut Command)) -> Result<usize> {
        let mut command = self.command(&tests.program);
        command.current_dir(&tests.folder).env("CARGO_MANIFEST_DIR", &tests.folder);
        prepare(&mut command);
        let ran =
            self.run(&mut command, TESTS).map_err(|error| format!("tests `{}`: {error}", tests.name))?;
        passed(&ran).ok_or_else(|| format!("tests `{}` did not say how they ended", tests.name).into())
    }

    /// Runs programs of tests in turn, for [`time`](Self::time) but at least
    /// once, and looks at what is left behind after each round. Gives what was
    /// done.
    pub(super) fn repeat_tests(&self, programs: &[Tests]) -> Result<String> {
        let (mut rounds, mut count) = (0, 0);
        while self.goes_on() || rounds == 0 {
            rounds += 1;
            count = 0;
            for tests in programs {
                let ran = self.run_tests(tests, |_| {});
                count += ran.map_err(|error| format!("in round {rounds}: {error}"))?;
            }
            self.assert_clean().map_err(|error| format!("after round {rounds}: {error}"))?;
        }
        let s = if rounds == 1 { "" } else { "s" };
        Ok(format!("{rounds} round{s} of {count} tests"))
    }

    /// No process of ours may be left, and no temporary file.
    pub(super) fn assert_clean(&self) -> Result<()> {
        leftovers::assert_no_processes(&self.mark())?;
        leftovers::assert_empty(&self.temporary())
    }

    fn mark(&self) -> String {
        std::process::id().to_string()
    }
}

/// The number in `test result: ok. 5 passed; …`.
fn passed(ran: &Ran) -> Option<usize> {
    let lines: Vec<_> = ran.lines().collect();
    let line = lines.iter().rev().find_map(|line| line.strip_prefix("test result: ok. "))?;
    line.split(' ').next()?.parse().ok()
}
