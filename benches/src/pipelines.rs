//! What pipelines cost: `cargo run --release -p synapse-benches --bin pipelines`,
//! after `cargo build --release -p synapse-host --bins`.
//!
//! A thousand nodes, each an action that gives on what it is given: as a chain, as
//! nodes that all wait for the first, and as the elements of one fan-out. What
//! others take for the same is measured by `benches/pipelines/peers.py`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};
use synapse_benches::{measured, workspace};
use synapse_host::home::Home;
use synapse_host::pipeline::{Changed, NodeStatus, Plan, Report, RunOptions, load, resume, start};
use synapse_host::plugin_ref::Resolver;
use synapse_host::record::Status;
use synapse_sdk::PluginError;
use synapse_sdk::errors::Result;

const NODES: usize = 1_000;
/// How many of them have ended when a run is gone on with.
const FINISHED: usize = 900;
const ROUNDS: usize = 21;

fn main() -> Result<()> {
    let bench = Bench::new()?;
    println!("{:<58} {:>9} {:>9} {:>9}  goal", "", "median", "fastest", "slowest");
    bench.overhead()?;
    bench.checks()?;
    bench.resumes()?;
    bench.cache()?;
    fs::remove_dir_all(&bench.folder)?;
    Ok(())
}

struct Bench {
    library: String,
    folder: PathBuf,
    home: Home,
}

impl Bench {
    fn new() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("synapse-bench-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let home = Home::at(folder.join("home"));
        Ok(Self { library: measured().image().path.display().to_string(), folder, home })
    }

    /// A pipeline's file with this text, `LIB` being the measured plugin.
    fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        fs::write(&path, text.replace("LIB", &self.library))?;
        Ok(path)
    }

    fn start(&self, file: &Path, options: &RunOptions) -> Result<(Report, Duration)> {
        let plan = plan(file)?;
        let started = Instant::now();
        let report = start(plan, &Map::new(), &self.home, options, &mut ())?;
        Ok((report, started.elapsed()))
    }

    /// What a node costs beside its action, which does nothing.
    fn overhead(&self) -> Result<()> {
        let shapes = [("chain", chain()), ("fan-out of nodes", star()), ("fan-out of elements", each())];
        let ways = [
            ("journal", true, false, "100"),
            ("no journal", false, false, "10"),
            ("--sync full", true, true, "–"),
        ];
        for (shape, text) in &shapes {
            let file = self.file("overhead.yaml", text)?;
            for (way, journal, full_sync, goal) in ways {
                for jobs in [1, 2] {
                    let options = RunOptions { jobs, journal, full_sync, ..RunOptions::default() };
                    let mut times = Vec::new();
                    for _ in 0..if full_sync { 3 } else { ROUNDS } {
                        let (report, elapsed) = self.start(&file, &options)?;
                        succeeded(&report)?;
                        times.push(elapsed.as_secs_f64() * 1e6 / NODES as f64);
                    }
                    print(&format!("a node of {NODES}, {shape}, {way}, --jobs {jobs}"), "µs", goal, times);
                }
            }
        }
        Ok(())
    }

    fn checks(&self) -> Result<()> {
        for (shape, text) in [("chain", chain()), ("fan-out", star())] {
            let file = self.file("check.yaml", &text)?;
            let here = || -> Result<f64> {
                let started = Instant::now();
                plan(&file)?;
                Ok(milliseconds(started.elapsed()))
            };
            let times: Result<Vec<f64>> = (0..ROUNDS).map(|_| here()).collect();
            print(&format!("check of {NODES} nodes, {shape}, in process"), "ms", "100", times?);
            let command = || -> Result<f64> {
                let started = Instant::now();
                let status = self.synapse(&["check", &file.display().to_string()]).status()?;
                assert!(status.success(), "check fails");
                Ok(milliseconds(started.elapsed()))
            };
            let times: Result<Vec<f64>> = (0..ROUNDS).map(|_| command()).collect();
            print(&format!("check of {NODES} nodes, {shape}, the whole command"), "ms", "100", times?);
        }
        Ok(())
    }

    /// From the beginning of a resume until the first node that had not ended
    /// begins, which tells the time itself.
    fn resumes(&self) -> Result<()> {
        for (shape, text) in [("chain", broken_chain()), ("nodes that wait for nothing", broken_row())] {
            let file = self.file("resume.yaml", &text)?;
            let (mut here, mut command) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                let id = self.broken(&file)?;
                let began = now();
                let resolver = &mut Resolver::default();
                let report = resume(&self.home, &id, resolver, Changed::Refuse, None, &mut ())?;
                succeeded(&report)?;
                here.push(since(began, &report.output));

                let id = self.broken(&file)?;
                let began = now();
                let mut resumed = self.synapse(&["resume", &id, "--json", "--jobs", "1"]);
                let output = resumed.stdout(Stdio::piped()).output()?;
                assert!(output.status.success(), "resume fails");
                let document: Value = serde_json::from_slice(&output.stdout)?;
                command.push(since(began, &document["result"]));
            }
            print(
                &format!("resume of {NODES} with {FINISHED} finished, {shape}, in process"),
                "ms",
                "200",
                here,
            );
            print(
                &format!("resume of {NODES} with {FINISHED} finished, {shape}, command"),
                "ms",
                "200",
                command,
            );
        }
        Ok(())
    }

    /// The id of a run that failed at its 901st node.
    fn broken(&self, file: &Path) -> Result<String> {
        let report = self.start(file, &RunOptions::default())?.0;
        let done = report.nodes.iter().filter(|node| node.status == NodeStatus::Succeeded).count();
        assert_eq!((report.status, done), (Status::Failed, FINISHED), "{:?}", report.error);
        Ok(report.id)
    }

    fn cache(&self) -> Result<()> {
        let megabyte = self.folder.join("megabyte");
        fs::write(&megabyte, vec![7; 1 << 20])?;
        for (what, file) in
            [("", None), (", params with a file of 1 MiB", Some(megabyte.display().to_string()))]
        {
            let params = file.map_or_else(|| "value: 1".to_owned(), |file| format!("value: 1, file: {file}"));
            let text = format!("nodes:\n  kept: {{plugin: LIB, action: keep, params: {{{params}}}}}\n");
            let path = self.file("cache.yaml", &text)?;
            succeeded(&self.start(&path, &RunOptions::default())?.0)?;
            let mut times = Vec::new();
            for _ in 0..ROUNDS {
                let report = self.start(&path, &RunOptions::default())?.0;
                assert_eq!(report.nodes[0].status, NodeStatus::Cached);
                times.push(milliseconds(report.nodes[0].elapsed));
            }
            print(&format!("a node whose result is kept{what}"), "ms", "some", times);
        }
        Ok(())
    }

    fn synapse(&self, words: &[&str]) -> Command {
        let program = workspace().join("target/release/synapse");
        assert!(program.exists(), "build it first: cargo build --release -p synapse-host --bins");
        let mut command = Command::new(program);
        command.arg("pipeline").args(words).env("SYNAPSE_HOME", self.home.path());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

fn plan(file: &Path) -> Result<Plan> {
    load(file, &mut Resolver::default(), true)
}

fn succeeded(report: &Report) -> Result<()> {
    match &report.error {
        None => Ok(()),
        Some(error) => Err(PluginError::from_json(&error.to_json_bytes())),
    }
}

fn node(text: &mut String, index: usize, action: &str, more: &str) {
    let _ = writeln!(text, "  n{index}: {{plugin: LIB, action: {action}, {more}}}");
}

fn chain() -> String {
    let mut text = "nodes:\n".to_owned();
    node(&mut text, 0, "pass", "params: {value: 1}");
    for index in 1..NODES {
        node(&mut text, index, "pass", &format!("params: {{value: '${{n{}.value}}'}}", index - 1));
    }
    text
}

fn star() -> String {
    let mut text = "nodes:\n".to_owned();
    node(&mut text, 0, "pass", "params: {value: 1}");
    (1..NODES).for_each(|index| node(&mut text, index, "pass", "params: {value: '${n0.value}'}"));
    text
}

fn each() -> String {
    let list: Vec<String> = (0..NODES).map(|item| item.to_string()).collect();
    format!(
        "inputs: {{list: [{}]}}\nnodes:\n  each: {{plugin: LIB, action: pass, for_each: '${{inputs.list}}', \
         params: {{value: '${{item}}'}}}}\n",
        list.join(", ")
    )
}

/// A chain whose 901st node fails at the first attempt.
fn broken_chain() -> String {
    let mut text = format!("output: '${{n{FINISHED}}}'\nnodes:\n");
    node(&mut text, 0, "pass", "params: {value: 1}");
    for index in 1..NODES {
        match index {
            FINISHED => node(&mut text, index, "clock", &format!("needs: n{}", index - 1)),
            _ => node(&mut text, index, "pass", &format!("needs: n{}, params: {{value: 1}}", index - 1)),
        }
    }
    text
}

/// Nodes that wait for nothing, of which the 901st fails at the first attempt.
fn broken_row() -> String {
    let mut text = format!("output: '${{n{FINISHED}}}'\nnodes:\n");
    for index in 0..NODES {
        match index {
            FINISHED => node(&mut text, index, "clock", "needs: []"),
            _ => node(&mut text, index, "pass", "params: {value: 1}"),
        }
    }
    text
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Milliseconds from `began` until a node's clock.
fn since(began: Duration, clock: &Value) -> f64 {
    let at = Duration::from_nanos(clock.as_u64().unwrap_or_default());
    milliseconds(at.saturating_sub(began))
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn print(what: &str, unit: &str, goal: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let at = |index: usize| times.get(index).copied().unwrap_or_default();
    let (median, last) = (at(times.len() / 2), at(times.len().saturating_sub(1)));
    println!("{what:<58} {median:>6.2} {unit} {:>6.2} {unit} {last:>6.2} {unit}  {goal}", at(0));
}
