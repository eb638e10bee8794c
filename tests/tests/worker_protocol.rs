//! `synapse-worker` spoken to byte by byte, as `docs/worker-protocol.md` says.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use synapse_tests::{library, synapse};

const HELLO: u16 = 1;
const LOAD: u16 = 2;
const LOADED: u16 = 3;
const INSTANTIATE: u16 = 4;
const INVOKE: u16 = 5;
const RESULT: u16 = 6;
const ERROR: u16 = 7;
const EVENTS: u16 = 8;
const CANCEL: u16 = 9;
const CALL: u16 = 10;
const ANSWER: u16 = 11;
const PING: u16 = 14;
const PONG: u16 = 15;
const SHUTDOWN: u16 = 16;
const UNSUPPORTED: u16 = 17;
const VALIDATE: u16 = 18;

/// A worker, and a host that knows only the document.
struct Worker {
    child: Child,
    socket: UnixStream,
}

struct Frame {
    kind: u16,
    id: u64,
    payload: Vec<u8>,
}

impl Frame {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.payload).expect("JSON")
    }
}

impl Worker {
    fn start() -> Self {
        let (socket, theirs) = UnixStream::pair().expect("a pair");
        socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
        let child = Command::new(synapse().with_file_name("synapse-worker"))
            .args(["serve", "--descriptor", "0"])
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a worker");
        Self { child, socket }
    }

    fn greeted() -> Self {
        let mut worker = Self::start();
        worker.send(HELLO, 0, &[b"SYNWORK\0\x01\0\0\0{}"]);
        let hello = worker.next();
        assert_eq!((hello.kind, &hello.payload[..12]), (HELLO, &b"SYNWORK\0\x01\0\0\0"[..]));
        worker
    }

    fn loaded() -> Self {
        let mut worker = Self::greeted();
        let load = json!({ "library": library("misbehave") }).to_string();
        worker.send(LOAD, 1, &[load.as_bytes()]);
        let loaded = worker.next();
        assert_eq!((loaded.kind, loaded.id, &loaded.json()["plugin"]), (LOADED, 1, &json!("misbehave")));
        worker
    }

    fn send(&mut self, kind: u16, id: u64, parts: &[&[u8]]) {
        let payload = parts.concat();
        let mut frame = Vec::from((payload.len() as u32).to_le_bytes());
        frame.extend(kind.to_le_bytes());
        frame.extend(0_u16.to_le_bytes());
        frame.extend(id.to_le_bytes());
        frame.extend(payload);
        self.socket.write_all(&frame).expect("the worker takes it");
    }

    fn invoke(&mut self, id: u64, action: &str, params: &str) {
        self.ask(INVOKE, id, action, params);
    }

    fn ask(&mut self, kind: u16, id: u64, action: &str, params: &str) {
        let length = (action.len() as u32).to_le_bytes();
        self.send(kind, id, &[&length, action.as_bytes(), params.as_bytes()]);
    }

    fn next(&mut self) -> Frame {
        let mut header = [0; 16];
        self.socket.read_exact(&mut header).expect("a frame");
        let number = |from: usize, to: usize| {
            header[from..to].iter().rev().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte))
        };
        let mut payload = vec![0; number(0, 4) as usize];
        self.socket.read_exact(&mut payload).expect("all of it");
        Frame { kind: number(4, 6) as u16, id: number(8, 16), payload }
    }

    /// The next frame that is no batch of events.
    fn answer(&mut self) -> Frame {
        loop {
            let frame = self.next();
            if frame.kind != EVENTS {
                return frame;
            }
        }
    }

    fn end(mut self) -> ExitStatus {
        self.child.wait().expect("its end")
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

#[test]
fn a_host_that_knows_only_the_document_runs_an_action() {
    let mut worker = Worker::loaded();
    worker.send(INSTANTIATE, 2, &[b"echo"]);
    let made = worker.answer();
    assert_eq!((made.kind, made.id, made.json()), (RESULT, 2, Value::Null));
    worker.invoke(3, "echo", r#"{"a":[1,2]}"#);
    let echoed = worker.answer();
    assert_eq!((echoed.kind, echoed.id, echoed.json()), (RESULT, 3, json!({ "a": [1, 2] })));
    worker.invoke(4, "echo", "{oops");
    let refused = worker.answer();
    assert_eq!((refused.kind, refused.id, &refused.json()["kind"]), (ERROR, 4, &json!("usage")));
    worker.ask(VALIDATE, 6, "checked", r#"{"epochs":1,"lr":1,"name":"abc"}"#);
    let valid = worker.next();
    assert_eq!((valid.kind, valid.id, valid.json()), (RESULT, 6, Value::Null));
    worker.ask(VALIDATE, 7, "checked", r#"{"epochs":0,"lr":1,"name":"abc"}"#);
    assert_eq!(worker.next().json()["details"][0]["pointer"], "/epochs");
    worker.invoke(5, "no_such_action", "{}");
    assert_eq!(worker.answer().json()["kind"], "action_not_found");
}

#[test]
fn events_come_before_the_result_they_belong_to() {
    let mut worker = Worker::loaded();
    worker.invoke(7, "reports_and_aborts", r#"{"n":0}"#);
    drop(worker);
    let mut worker = Worker::loaded();
    worker.invoke(7, "fail", r#"{"how":"own"}"#);
    let events = worker.next();
    assert_eq!((events.kind, events.id), (EVENTS, 1));
    // Length, invocation, time, kind, level, no step, then the text.
    let event = &events.payload;
    assert_eq!(event[..4], (event.len() as u32 - 4).to_le_bytes());
    assert_eq!(event[4..12], 7_u64.to_le_bytes());
    assert_eq!((event[20], event[21]), (1, 3));
    assert_eq!((&event[22..26], &event[26..]), (&[255; 4][..], &b"about to fail"[..]));
    assert_eq!(worker.next().kind, ERROR);
}

#[test]
fn many_calls_are_outstanding_and_answered_by_their_numbers() {
    let mut worker = Worker::loaded();
    for id in 1..=1000_u64 {
        worker.invoke(id, "naps", &json!({ "n": id % 3 }).to_string());
    }
    let mut answered: Vec<u64> = (0..1000)
        .map(|_| {
            let frame = worker.answer();
            assert_eq!((frame.kind, frame.json()), (RESULT, json!(frame.id % 3)));
            frame.id
        })
        .collect();
    answered.sort_unstable();
    assert_eq!(answered, (1..=1000).collect::<Vec<_>>());
}

#[test]
fn a_call_is_cancelled_while_it_runs_and_before() {
    let mut worker = Worker::loaded();
    // More than run at once, so that some still wait.
    for id in 1..=100 {
        worker.invoke(id, "waits", "{}");
    }
    for id in 1..=100 {
        worker.send(CANCEL, id, &[]);
    }
    for _ in 0..100 {
        assert_eq!(worker.answer().json()["kind"], "cancelled");
    }
}

#[test]
fn services_are_asked_and_answered() {
    let mut worker = Worker::loaded();
    let folder = tempfile::tempdir().expect("a folder");
    worker.invoke(2, "state", "{}");
    let mut asked = Vec::new();
    let result = loop {
        let frame = worker.answer();
        if frame.kind != CALL {
            break frame;
        }
        assert_eq!(frame.payload[..8], 2_u64.to_le_bytes());
        let length = frame.payload[8] as usize;
        let service = String::from_utf8_lossy(&frame.payload[12..12 + length]).into_owned();
        let (status, bytes): (i32, Vec<u8>) = match service.as_str() {
            "state.load/1" => (3, Vec::new()),
            "state.save/1" if asked.contains(&service) => {
                (1, br#"{"kind":"validation","message":"no"}"#.to_vec())
            }
            "state.save/1" => (0, Vec::new()),
            "work_dir/1" => (0, folder.path().to_string_lossy().into_owned().into_bytes()),
            "run.info/1" => (0, br#"{"attempt":5,"job_id":"j","env":{}}"#.to_vec()),
            _ => (2, Vec::new()),
        };
        asked.push(service);
        worker.send(ANSWER, frame.id, &[&status.to_le_bytes(), &bytes]);
    };
    assert_eq!(result.kind, RESULT, "{}", result.json());
    let result = result.json();
    assert_eq!(
        (&result["count"], &result["attempt"], &result["bad_key"]),
        (&json!(1), &json!(5), &json!("no"))
    );
}

#[test]
fn frames_that_are_not_known_are_answered_by_name() {
    let mut worker = Worker::greeted();
    worker.send(40, 9, &[b"whatever"]);
    let answer = worker.next();
    assert_eq!((answer.kind, answer.id), (UNSUPPORTED, 9));
    assert_eq!(answer.json(), json!({ "kind": 40, "protocol": "1.0" }));
    worker.send(RESULT, 9, &[b"null"]);
    assert_eq!(worker.next().json()["name"], "result");
    // It goes on.
    worker.send(PING, 77, &[b"hi"]);
    let pong = worker.next();
    assert_eq!((pong.kind, pong.id, pong.payload), (PONG, 77, b"hi".to_vec()));
}

#[test]
fn frames_out_of_order_are_answered_with_errors() {
    let mut worker = Worker::greeted();
    worker.invoke(1, "echo", "{}");
    assert_eq!(worker.next().json()["message"], "no plugin is loaded yet");
    worker.send(LOAD, 2, &[b"{"]);
    assert_eq!(worker.next().kind, ERROR);
    worker.send(LOAD, 3, &[br#"{"library":"/nowhere.so"}"#]);
    assert_eq!(worker.next().json()["kind"], "not_found");
    let mut worker = Worker::loaded();
    worker.send(LOAD, 2, &[br#"{"library":"/nowhere.so"}"#]);
    assert_eq!(worker.next().json()["message"], "this worker has a plugin already");
    worker.send(INVOKE, 3, &[b"\xff"]);
    assert_eq!(worker.next().kind, ERROR);
}

#[test]
fn what_is_no_frame_ends_the_worker() {
    let garbage: [&[u8]; 3] = [b"GET / HTTP/1.1\r\nHost: worker\r\n\r\n", &[0; 64], &[0xFF; 64]];
    for bytes in garbage {
        let mut worker = Worker::loaded();
        worker.socket.write_all(bytes).expect("a write");
        assert_eq!(worker.end().code(), Some(97), "{bytes:?}");
    }
    for bytes in garbage {
        let mut worker = Worker::start();
        worker.socket.write_all(bytes).expect("a write");
        assert!(!worker.end().success());
    }
}

#[test]
fn another_major_version_is_refused_by_name() {
    let mut worker = Worker::start();
    worker.send(HELLO, 0, &[b"SYNWORK\0\x02\0\0\0{}"]);
    let refused = worker.next();
    assert_eq!((refused.kind, refused.id), (ERROR, 0));
    let message = refused.json()["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.contains("speaks version 2.0") && message.contains("speaks 1.0"), "{message}");
    assert_eq!(worker.end().code(), Some(5));
}

#[test]
fn a_worker_ends_when_it_is_told_to_and_when_its_host_is_gone() {
    let mut worker = Worker::loaded();
    worker.send(SHUTDOWN, 0, &[]);
    assert_eq!(worker.end().code(), Some(0));
    let mut worker = Worker::loaded();
    worker.invoke(1, "loops", "{}");
    worker.socket.shutdown(std::net::Shutdown::Both).expect("the end");
    assert_eq!(worker.end().code(), Some(0));
}
