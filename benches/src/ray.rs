//! What a run on a Ray cluster costs, beside Ray's own Python client on the same
//! cluster: `.ci/ray cargo run --release -p synapse-benches --bin ray`, after
//! `cargo build --release -p synapse-host --bins`.
//!
//! The cluster's address stands in `SYNAPSE_TEST_RAY`, the Python that has Ray in
//! `RAY_PYTHON`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use synapse_benches::{measured, workspace};
use synapse_host::plugin::Plugin;
use synapse_host::run::{Mode, RayOptions, RayPath, Resources, RunRequest, execute};

/// The official client, doing the same: an actor that gives back what it is given.
const PYTHON: &str = r#"
import sys, time
start = time.perf_counter()
import ray
ray.init(sys.argv[1], namespace="bench", log_to_driver=False)
class Echo:
    def echo(self, data):
        return data
def median(times):
    return sorted(times)[len(times) // 2], sorted(times)[len(times) * 99 // 100]
if sys.argv[2] == "process":
    actor = ray.get_actor("echo")
    ray.get(actor.echo.remote(b"Ada"))
    print("process", (time.perf_counter() - start) * 1e3)
else:
    begun = time.perf_counter()
    actor = ray.remote(Echo).options(name="echo", lifetime="detached", num_cpus=0.1, get_if_exists=True).remote()
    ray.get(actor.echo.remote(b""))
    print("new-actor", (time.perf_counter() - begun) * 1e3)
    small, times = b"x" * 16, []
    for _ in range(500):
        at = time.perf_counter()
        ray.get(actor.echo.remote(small))
        times.append((time.perf_counter() - at) * 1e6)
    print("call-p50", median(times)[0]); print("call-p99", median(times)[1])
    rates = []
    for _ in range(3):
        at = time.perf_counter()
        ray.get([actor.echo.remote(small) for _ in range(1000)])
        rates.append(1000 / (time.perf_counter() - at))
    print("batch-per-s", sorted(rates)[1])
    large, times = b"x" * (64 << 20), []
    for _ in range(3):
        at = time.perf_counter()
        assert len(ray.get(actor.echo.remote(large))) == len(large)
        times.append((time.perf_counter() - at) * 1e3)
    print("64-mib-ms", sorted(times)[1])
"#;

fn request(path: RayPath) -> RunRequest {
    let address = std::env::var("SYNAPSE_TEST_RAY").unwrap_or_else(|_| "ray://127.0.0.1:10001".to_owned());
    RunRequest::new(measured().image().path.clone(), "greet")
        .params_json("{\"name\":\"Ada\"}")
        .mode(Mode::Task)
        .resources(Resources { cpus: Some(0.1), ..Resources::default() })
        .ray(RayOptions { address, path, ..RayOptions::default() })
}

fn once(plugin: &Plugin, request: &RunRequest) -> Duration {
    let started = Instant::now();
    let outcome = execute(plugin, request);
    let elapsed = started.elapsed();
    assert!(outcome.is_ok(), "{outcome:?}");
    elapsed
}

/// Half and 99 of a hundred took less, in microseconds.
fn spread(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort_unstable();
    let at = |share: usize| times[times.len() * share / 100].as_secs_f64() * 1e6;
    (at(50), at(99))
}

fn calls(path: RayPath, name: &str, count: usize) {
    let (plugin, request) = (measured(), request(path));
    for _ in 0..20 {
        once(&plugin, &request);
    }
    let (p50, p99) = spread((0..count).map(|_| once(&plugin, &request)).collect());
    println!("{name:<10} one call          p50 {p50:>10.1} us   p99 {p99:>10.1} us");
    let mut rates: Vec<f64> = (0..3).map(|_| batch(&plugin, &request)).collect();
    rates.sort_by(f64::total_cmp);
    println!("{name:<10} 1,000 calls       {:>10.0} a second", rates[1]);
    let text = format!("{{\"name\":\"{}\"}}", "x".repeat(64 << 20));
    let large = request.params_json(text);
    let mut times: Vec<_> = (0..3).map(|_| once(&plugin, &large)).collect();
    times.sort_unstable();
    println!("{name:<10} 64 MiB both ways  {:>10.0} ms", times[1].as_secs_f64() * 1e3);
}

/// A thousand calls by several threads; how many a second.
fn batch(plugin: &Plugin, request: &RunRequest) -> f64 {
    const THREADS: usize = 8;
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..1000 / THREADS {
                    once(plugin, request);
                }
            });
        }
    });
    1000.0 / started.elapsed().as_secs_f64()
}

fn process(path: &str, home: &Path) -> Command {
    let mut command = Command::new(workspace().join("target/release/synapse"));
    command.args(["plugin", "run"]).arg(&measured().image().path).args(["greet", "--params"]);
    command.args(["{\"name\":\"Ada\"}", "--mode", "task", "--cpus", "0.1", "--ray-path", path]);
    command.env("SYNAPSE_HOME", home);
    command.env("RAY_ADDRESS", std::env::var_os("SYNAPSE_TEST_RAY").unwrap_or_default());
    command
}

fn timed(mut command: Command) -> Duration {
    let started = Instant::now();
    let output = command.output();
    let elapsed = started.elapsed();
    assert!(output.as_ref().is_ok_and(|output| output.status.success()), "{output:?}");
    elapsed
}

fn python(what: &str) -> Command {
    let mut command = Command::new(std::env::var_os("RAY_PYTHON").unwrap_or_else(|| "python3".into()));
    command.args(["-c", PYTHON]).arg(std::env::var_os("SYNAPSE_TEST_RAY").unwrap_or_default()).arg(what);
    command
}

fn main() {
    let home: Arc<PathBuf> =
        std::env::temp_dir().join(format!("synapse-bench-{}", std::process::id())).into();
    let first = timed(process("auto", &home));
    println!("synapse    nothing there yet {:>10.0} ms", first.as_secs_f64() * 1e3);
    let output = python("all").output();
    println!(
        "-- Python client\n{}",
        String::from_utf8_lossy(&output.map(|it| it.stdout).unwrap_or_default())
    );
    for (path, rounds) in [("direct", 100), ("client", 5)] {
        let (p50, p99) = spread((0..rounds).map(|_| timed(process(path, &home))).collect());
        println!("{path:<10} whole process     p50 {:>10.1} ms   p99 {:>10.1} ms", p50 / 1e3, p99 / 1e3);
    }
    let (p50, _) = spread((0..5).map(|_| timed(python("process"))).collect());
    println!("{:<10} whole process     p50 {:>10.1} ms", "Python", p50 / 1e3);
    calls(RayPath::Direct, "direct", 2000);
    calls(RayPath::Client, "client", 300);
    let _ = std::fs::remove_dir_all(&*home);
}
