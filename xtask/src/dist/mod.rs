//! `cargo xtask dist`: the binaries that are shipped.
//!
//! A command calls a tenth of the functions of `synapse`. They lie scattered over all of its code, and the system maps
//! 64 KB of a file around each page that is used, so that most of it takes up memory. So it is built, seen what commands
//! call, and linked again with that side by side.

mod memory;
mod program;
mod ptrace;
mod trace;

use std::error::Error;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use clap::Args;
use tempfile::TempDir;

use self::program::Program;
use crate::workspace;

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

const PROGRAMS: [&str; 2] = ["synapse", "synapse-worker"];
/// Where cargo puts what it builds with the profile of this name.
const BUILT: &str = "target/dist";
const BUILD: [&str; 6] =
    ["--profile=dist", "--locked", "--quiet", "--package=synapse-host", "--target-dir", "target"];
const EXAMPLE: &str = "examples/greet";

/// Build `synapse` and `synapse-worker` as they are shipped
///
/// The functions that commands call lie side by side, which takes half the memory and less time. For that both are
/// built, run with an example, and linked again: some minutes.
#[derive(Args)]
pub(crate) struct DistArgs {
    /// The folder that gets them [default: target/dist]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl DistArgs {
    pub(crate) fn execute(&self) -> Result<()> {
        let out = self.out.as_ref().map(std::path::absolute).transpose()?;
        env::set_current_dir(workspace::root())?;
        eprintln!("building");
        run(cargo("build").arg("--bins"))?;
        eprintln!("seeing which functions run");
        let mut programs = Vec::new();
        for name in PROGRAMS {
            programs.push(Program::read(Path::new(BUILT), name)?);
        }
        let example = Example::new(&programs[0].path)?;
        let before = memory::most(&mut example.greet())?;
        example.see(&mut programs)?;
        for program in &programs {
            let (called, all) = program.bytes();
            let (called, all) = (called / 1024, all / 1024);
            eprintln!("linking {} with {called} of its {all} KB of code first", program.name);
            link(program)?;
        }
        let after = memory::most(&mut example.greet())?;
        eprintln!("`plugin run` takes {after} KB of memory, where it took {before}");
        for program in &programs {
            println!("{}", place(program, out.as_deref())?.display());
        }
        Ok(())
    }
}

/// A plugin that is run.
struct Example {
    synapse: PathBuf,
    home: TempDir,
    bundle: String,
}

impl Example {
    fn new(synapse: &Path) -> Result<Self> {
        let bundle = format!("{EXAMPLE}/dist/greet-0.1.0.synapse");
        let example = Self { synapse: synapse.to_owned(), home: tempfile::tempdir()?, bundle };
        run(&mut example.command(&["plugin", "build", "--release", "--path", EXAMPLE]))?;
        // The first time it is unpacked.
        run(example.greet().stderr(Stdio::null()))?;
        Ok(example)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.synapse);
        command.args(words).env("SYNAPSE_HOME", self.home.path()).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    fn greet(&self) -> Command {
        self.command(&["plugin", "run", &self.bundle, "greet", "-P", "name=Ada"])
    }

    /// Runs what is run most; functions will lie in the order of their first calls.
    fn see(&self, programs: &mut [Program]) -> Result<()> {
        trace::run(&mut self.greet(), programs)?;
        trace::run(self.greet().arg("--isolated"), programs)?;
        let commands: [&[&str]; 6] = [
            &["plugin", "inspect", &self.bundle],
            &["plugin", "list", EXAMPLE],
            &["plugin", "install", &self.bundle, "--trust"],
            &["plugin", "run", "greet", "-p", "greet", "-P", "name=Ada", "--json"],
            &["run", "list"],
            &["--help"],
        ];
        commands.iter().try_for_each(|words| trace::run(&mut self.command(words), programs))
    }
}

/// Links a program again, without the names of its functions and with what was called before all else.
fn link(program: &Program) -> Result<()> {
    let list = program.order();
    // Cargo does not look into it: another list has another name.
    let mut hasher = DefaultHasher::new();
    list.hash(&mut hasher);
    let order = program.path.with_extension(format!("{:016x}.order", hasher.finish()));
    fs::write(&order, list)?;
    let flags = [format!("--symbol-ordering-file={}", order.display()), "--no-warn-symbol-ordering".into()];
    let flags = flags.iter().map(|flag| format!("-Clink-arg=-Wl,{flag}"));
    run(cargo("rustc").args(["--bin", program.name, "--", "-Cstrip=symbols"]).args(flags))
}

/// Puts a program where it was asked for, and gives its path.
fn place(program: &Program, out: Option<&Path>) -> Result<PathBuf> {
    let Some(out) = out else { return Ok(program.path.clone()) };
    fs::create_dir_all(out)?;
    let (part, whole) = (out.join(format!(".{}", program.name)), out.join(program.name));
    // Whoever runs the one that is there keeps it.
    fs::copy(&program.path, &part)?;
    fs::rename(part, &whole)?;
    Ok(whole)
}

fn cargo(what: &str) -> Command {
    let mut command = Command::new(workspace::cargo());
    command.arg(what).args(BUILD);
    command
}

fn run(command: &mut Command) -> Result<()> {
    match command.status()? {
        status if status.success() => Ok(()),
        status => Err(format!("{command:?}: {status}").into()),
    }
}
