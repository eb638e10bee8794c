//! What jobs and pipelines cost on a Ray cluster, beside Ray's own command on the same cluster:
//!
//!     cargo build --release -p synapse-host --bins -p synapse-benches
//!     .ci/ray target/release/ray_pipeline
//!
//! The cluster's address stands in `SYNAPSE_TEST_RAY`, the Python that has Ray in `RAY_PYTHON`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use synapse_benches::measured;
use synapse_host::home::Home;
use synapse_host::pipeline::{RunOptions, load, start};
use synapse_host::plugin_ref::Resolver;
use synapse_host::record::Status;
use synapse_host::run::{Mode, RayOptions};
use synapse_ray::{Address, Dashboard, JobStatus};
use synapse_sdk::errors::Result;

/// Jobs that each way submits.
const JOBS: usize = 7;
const NODES: usize = 100;
const ROUNDS: usize = 5;
/// How often it is looked whether a job runs.
const OFTEN: Duration = Duration::from_millis(10);

fn main() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("synapse-bench-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    jobs(&folder);
    pipelines(&folder)?;
    fs::remove_dir_all(folder)?;
    Ok(())
}

fn address() -> String {
    std::env::var("SYNAPSE_TEST_RAY").unwrap_or_else(|_| "ray://127.0.0.1:10001".to_owned())
}

/// From the start of a command to a job that runs, and to one that is over: ours beside Ray's own, in turn.
/// The first of each, which has the package sent and unpacked, is told apart.
fn jobs(folder: &Path) {
    let dashboard = Dashboard::new(&Address::resolve(&address()).expect("an address")).expect("an address");
    let work = folder.join("work");
    fs::create_dir_all(&work).expect("a folder");
    fs::write(work.join("main.py"), "print('Ada')\n").expect("a file");
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    for number in 0..=JOBS {
        ours.push(until_it_runs(&dashboard, &format!("ours-{number}"), synapse(folder)));
        theirs.push(until_it_runs(&dashboard, &format!("theirs-{number}"), ray(&dashboard, &work)));
    }
    let first = |times: &mut Vec<Job>| times.remove(0);
    let (first_of_ours, first_of_theirs) = (first(&mut ours), first(&mut theirs));
    println!("the first job, its package included: {:.0} ms", first_of_ours.running);
    println!("  ray job submit: {:.0} ms", first_of_theirs.running);
    let of = |times: &[Job], what: fn(&Job) -> f64| median(times.iter().map(what).collect());
    tell("job submit -> running (p50)", of(&ours, |it| it.running), of(&theirs, |it| it.running));
    tell("job submit -> the command is back (p50)", of(&ours, |it| it.back), of(&theirs, |it| it.back));
    tell("job submit -> over (p50)", of(&ours, |it| it.over), of(&theirs, |it| it.over));
}

/// Milliseconds since the command was started.
struct Job {
    back: f64,
    running: f64,
    over: f64,
}

fn synapse(folder: &Path) -> Command {
    let mut command = Command::new(beside("synapse"));
    command.args(["plugin", "run"]).arg(&measured().image().path).args(["greet", "--params"]);
    command.args(["{\"name\":\"Ada\"}", "--mode", "job", "--cpus", "0.1", "--job-id"]);
    command.env("SYNAPSE_HOME", folder.join("home")).env("RAY_ADDRESS", address());
    command
}

/// A script that prints a word is the least that Ray can be given with a folder of its own.
fn ray(dashboard: &Dashboard, work: &Path) -> Command {
    let python = std::env::var_os("RAY_PYTHON").expect("RAY_PYTHON names Ray's Python");
    let mut command = Command::new(PathBuf::from(python).with_file_name("ray"));
    command.args(["job", "submit", "--address", dashboard.url(), "--no-wait", "--working-dir"]).arg(work);
    command.args(["--entrypoint-num-cpus", "0.1", "--submission-id"]);
    command
}

/// `command` takes a job's name as its last argument but for what Ray's command runs.
fn until_it_runs(dashboard: &Dashboard, id: &str, mut command: Command) -> Job {
    let is_ray = command.get_program().to_string_lossy().ends_with("/ray");
    command.arg(id);
    if is_ray {
        command.args(["--", "python", "main.py"]);
    }
    let started = Instant::now();
    let waiting = {
        let (dashboard, id) = (dashboard.clone(), id.to_owned());
        std::thread::spawn(move || watch(&dashboard, &id, started))
    };
    succeeded(&command.output());
    let back = milliseconds(started.elapsed());
    let (running, over) = waiting.join().expect("it is watched");
    Job { back, running, over }
}

fn watch(dashboard: &Dashboard, id: &str, started: Instant) -> (f64, f64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut running = None;
    runtime.block_on(async {
        loop {
            // Until it is submitted there is none.
            if let Ok(job) = dashboard.job(id).await {
                assert_ne!(job.status, JobStatus::Failed, "{job:?}");
                if job.status != JobStatus::Pending {
                    running.get_or_insert_with(|| milliseconds(started.elapsed()));
                }
                if job.status.is_terminal() {
                    break;
                }
            }
            tokio::time::sleep(OFTEN).await;
        }
    });
    let over = milliseconds(started.elapsed());
    (running.unwrap_or(over), over)
}

/// A hundred nodes that do nothing, as nodes and as elements of one fan-out, and one after the other, by a
/// process that has just been started each time.
fn pipelines(folder: &Path) -> Result<()> {
    let library = measured().image().path.display().to_string();
    let node = |name: &str, rest: &str| {
        format!(
            "  {name}: {{plugin: {library}, action: greet, resources: {{cpus: 0.1}}, params: {{name: Ada}}{rest}}}\n"
        )
    };
    let row: String = (0..NODES).map(|n| node(&format!("n{n}"), "")).collect();
    let chain: String = (0..NODES)
        .map(|n| {
            node(&format!("n{n}"), &if n == 0 { String::new() } else { format!(", needs: [n{}]", n - 1) })
        })
        .collect();
    let items: Vec<String> = (0..NODES).map(|n| n.to_string()).collect();
    let each = node("n", &format!(", for_each: [{}]", items.join(", ")));
    for (shape, nodes) in [("nodes", row), ("a chain", chain), ("elements of a fan-out", each)] {
        let file = folder.join("pipeline.yaml");
        fs::write(&file, format!("nodes:\n{nodes}"))?;
        let first = here(&file, folder)?;
        let again = median((0..ROUNDS).map(|_| here(&file, folder)).collect::<Result<_>>()?);
        println!("{NODES} no-op {shape}, in this process: first {first:.0} ms, then {again:.0} ms");
        let command = || {
            let mut command = Command::new(beside("synapse"));
            command.args(["pipeline", "run", "--json", "--mode", "task"]).arg(&file);
            command.env("SYNAPSE_HOME", folder.join("home")).env("RAY_ADDRESS", address());
            let started = Instant::now();
            succeeded(&command.output());
            milliseconds(started.elapsed())
        };
        let whole = median((0..ROUNDS).map(|_| command()).collect());
        tell(&format!("{NODES} no-op {shape}, the whole command"), whole, 2000.0);
    }
    Ok(())
}

fn here(file: &Path, folder: &Path) -> Result<f64> {
    let plan = load(file, &mut Resolver::default(), true)?;
    let ray = RayOptions { address: address(), ..RayOptions::default() };
    let options = RunOptions { jobs: 2, mode: Mode::Task, ray, cache: false, ..RunOptions::default() };
    let started = Instant::now();
    let report =
        start(plan, &Map::<String, Value>::new(), &Home::at(folder.join("home")), &options, &mut ())?;
    assert_eq!(report.status, Status::Succeeded, "{:?}", report.error);
    Ok(milliseconds(started.elapsed()))
}

fn beside(program: &str) -> PathBuf {
    std::env::current_exe().expect("this is a program").with_file_name(program)
}

fn succeeded(output: &std::io::Result<Output>) {
    assert!(output.as_ref().is_ok_and(|output| output.status.success()), "{output:?}");
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// One figure in milliseconds, beside the most it may be.
fn tell(what: &str, value: f64, most: f64) {
    let verdict = if value <= most { "held" } else { "NOT HELD" };
    println!("{what:<52} {value:>9.0} ms  at most {most:>9.0}  {verdict}");
}
