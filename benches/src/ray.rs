//! What a run on a Ray cluster costs, beside Ray's own Python client on the same
//! cluster, each figure with its limit:
//!
//!     cargo build --release -p synapse-host --bins -p synapse-benches
//!     .ci/ray target/release/ray
//!
//! The cluster's address stands in `SYNAPSE_TEST_RAY`, the Python that has Ray in
//! `RAY_PYTHON`.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use synapse_benches::measured;
use synapse_host::map::{MapRequest, RowOutcome, map};
use synapse_host::plugin::Plugin;
use synapse_host::run::{Mode, RayOptions, RayPath, Resources, RunRequest, execute};
use synapse_ray::{Address, Client};

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
else:
    actor = ray.remote(Echo).options(name="echo", lifetime="detached", num_cpus=0.1, get_if_exists=True).remote()
    ray.get(actor.echo.remote(b""))
    print("first-ms", (time.perf_counter() - start) * 1e3)
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        another = ray.remote(Echo).options(num_cpus=0.1).remote()
        ray.get(another.echo.remote(b""))
        times.append((time.perf_counter() - begun) * 1e3)
        ray.kill(another)
    print("actor-ms", sorted(times)[1])
    small, times = b"x" * 16, []
    for _ in range(1000):
        at = time.perf_counter()
        ray.get(actor.echo.remote(small))
        times.append((time.perf_counter() - at) * 1e6)
    print("p50-us", median(times)[0]); print("p99-us", median(times)[1])
    rates = []
    for _ in range(3):
        at = time.perf_counter()
        ray.get([actor.echo.remote(small) for _ in range(1000)])
        rates.append(1000 / (time.perf_counter() - at))
    print("per-s", sorted(rates)[1])
    large, times = b"x" * (64 << 20), []
    for _ in range(3):
        at = time.perf_counter()
        assert len(ray.get(actor.echo.remote(large))) == len(large)
        times.append((time.perf_counter() - at) * 1e3)
    print("large-ms", sorted(times)[1])
"#;

fn address() -> String {
    std::env::var("SYNAPSE_TEST_RAY").unwrap_or_else(|_| "ray://127.0.0.1:10001".to_owned())
}

fn request(path: RayPath) -> RunRequest {
    RunRequest::new(measured().image().path.clone(), "greet")
        .params_json("{\"name\":\"Ada\"}")
        .mode(Mode::Task)
        .resources(Resources { cpus: Some(0.1), ..Resources::default() })
        .ray(RayOptions { address: address(), path, ..RayOptions::default() })
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

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What calls cost one way.
struct Calls {
    p50: f64,
    p99: f64,
    per_second: f64,
    large: f64,
}

fn calls(path: RayPath, count: usize) -> Calls {
    let (plugin, request) = (measured(), request(path));
    for _ in 0..20 {
        once(&plugin, &request);
    }
    let (p50, p99) = spread((0..count).map(|_| once(&plugin, &request)).collect());
    let per_second = match path {
        RayPath::Client => median((0..3).map(|_| batch(&plugin, &request, 250))),
        _ => median((0..30).map(|_| sent_ahead(&request))),
    };
    let large = request.params_json(format!("{{\"name\":\"{}\"}}", "x".repeat(64 << 20)));
    let (large, _) = spread((0..3).map(|_| once(&plugin, &large)).collect());
    Calls { p50, p99, per_second, large: large / 1e3 }
}

/// A thousand calls to one worker, as the rows of a map; how many a second.
fn sent_ahead(request: &RunRequest) -> f64 {
    let rows = (0..1000).map(|_| serde_json::json!({ "name": "Ada" }));
    let started = Instant::now();
    let summary = map(MapRequest::new(request.clone()).concurrency(1), rows, |_: RowOutcome<'_>| {});
    let elapsed = started.elapsed();
    assert!(summary.as_ref().is_ok_and(|summary| summary.succeeded == 1000), "{summary:?}");
    1000.0 / elapsed.as_secs_f64()
}

/// What a message takes there and back on TCP, between two threads that wait for each other: a call straight to
/// the worker passes this way, and then goes on to the process that runs the plugin.
fn bare_round_trip() -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut near = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
    let (mut far, _) = listener.accept().expect("a connection");
    near.set_nodelay(true).and_then(|()| far.set_nodelay(true)).expect("a TCP socket");
    let mut message = [7; 64];
    std::thread::spawn(move || {
        let mut message = [0; 64];
        while far.read_exact(&mut message).and_then(|()| far.write_all(&message)).is_ok() {}
    });
    let mut once = || {
        let started = Instant::now();
        near.write_all(&message).and_then(|()| near.read_exact(&mut message)).expect("an echo");
        started.elapsed()
    };
    spread((0..2000).map(|_| once()).collect()).0
}

/// A thousand calls by so many threads; how many a second.
fn batch(plugin: &Plugin, request: &RunRequest, threads: usize) -> f64 {
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                for _ in 0..1000 / threads {
                    once(plugin, request);
                }
            });
        }
    });
    1000.0 / started.elapsed().as_secs_f64()
}

fn process(path: &str, home: &Path) -> Command {
    let beside = std::env::current_exe().expect("this is a program").with_file_name("synapse");
    let mut command = Command::new(beside);
    command.args(["plugin", "run"]).arg(&measured().image().path).args(["greet", "--params"]);
    command.args(["{\"name\":\"Ada\"}", "--mode", "task", "--cpus", "0.1", "--ray-path", path]);
    command.env("SYNAPSE_HOME", home);
    command.env("RAY_ADDRESS", address());
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
    command.args(["-c", PYTHON]).arg(address()).arg(what);
    command
}

/// A plugin that the cluster has never seen, with a session that is open already: package, actor, worker and
/// first result, in milliseconds.
fn first_ever(folder: &Path) -> f64 {
    let library = std::fs::read(&measured().image().path).expect("it is built");
    let once_more = |number: usize| {
        let own = folder.join(format!("lib{number}.so"));
        let salt = format!("{number} {}", std::process::id());
        let bytes = [&library[..], salt.as_bytes()].concat();
        std::fs::write(&own, bytes).expect("room on the disk");
        let plugin = Plugin::open(&own, None).expect("it can be loaded");
        once(&plugin, &request(RayPath::Auto))
    };
    spread((0..3).map(once_more).collect()).0 / 1e3
}

/// The figures that the official client's script prints.
fn official() -> HashMap<String, f64> {
    let output = python("all").output().expect("Python can be started");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    let figure = |line: &str| {
        let (name, value) = line.split_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    said.lines().filter_map(figure).collect()
}

/// Bytes of the packages that were sent.
fn package() -> f64 {
    let sizes = async {
        let client = Client::connect(&Address::resolve(&address()).expect("an address")).await?;
        let mut largest = 0;
        for key in client.kv_list("gcs://_ray_pkg_synapse").await? {
            largest = largest.max(client.kv_get(key).await?.map_or(0, |bytes| bytes.len()));
        }
        Ok::<_, synapse_ray::Error>(largest)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(sizes).expect("the cluster answers") as f64
}

/// One figure, beside its limit.
fn tell(what: &str, value: f64, unit: &str, limit: f64, most: bool) {
    let (word, held) = if most { ("at most", value <= limit) } else { ("at least", value >= limit) };
    let verdict = if held { "held" } else { "NOT HELD" };
    println!("{what:<52} {value:>11.1} {unit:<3}  {word} {limit:>9.1}  {verdict}");
}

fn main() {
    let home = std::env::temp_dir().join(format!("synapse-bench-{}", std::process::id()));
    let first = timed(process("auto", &home)).as_secs_f64() * 1e3;
    let official = official();
    let of = |name: &str| official.get(name).copied().unwrap_or_else(|| panic!("no {name} in {official:?}"));
    println!("the first process ever, connecting included: {first:.0} ms");
    println!("  official client: the whole script, first actor included: {:.0} ms", of("first-ms"));
    tell("package of greet", package() / 1e6, "MB", 10.0, true);
    let direct = calls(RayPath::Direct, 20_000);
    tell("direct: warm call p50", direct.p50, "us", 50.0, true);
    println!("  p99 {:.1} us; official client p50 {:.1}, p99 {:.1}", direct.p99, of("p50-us"), of("p99-us"));
    println!("  a bare round trip on TCP, which is the first half of the way: {:.1} us", bare_round_trip());
    tell("direct: 1,000 calls, a second", direct.per_second, "", 50.0 * of("per-s"), false);
    tell("direct: 64 MiB each way", direct.large, "ms", of("large-ms"), true);
    let (script, _) = spread((0..5).map(|_| timed(python("process"))).collect());
    let whole = |path, rounds: usize| spread((0..rounds).map(|_| timed(process(path, &home))).collect());
    let (p50, p99) = whole("direct", 100);
    tell("direct: whole process, actor warm (p50)", p50 / 1e3, "ms", 25.0, true);
    println!("  p99 {:.1} ms; the official client's script {:.1} ms", p99 / 1e3, script / 1e3);
    let (p50, _) = whole("client", 7);
    tell("Ray Client: whole process (p50)", p50 / 1e3, "ms", 0.7 * script / 1e3, true);
    // In turns, under what the cluster has to do by now: one late call in a hundred is as much its doing.
    let turns: Vec<_> = (0..3).map(|_| (self::official(), calls(RayPath::Client, 1000))).collect();
    let of = |name: &str| median(turns.iter().map(|(official, _)| official[name]));
    let ours = |figure: fn(&Calls) -> f64| median(turns.iter().map(|(_, calls)| figure(calls)));
    tell("Ray Client: warm call p50", ours(|calls| calls.p50), "us", of("p50-us"), true);
    tell("Ray Client: warm call p99", ours(|calls| calls.p99), "us", of("p99-us"), true);
    tell("Ray Client: 1,000 calls, a second", ours(|calls| calls.per_second), "", of("per-s"), false);
    tell("Ray Client: 64 MiB each way", ours(|calls| calls.large), "ms", of("large-ms"), true);
    // The calls through Ray Client keep a session open, as the official client's script does.
    tell("nothing there yet: to first result", first_ever(&home), "ms", of("actor-ms") + 1000.0, true);
    println!("  official client: actor and first result {:.0} ms", of("actor-ms"));
    let _ = std::fs::remove_dir_all(home);
}
