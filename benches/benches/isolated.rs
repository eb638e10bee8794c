//! What an isolated call costs, beside a bare child that reads and writes
//! length-prefixed frames. `cargo bench -p synapse-benches --bench isolated`,
//! after `cargo build --release -p synapse-host --bins`.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use serde_json::json;
use synapse_benches::{Bare, measured, measured_folder, table, workspace};
use synapse_host::author::Profile;
use synapse_host::run::{Mode, RunRequest, execute, run_plugin};
use synapse_host::worker;
use synapse_sdk::ErrorKind;

const ADA: &str = r#"{"name":"Ada","formal":true}"#;
/// Makes this program a bare child: the function of the bare library to call.
const CHILD: &str = "SYNAPSE_BENCH_CHILD";

fn main() {
    if let Ok(function) = std::env::var(CHILD) {
        return be_bare_child(&function);
    }
    worker::use_program(workspace().join("target/release/synapse-worker"));
    divan::main();
}

/// The least a child can do: read a frame, greet, write the answer's length
/// as often as it is asked to.
fn be_bare_child(function: &str) {
    let bare = Bare::load();
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut length = [0; 4];
    while input.read_exact(&mut length).is_ok() {
        let mut params = vec![0; u32::from_le_bytes(length) as usize];
        if input.read_exact(&mut params).is_err() {
            return;
        }
        let count = if function == "greet" { bare.greet(&params) } else { bare.rows(&params) };
        let mut frame = Vec::from((count as u32).to_le_bytes());
        frame.resize(4 + count, b' ');
        if output.write_all(&frame).and_then(|()| output.flush()).is_err() {
            return;
        }
    }
}

struct BareChild {
    child: Child,
    socket: UnixStream,
}

impl BareChild {
    fn start(function: &str) -> Self {
        let (socket, theirs) = UnixStream::pair().expect("a pair");
        let output = theirs.try_clone().expect("a copy");
        let this = std::env::current_exe().expect("this program");
        let child = Command::new(this)
            .env(CHILD, function)
            .stdin(std::os::fd::OwnedFd::from(theirs))
            .stdout(std::os::fd::OwnedFd::from(output))
            .spawn()
            .expect("a child");
        Self { child, socket }
    }

    fn call(&mut self, params: &[u8]) -> usize {
        let frame = [&(params.len() as u32).to_le_bytes(), params].concat();
        self.socket.write_all(&frame).expect("a write");
        let mut length = [0; 4];
        self.socket.read_exact(&mut length).expect("an answer");
        let mut answer = vec![0; u32::from_le_bytes(length) as usize];
        self.socket.read_exact(&mut answer).expect("all of it");
        answer.len()
    }
}

impl Drop for BareChild {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn request(action: &str, params: &str) -> RunRequest {
    RunRequest::new(measured_folder(), action)
        .params_json(params)
        .profile(Profile::Release)
        .mode(Mode::Isolated)
}

/// A small call on a warm worker.
#[divan::bench_group(sample_count = 300, sample_size = 200)]
mod small {
    use super::*;

    #[divan::bench]
    fn bare_framed_child(bencher: Bencher) {
        let mut child = BareChild::start("greet");
        bencher.bench_local(|| child.call(black_box(ADA.as_bytes())));
    }

    #[divan::bench]
    fn isolated(bencher: Bencher) {
        let (plugin, request) = (measured(), request("greet", ADA));
        execute(&plugin, &request).expect("it greets");
        bencher.bench_local(|| execute(&plugin, black_box(&request)));
    }

    #[divan::bench]
    fn isolated_with_one_log_line(bencher: Bencher) {
        let (plugin, request) = (measured(), request("greet_and_log", ADA));
        execute(&plugin, &request).expect("it greets");
        bencher.bench_local(|| execute(&plugin, black_box(&request)));
    }
}

/// 1 MB of typed params in, the same out.
#[divan::bench_group(sample_count = 100, sample_size = 1)]
mod megabyte {
    use super::*;

    #[divan::bench]
    fn bare_framed_child(bencher: Bencher) {
        let (mut child, table) = (BareChild::start("rows"), table(1_000_000));
        bencher.bench_local(|| child.call(black_box(table.as_bytes())));
    }

    #[divan::bench]
    fn isolated(bencher: Bencher) {
        let (plugin, request) = (measured(), request("rows", &table(1_000_000)));
        bencher.bench_local(|| execute(&plugin, black_box(&request)));
    }
}

/// Starting a worker, loading the plugin and the first call; variables that no
/// worker has yet make a new one necessary.
#[divan::bench(sample_count = 30, sample_size = 1)]
fn start_and_first_call(bencher: Bencher) {
    let (plugin, request) = (measured(), request("greet", ADA));
    let mut number = 0;
    bencher.bench_local(|| {
        number += 1;
        execute(&plugin, &request.clone().env([("NUMBER", number.to_string())]))
    });
}

/// In this process, and in a worker.
const MODES: [&str; 2] = ["local", "isolated"];

fn in_mode(mode: &str, action: &str, params: &str) -> RunRequest {
    request(action, params).mode(if mode == "local" { Mode::Local } else { Mode::Isolated })
}

/// Events that somebody takes.
#[divan::bench(sample_count = 20, sample_size = 1, args = MODES)]
fn events_that_are_taken(bencher: Bencher, mode: &str) {
    const STEPS: usize = 100_000;
    let request = in_mode(mode, "report", &json!({ "steps": STEPS }).to_string());
    bencher.counter(ItemsCount::new(3 * STEPS)).bench_local(|| {
        let mut run = run_plugin(request.clone()).expect("it starts");
        let mut count = 0;
        while let Some(events) = run.events() {
            count += events.len();
        }
        run.result().map(|_| count)
    });
}

/// From being told to stop to the end of the run; the action looks each
/// millisecond.
#[divan::bench(sample_count = 100, sample_size = 1, args = MODES)]
fn cancelled(bencher: Bencher, mode: &str) {
    let request = in_mode(mode, "wait", "{}");
    let under_way = || {
        let mut run = run_plugin(request.clone()).expect("it starts");
        assert!(run.events().is_some(), "it has begun");
        run
    };
    bencher.with_inputs(under_way).bench_local_values(|run| {
        run.canceller().cancel();
        let error = run.result().expect_err("it was told to stop");
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    });
}
