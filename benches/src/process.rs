//! What a whole process costs: `cargo run --release -p synapse-benches --bin process`.
//!
//! Commands take turns, so that a busy moment of the machine meets all alike.
//! With the argument `edit` it measures what an author waits for: a changed
//! function of a plugin outside this workspace, built and run; with `bundle` what
//! plugins cost that travel, beside a process that does nothing.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use synapse_benches::{TrainParams, measured, measured_folder, workspace};
use synapse_host::author::Profile;
use synapse_host::run::{RunRequest, run_plugin_blocking};
use synapse_sdk::schema::Schema;

const ROUNDS: usize = 200;

struct Timed {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
    times: Vec<Duration>,
}

impl Timed {
    fn new(name: &'static str, program: impl Into<PathBuf>, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Self { name, program: program.into(), arguments, times: Vec::new() }
    }

    fn once(&mut self, home: &std::path::Path) {
        let started = Instant::now();
        let status = Command::new(&self.program)
            .args(&self.arguments)
            .env("SYNAPSE_HOME", home)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        self.times.push(started.elapsed());
        assert!(status.is_ok_and(|status| status.success()), "{} failed", self.name);
    }
}

/// The first call by path in a process of its own, in microseconds.
fn first_call() {
    let request = RunRequest::new(measured_folder(), "greet_and_log").params_json("{\"name\":\"Ada\"}");
    let started = Instant::now();
    let outcome = run_plugin_blocking(request.profile(Profile::Release));
    let elapsed = started.elapsed();
    assert!(outcome.is_ok(), "{outcome:?}");
    println!("{}", elapsed.as_micros());
}

/// A schema made and compiled for the first time in a process, in microseconds.
fn first_schema() {
    let started = Instant::now();
    let schema = Schema::of::<TrainParams>();
    let elapsed = started.elapsed();
    assert!(schema.is_ok(), "{schema:?}");
    println!("{}", elapsed.as_micros());
}

/// Starts this program anew for each `first` that it prints.
fn firsts(first: &str) -> Vec<u64> {
    let this = std::env::current_exe().unwrap_or_default();
    let once = |_| {
        let output = Command::new(&this).arg(first).output().ok()?;
        String::from_utf8_lossy(&output.stdout).trim().parse().ok()
    };
    let mut calls: Vec<u64> = (0..ROUNDS).filter_map(once).collect();
    calls.sort_unstable();
    calls
}

/// Edits a copy of the greeter and runs it, in the dev profile.
fn edits() -> std::io::Result<()> {
    let (from, copy) = (workspace().join("examples/greet"), std::env::temp_dir().join("synapse-bench-edit"));
    std::fs::create_dir_all(copy.join("src"))?;
    let manifest = std::fs::read_to_string(from.join("Cargo.toml"))?;
    let sdk = workspace().join("synapse-sdk").canonicalize()?;
    let manifest = manifest.replace("../../synapse-sdk", &sdk.display().to_string());
    let profile = "\n[workspace]\n\n[profile.dev]\ndebug = \"line-tables-only\"\n";
    std::fs::write(copy.join("Cargo.toml"), manifest + profile)?;
    std::fs::copy(from.join("config.yaml"), copy.join("config.yaml"))?;
    let code = std::fs::read_to_string(from.join("src/lib.rs"))?;
    let folder = copy.display().to_string();
    let arguments = ["plugin", "run", "greet", "--path", &folder, "-P", "name=Ada"];
    let mut run = Timed::new("edit → run", workspace().join("target/release/synapse"), &arguments);
    for edit in 0..10 {
        std::fs::write(copy.join("src/lib.rs"), code.replace("\"Hello\"", &format!("\"Hello {edit}\"")))?;
        run.once(&copy.join("home"));
    }
    // The first built everything.
    run.times.remove(0);
    run.times.sort();
    println!("edit → run: median {:?} of {}, fastest {:?}", run.times[4], run.times.len(), run.times[0]);
    Ok(())
}

/// Builds the bundle of the greeter, then runs, inspects and lists.
fn bundles() -> std::io::Result<()> {
    const COPIES: usize = 1_000;
    let synapse = workspace().join("target/release/synapse");
    let greet = workspace().join("examples/greet");
    let base = std::env::temp_dir().join(format!("synapse-bench-{}", std::process::id()));
    let (home, plugins) = (base.join("home"), base.join("plugins"));
    std::fs::create_dir_all(&plugins)?;
    let folder = greet.display().to_string();
    let mut build = Timed::new(
        "plugin build, nothing stale",
        &synapse,
        &["plugin", "build", "--release", "--path", &folder],
    );
    build.once(&home);
    let bundle = greet.join("dist/greet-0.1.0.synapse").display().to_string();
    let library = greet.join("dist/libgreet.so");
    for copy in 0..COPIES {
        std::fs::copy(&library, plugins.join(format!("libgreet{copy}.so")))?;
    }
    let (plugins, library) = (plugins.display().to_string(), library.display().to_string());
    let ada = ["greet", "-P", "name=Ada"];
    let run = |plugin| [&["plugin", "run", plugin][..], &ada].concat();
    let mut commands = [
        Timed::new("/bin/true", "/bin/true", &[]),
        Timed::new("synapse --help", &synapse, &["--help"]),
        build,
        Timed::new("plugin run (stamped .so)", &synapse, &run(&library)),
        Timed::new("plugin run (bundle)", &synapse, &run(&bundle)),
        Timed::new(
            "plugin run (bundle, no record)",
            &synapse,
            &[&run(&bundle)[..], &["--no-record"]].concat(),
        ),
        Timed::new("plugin inspect (bundle)", &synapse, &["plugin", "inspect", &bundle]),
        Timed::new("plugin list (1,000 .so)", &synapse, &["plugin", "list", &plugins]),
    ];
    let mut first = Timed::new("plugin run (bundle, first time)", &synapse, &run(&bundle));
    for round in 0..ROUNDS {
        for command in &mut commands {
            command.once(&home);
            if round == 0 {
                command.times.clear();
            }
        }
        let fresh = base.join("fresh");
        first.once(&fresh);
        std::fs::remove_dir_all(fresh)?;
    }
    println!("{:<32} {:>8} {:>8} {:>8}  ms, {} rounds", "", "p50", "min", "p90", ROUNDS - 1);
    for command in commands.iter_mut().chain([&mut first]) {
        command.times.sort();
        let at = |share: usize| command.times[command.times.len() * share / 100].as_secs_f64() * 1e3;
        println!("{:<32} {:>8.2} {:>8.2} {:>8.2}", command.name, at(50), at(0), at(90));
    }
    std::fs::remove_dir_all(base)
}

fn main() {
    if std::env::args().any(|argument| argument == "bundle") {
        return bundles().unwrap_or_else(|error| eprintln!("error: {error}"));
    }
    if std::env::args().any(|argument| argument == "edit") {
        return edits().unwrap_or_else(|error| eprintln!("error: {error}"));
    }
    if std::env::args().any(|argument| argument == "first-call") {
        return first_call();
    }
    if std::env::args().any(|argument| argument == "first-schema") {
        return first_schema();
    }
    let library = measured().image().path.display().to_string();
    let folder = workspace().join("examples/greet").display().to_string();
    let synapse = workspace().join("target/release/synapse");
    assert!(synapse.exists(), "build it first: cargo build --release -p synapse-host --bins");
    let home = std::env::temp_dir().join(format!("synapse-bench-{}", std::process::id()));
    let ada = "{\"name\":\"Ada\"}";
    let run = ["plugin", "run", library.as_str(), "greet_and_log", "--params", ada];
    let mut commands = [
        Timed::new("/bin/true", "/bin/true", &[]),
        Timed::new("synapse --help", &synapse, &["--help"]),
        Timed::new("plugin run (.so, record kept)", &synapse, &run),
        Timed::new("plugin run (.so, no record)", &synapse, &[&run[..], &["--no-record"]].concat()),
        Timed::new(
            "plugin run (folder, fresh)",
            &synapse,
            &["plugin", "run", "--path", &folder, "greet", "--params", ada],
        ),
    ];
    for round in 0..ROUNDS {
        for command in &mut commands {
            command.once(&home);
            if round == 0 {
                // The first may build, and finds cold caches.
                command.times.clear();
            }
        }
    }
    println!("{:<32} {:>8} {:>8} {:>8}  ms, {} rounds", "", "p50", "min", "p90", ROUNDS - 1);
    for command in &mut commands {
        command.times.sort();
        let at = |share: usize| command.times[command.times.len() * share / 100].as_secs_f64() * 1e3;
        println!("{:<32} {:>8.2} {:>8.2} {:>8.2}", command.name, at(50), at(0), at(90));
    }
    for (name, first) in
        [("run_plugin by path, first call", "first-call"), ("Schema::of, first time", "first-schema")]
    {
        let micros = firsts(first);
        let at =
            |share: usize| micros.get(micros.len() * share / 100).copied().unwrap_or_default() as f64 / 1e3;
        println!("{name:<32} {:>8.3} {:>8.3} {:>8.3}", at(50), at(0), at(90));
    }
    // A folder of our own that nobody else uses.
    let _ = std::fs::remove_dir_all(home);
}
