//! What a whole process costs: `cargo run --release -p synapse-benches --bin process`.
//!
//! Commands take turns, so that a busy moment of the machine meets all alike.
//! With the argument `edit` it measures what an author waits for: a changed
//! function of a plugin outside this workspace, built and run; with `bundle` what
//! plugins cost that travel: built, run, inspected, listed, loaded, with the memory
//! each has at most.

mod bundles;
mod timed;

use std::process::Command;
use std::time::Instant;

use synapse_benches::{TrainParams, measured, measured_folder, workspace};
use synapse_host::author::Profile;
use synapse_host::run::{RunRequest, run_plugin_blocking};
use synapse_sdk::schema::Schema;

use timed::{ROUNDS, Timed, print};

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
    println!("edit → run: median {:.0} ms of {}, fastest {:?}", run.median(), run.times.len(), run.times[0]);
    Ok(())
}

fn main() -> std::io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["bundle"] => return bundles::measure(&workspace().join("target/release/synapse")),
        ["bundle", synapse] => return bundles::measure(synapse.as_ref()),
        ["edit"] => return edits(),
        ["load", plugin] => bundles::load(plugin),
        ["load-after", plugin] => bundles::load_after(plugin),
        ["dlopen", library] => bundles::dlopen(library),
        ["first-call"] => first_call(),
        ["first-schema"] => first_schema(),
        _ => processes(),
    }
    Ok(())
}

fn processes() {
    let library = measured().image().path.display().to_string();
    let folder = workspace().join("examples/greet").display().to_string();
    let synapse = workspace().join("target/release/synapse");
    assert!(synapse.exists(), "build it first: cargo build --release -p synapse-host --bins");
    let home = std::env::temp_dir().join(format!("synapse-bench-{}", std::process::id()));
    let ada = "{\"name\":\"Ada\"}";
    let run = ["plugin", "run", library.as_str(), "greet_and_log", "--params", ada];
    let mut commands = [
        Timed::new("/bin/true", "/bin/true", &[]),
        Timed::new("synapse --help", &synapse, &["--help"]).goal(3.0, None),
        Timed::new("plugin run (.so, record kept)", &synapse, &run).goal(5.0, Some(8.0)),
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
    print(&mut commands);
    for (name, first) in
        [("run_plugin by path, first call", "first-call"), ("Schema::of, first time", "first-schema")]
    {
        let micros = firsts(first);
        let at =
            |share: usize| micros.get(micros.len() * share / 100).copied().unwrap_or_default() as f64 / 1e3;
        println!("{name:<34} {:>8.3} {:>8.3} {:>8.3}", at(50), at(0), at(90));
    }
    // A folder of our own that nobody else uses.
    let _ = std::fs::remove_dir_all(home);
}
