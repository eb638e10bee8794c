//! `synapse-worker agent` spoken to byte by byte, as `docs/worker-protocol.md` says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use snow::{Builder, TransportState};
use synapse_tests::frames::*;
use synapse_tests::{goes_away, library, synapse};

/// An agent. It ends with this.
struct Agent {
    child: Child,
    address: String,
}

/// A host of an agent that knows only the document.
struct Host {
    stream: TcpStream,
    noise: TransportState,
    /// Decrypted, and not taken yet.
    plain: Vec<u8>,
}

impl Agent {
    fn start() -> Self {
        let mut child = Command::new(synapse().with_file_name("synapse-worker"))
            .arg("agent")
            .arg("--library")
            .arg(library("misbehave"))
            .args(["--listen", "127.0.0.1", "--idle", "60"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("an agent");
        let stdin = child.stdin.as_mut().expect("its standard input");
        writeln!(stdin, "{}", "07".repeat(32)).expect("it reads its secret");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("its output")).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("LISTEN ").expect("where it listens").to_owned();
        Self { child, address }
    }

    fn connect(&self) -> Host {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
        let pattern = "Noise_NNpsk0_25519_AESGCM_BLAKE2s".parse().expect("a pattern");
        let builder = Builder::new(pattern).prologue(b"synapse worker 1").and_then(|it| it.psk(0, &[7; 32]));
        let mut shake = builder.and_then(Builder::build_initiator).expect("a handshake");
        let mut buffer = [0; 256];
        let length = shake.write_message(&[], &mut buffer).expect("it fits");
        stream.write_all(&(length as u16).to_be_bytes()).expect("a write");
        stream.write_all(&buffer[..length]).expect("a write");
        let answer = message(&mut stream).expect("an answer");
        shake.read_message(&answer, &mut buffer).expect("it knows the secret");
        let noise = shake.into_transport_mode().expect("keys");
        let mut host = Host { stream, noise, plain: Vec::new() };
        host.send(HELLO, 0, 0, &[b"SYNWORK\0\x01\0\0\0{}"]);
        assert_eq!(host.next().kind, HELLO);
        host.send(LOAD, 0, 1, &[br#"{"env":{"GREETING":"hi"}}"#]);
        assert_eq!(host.next().json()["plugin"], "misbehave");
        host
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// The next message, still encrypted.
fn message(mut source: impl Read) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    source.read_exact(&mut length).ok()?;
    let mut bytes = vec![0; u16::from_be_bytes(length).into()];
    source.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

impl Read for Host {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.plain.is_empty() {
            let Some(sealed) = message(&self.stream) else { return Ok(0) };
            self.plain.resize(sealed.len(), 0);
            let length = self.noise.read_message(&sealed, &mut self.plain).expect("a message");
            self.plain.truncate(length);
        }
        let count = self.plain.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.plain[..count]);
        self.plain.drain(..count);
        Ok(count)
    }
}

impl Host {
    fn send(&mut self, kind: u16, flags: u16, id: u64, parts: &[&[u8]]) {
        self.write(&frame(kind, flags, id, parts));
    }

    fn write(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(65_000) {
            let mut sealed = vec![0; piece.len() + 16];
            let length = self.noise.write_message(piece, &mut sealed).expect("it fits");
            self.stream.write_all(&(length as u16).to_be_bytes()).expect("the agent takes it");
            self.stream.write_all(&sealed[..length]).expect("the agent takes it");
        }
    }

    /// Sends invocations in order, all at once.
    fn queue<'a>(&mut self, invocations: impl IntoIterator<Item = (u64, &'a str, Value)>) {
        let frames = invocations.into_iter().flat_map(|(id, action, params)| {
            let length = (action.len() as u32).to_le_bytes();
            frame(INVOKE, IN_ORDER, id, &[&length, action.as_bytes(), params.to_string().as_bytes()])
        });
        let frames: Vec<u8> = frames.collect();
        self.write(&frames);
    }

    fn next(&mut self) -> Frame {
        Frame::read(self).expect("a frame, and all of it")
    }

    /// The next batch of events.
    fn batch(&mut self) -> Vec<u8> {
        let frame = self.next();
        assert_eq!(frame.kind, EVENTS);
        frame.payload
    }

    /// Reads until an invocation says something, and gives that.
    fn said(&mut self, id: u64) -> String {
        loop {
            let batch = self.batch();
            if let Some(said) = entries(&batch).find(|entry| entry.id == id && entry.kind == 1) {
                return String::from_utf8_lossy(said.rest).into_owned();
            }
        }
    }

    fn ends(&mut self, count: usize) -> Vec<(u64, End)> {
        ends_of(count, || self.next())
    }

    /// The process that runs what is in order.
    fn process(&mut self, id: u64) -> u64 {
        self.queue([(id, "process", json!({}))]);
        match self.ends(1).remove(0) {
            (ended, End::Result(process)) if ended == id => process.as_u64().expect("a number"),
            other => panic!("{other:?}"),
        }
    }
}

fn not_begun(ids: impl IntoIterator<Item = u64>) -> Vec<(u64, End)> {
    ids.into_iter().map(|id| (id, End::NotBegun)).collect()
}

fn error(end: &(u64, End)) -> (u64, &Value) {
    match end {
        (id, End::Error(error)) => (*id, error),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_sent_ahead_runs_in_order_and_many_ends_come_at_once() {
    let agent = Agent::start();
    let mut host = agent.connect();
    let first = host.process(2);
    host.queue((10..510).map(|id| (id, "echo", json!({ "n": id }))));
    let mut frames = 0;
    let ends = ends_of(500, || {
        frames += 1;
        host.next()
    });
    assert_eq!(ends, (10..510).map(|id| (id, End::Result(json!({ "n": id })))).collect::<Vec<_>>());
    assert!(frames < 250, "{frames} frames for 500 ends");
    // Others may be of another action, wrong, or long.
    host.queue([
        (600, "naps", json!({ "n": 1 })),
        (601, "naps", json!({ "n": "x" })),
        (602, "large_result", json!({ "n": 1 })),
        (603, "no_such_action", json!({})),
        (604, "process", json!({})),
    ]);
    let ends = host.ends(5);
    assert_eq!(ends.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [600, 601, 602, 603, 604]);
    assert_eq!(error(&ends[1]).1["kind"], "validation");
    assert!(matches!(&ends[2].1, End::Result(text) if text.as_str().is_some_and(|it| it.len() == 1 << 20)));
    assert_eq!(error(&ends[3]).1["kind"], "action_not_found");
    assert_eq!(ends[4].1, End::Result(json!(first)), "it has had one worker");
}

#[test]
fn a_crash_costs_the_invocation_under_way_and_no_other() {
    let agent = Agent::start();
    let mut host = agent.connect();
    let first = host.process(2);
    host.queue((40..50).map(|id| (id, "exits_with", json!({ "n": 3 }))));
    let ends = host.ends(10);
    let (id, fault) = error(&ends[0]);
    assert_eq!(
        (id, &fault["kind"], &fault["details"]["exit_code"]),
        (40, &json!("worker_crashed"), &json!(3))
    );
    assert_eq!(ends[1..], not_begun(41..50));
    let second = host.process(60);
    assert_ne!(second, first);
    goes_away(first);
}

#[test]
fn what_has_not_begun_can_be_called_back_and_what_runs_cancelled() {
    let agent = Agent::start();
    let mut host = agent.connect();
    host.queue((20..=30).map(|id| (id, "waits", json!({}))));
    assert_eq!(host.said(20), "waiting");
    // Of another action, these have to wait in the agent.
    host.queue((31..=40).map(|id| (id, "echo", json!({}))));
    host.send(CANCEL, 0, 25, &[]);
    host.send(CANCEL, 0, 35, &[]);
    host.send(RECALL, 0, 0, &[]);
    let mut ends = host.ends(20);
    ends.sort_by_key(|(id, _)| *id);
    let kept: Vec<_> = ends.iter().filter(|(id, _)| *id != 35).collect();
    assert!(kept.iter().all(|(_, end)| *end == End::NotBegun), "{kept:?}");
    let (id, cancelled) = error(&ends[14]);
    assert_eq!((id, &cancelled["kind"]), (35, &json!("cancelled")));
    host.send(CANCEL, 0, 20, &[]);
    let ends = host.ends(1);
    let (id, cancelled) = error(&ends[0]);
    assert_eq!((id, &cancelled["kind"]), (20, &json!("cancelled")));
    host.queue([(50, "echo", json!(7))]);
    assert_eq!(host.ends(1), [(50, End::Result(json!(7)))]);
}

#[test]
fn one_that_does_not_stop_ends_with_its_worker() {
    let agent = Agent::start();
    let mut host = agent.connect();
    let first = host.process(2);
    host.queue((20..=22).map(|id| (id, "loops", json!({}))));
    assert_eq!(host.said(20), "looping");
    // Nothing that has ended or waits ends a worker.
    host.send(CANCEL, END_WORKER, 2, &[]);
    host.send(CANCEL, END_WORKER, 20, &[]);
    let ends = host.ends(3);
    let (id, stopped) = error(&ends[0]);
    assert_eq!((id, &stopped["kind"]), (20, &json!("cancelled")));
    assert!(stopped["hint"].as_str().is_some_and(|hint| hint.contains("its worker was ended")), "{stopped}");
    assert_eq!(ends[1..], not_begun([21, 22]));
    assert_ne!(host.process(30), first);
}

#[test]
fn services_are_asked_of_the_host_for_the_invocation_under_way() {
    let agent = Agent::start();
    let mut host = agent.connect();
    host.queue((2..5).map(|id| (id, "state", json!({}))));
    let (mut asked, mut ends) = (Vec::new(), Vec::new());
    while ends.len() < 3 {
        let frame = host.next();
        match frame.kind {
            CALL => {}
            EVENTS => {
                ends.extend(entries(&frame.payload).filter_map(Entry::end));
                continue;
            }
            _ => {
                ends.push((frame.id, End::Result(frame.json())));
                continue;
            }
        }
        let id = u64::from_le_bytes(number(&frame.payload));
        let length = u32::from_le_bytes(number(&frame.payload[8..])) as usize;
        let service = String::from_utf8_lossy(&frame.payload[12..12 + length]).into_owned();
        let (status, bytes): (i32, Vec<u8>) = match service.as_str() {
            "state.load/1" => (3, Vec::new()),
            "run.info/1" => (0, format!(r#"{{"attempt":{id},"env":{{}}}}"#).into_bytes()),
            "state.save/1" => (0, Vec::new()),
            _ => (2, Vec::new()),
        };
        asked.push((id, service));
        host.send(ANSWER, 0, frame.id, &[&status.to_le_bytes(), &bytes]);
    }
    for (id, end) in &ends {
        assert!(
            matches!(end, End::Result(it) if it["attempt"] == *id && it["seen"] == false),
            "{id}: {end:?}"
        );
    }
    assert!(asked.is_sorted_by_key(|(id, _)| *id), "{asked:?}");
    assert!(asked.iter().all(|(_, service)| service != "work_dir/1"), "folders are of its own machine");
}

#[test]
fn one_in_order_waits_while_it_is_paused() {
    let agent = Agent::start();
    let mut host = agent.connect();
    host.queue([(1, "waits", json!({}))]);
    assert_eq!(host.said(1), "waiting");
    host.send(PAUSE, 0, 1, &[]);
    let before_pong = |host: &mut Host, id: u64| {
        host.send(PING, 0, id, &[]);
        let mut count = 0;
        loop {
            let frame = host.next();
            match frame.kind {
                EVENTS => count += entries(&frame.payload).count(),
                PONG => return count,
                other => panic!("a frame of kind {other}"),
            }
        }
    };
    std::thread::sleep(Duration::from_millis(300));
    before_pong(&mut host, 7);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(before_pong(&mut host, 8), 0);
    host.send(RESUME, 0, 1, &[]);
    let mut more = 0;
    while more < 3 {
        more += before_pong(&mut host, 9);
    }
}

#[test]
fn what_a_host_that_is_gone_had_in_order_ends() {
    let agent = Agent::start();
    let mut host = agent.connect();
    let process = host.process(2);
    host.queue((20..=22).map(|id| (id, "loops", json!({}))));
    assert_eq!(host.said(20), "looping");
    drop(host);
    goes_away(process);
    agent.connect().process(2);
}
