//! Runs on Ray clusters that the tests start, change and end: `RAY_NODES=0 .ci/ray` has to run
//! them.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use synapse_tests::{Certificates, Head, Invocation, Running, Synapse, library};

/// No fault may hold anybody up for longer.
const A_MINUTE: Duration = Duration::from_secs(60);

fn call(synapse: &Synapse, head: &Head, words: &str) -> Invocation {
    let call = synapse.act("misbehave", words).words("--mode task --json --cpus 0.01");
    call.env("RAY_ADDRESS", head.address()).env("PATH", "")
}

fn started(synapse: &Synapse, head: &Head, words: &str) -> Running {
    let mut running = call(synapse, head, &format!("tells_process {words}")).start();
    running.until_it_says("process ");
    running
}

fn with(invocation: Invocation, variables: &[(&'static str, String)]) -> Invocation {
    variables.iter().fold(invocation, |invocation, (name, value)| invocation.env(name, value))
}

fn message(error: &Value) -> &str {
    error["message"].as_str().unwrap_or_default()
}

/// The raylet whose command says `word`.
fn raylet(word: &str) -> i32 {
    let found = processes().into_iter().find(|(_, command)| is_raylet(command) && command.contains(word));
    found.unwrap_or_else(|| panic!("no raylet says {word}")).0
}

fn is_raylet(command: &str) -> bool {
    command.split('\0').next().is_some_and(|program| program.ends_with("/raylet"))
}

/// Numbers and commands of all processes.
fn processes() -> Vec<(i32, String)> {
    let numbers = fs::read_dir("/proc").expect("processes are listed").flatten();
    let number = |name: String| name.parse().ok();
    let numbers = numbers.filter_map(|entry| number(entry.file_name().to_string_lossy().into_owned()));
    let command = |number: i32| {
        let read = fs::read(format!("/proc/{number}/cmdline")).ok()?;
        Some((number, String::from_utf8_lossy(&read).into_owned()))
    };
    numbers.filter_map(command).collect()
}

#[expect(unsafe_code, reason = "ends a process by its number")]
fn end(process: i32) {
    // SAFETY: takes two numbers.
    unsafe { libc::kill(process, libc::SIGKILL) };
}

#[test]
#[ignore = "needs a Ray cluster"]
fn a_token_lets_in_who_has_it() {
    let token = [("RAY_AUTH_MODE", "token".to_owned()), ("RAY_AUTH_TOKEN", "t".repeat(40))];
    let variables: Vec<(&str, &str)> = token.iter().map(|(name, value)| (*name, &**value)).collect();
    let head = Head::bare(&variables);
    let synapse = Synapse::new();
    for way in ["direct", "client"] {
        let back = with(call(&synapse, &head, &format!("echo -P n=1 --ray-path {way}")), &token);
        assert_eq!(back.run().code(0).document()["result"], json!({ "n": 1 }), "{way}");
    }
    let looked = synapse.call("doctor --json --ray-address").arg(head.address());
    let looked = with(looked, &token).run().stdout;
    assert!(looked.contains("authentication: token; nodes: 1"), "{looked}");
    for variables in [&[][..], &[("RAY_AUTH_TOKEN", "wrong".to_owned())]] {
        let error = with(call(&synapse, &head, "echo -P n=1"), variables).run().code(6).error();
        assert!(message(&error).starts_with("Ray refused the token: "), "{error}");
        assert_eq!(error["hint"], "set RAY_AUTH_TOKEN to the cluster's token");
    }
}

#[test]
#[ignore = "needs a Ray cluster"]
fn a_cluster_with_tls_wants_a_certificate_that_it_trusts() {
    let certificates = Certificates::new();
    let own = certificates.variables("ca", "ca");
    let variables: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, &**value)).collect();
    let head = Head::bare(&variables);
    let synapse = Synapse::new();
    for way in ["direct", "client"] {
        let back = with(call(&synapse, &head, &format!("echo -P n=1 --ray-path {way}")), &own);
        assert_eq!(back.run().code(0).document()["result"], json!({ "n": 1 }), "{way}");
    }
    let looked = synapse.call("doctor --json --ray-address").arg(head.address());
    let looked = with(looked, &own).run().stdout;
    assert!(looked.contains("authentication: TLS; nodes: 1"), "{looked}");
    let refused = |variables: &[(&'static str, String)]| {
        with(call(&synapse, &head, "echo -P n=1"), variables).run().code(6).error()
    };
    let without = refused(&[]);
    assert!(message(&without).contains("or the cluster uses TLS (RAY_USE_TLS)"), "{without}");
    // The other authority is one that the head does not trust, and the head's one that is not trusted here.
    let stranger = refused(&certificates.variables("other", "ca"));
    assert!(message(&stranger).contains("does it trust this end's certificate?"), "{stranger}");
    let distrusted = refused(&certificates.variables("ca", "other"));
    assert!(message(&distrusted).starts_with("TLS cannot be used: with 127.0.0.1:10001: "), "{distrusted}");
    assert!(distrusted["hint"].as_str().is_some_and(|hint| hint.contains("RAY_TLS_CA_CERT")), "{distrusted}");
}

#[test]
#[ignore = "needs a Ray cluster"]
fn a_node_that_goes_away_ends_its_runs_only_and_may_come_back() {
    let head = Head::bare(&[]);
    head.join("second");
    let synapse = Synapse::new();
    let elsewhere = started(&synapse, &head, "--ray-resource node:127.0.0.1=0.1");
    let there = started(&synapse, &head, "--ray-resource second=0.1");
    let mut through =
        call(&synapse, &head, "tells_process --ray-resource second=0.2 --ray-path client").start();
    through.until_it_says("process ");
    let again = started(&synapse, &head, "--ray-resource second=0.3 --ray-retries 1");
    let asked = Instant::now();
    end(raylet("second"));
    for lost in [there, through] {
        let error = lost.wait().code(1).error();
        assert!(asked.elapsed() < A_MINUTE, "{error}");
        assert_eq!(error["kind"], "worker_crashed", "{error}");
    }
    // It was asked for twice, and now there is nothing that could grant it.
    let error = again.wait().code(6).error();
    assert!(message(&error).starts_with("the run needs 0.3 second"), "{error}");
    head.join("second");
    call(&synapse, &head, "echo -P n=1 --ray-resource second=0.1").run().code(0);
    elsewhere.signal(libc::SIGINT);
    elsewhere.wait().code(130);
}

#[test]
#[ignore = "needs a Ray cluster"]
fn a_head_that_is_started_again_is_found_again() {
    let head = Head::bare(&[]);
    let synapse = Synapse::new();
    let direct = started(&synapse, &head, "");
    let through = started(&synapse, &head, "--ray-path client");
    let asked = Instant::now();
    head.end();
    for lost in [direct, through] {
        let error = lost.wait().code(1).error();
        assert_eq!(error["kind"], "worker_crashed", "{error}");
    }
    let error = call(&synapse, &head, "echo -P n=1").run().code(6).error();
    assert!(message(&error).starts_with("Ray cannot be reached at 127.0.0.1:10001"), "{error}");
    assert!(asked.elapsed() < A_MINUTE);
    head.again();
    call(&synapse, &head, "echo -P n=1").run().code(0).says("starting a worker");
    // Its raylet alone: what the head still answers helps nobody.
    let running = started(&synapse, &head, "");
    let asked = Instant::now();
    end(raylet("raylet"));
    assert_eq!(running.wait().code(1).error()["kind"], "worker_crashed");
    let error = call(&synapse, &head, "echo -P n=1").run().code(6).error();
    assert!(asked.elapsed() < A_MINUTE, "{error}");
    head.end();
    head.again();
    call(&synapse, &head, "echo -P n=1").run().code(0);
}

#[test]
#[ignore = "needs a Ray cluster"]
fn rows_run_on_both_nodes() {
    let head = Head::bare(&[]);
    head.join("second");
    let synapse = Synapse::new();
    let folder = tempfile::tempdir().expect("a folder");
    let (rows, out) = (folder.path().join("rows.jsonl"), folder.path().join("out.jsonl"));
    let text: String = (0..60).map(|n| format!("{{\"n\": {n}, \"sleep\": 100}}\n")).collect();
    fs::write(&rows, text).expect("room on the disk");
    // More than either node has processors for.
    let map = synapse.call("plugin map").arg(library("misbehave")).words("row --json --mode task --cpus 1");
    let map = map.arg("--inputs").arg(&rows).arg("--out").arg(&out).words("--concurrency 6");
    let map = map.env("RAY_ADDRESS", head.address()).env("PATH", "");
    let done = map.run().code(0).document();
    assert_eq!(done["map"]["succeeded"], 60, "{done}");
    let agents: Vec<String> =
        processes().into_iter().map(|(_, command)| command).filter(|it| it.contains("agent")).collect();
    for node in ["127.0.0.1", "127.0.0.2"] {
        let there = agents.iter().filter(|command| command.contains(&format!("--listen\0{node}\0")));
        assert!(there.count() >= 1, "no worker at {node}: {agents:?}");
    }
}
