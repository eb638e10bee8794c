//! `synapse-worker` spoken to byte by byte, as `docs/worker-protocol.md` says.

use std::fs::File;
use std::io::Write;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use synapse_tests::frames::*;
use synapse_tests::{goes_away, is_alive, library, synapse};

/// A worker, and a host that knows only the document.
struct Worker {
    child: Child,
    socket: UnixStream,
}

impl Worker {
    fn start() -> Self {
        let (socket, theirs) = UnixStream::pair().expect("a pair");
        socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
        let child = Command::new(synapse().with_file_name("synapse-worker"))
            .args(["serve", "--descriptor", "0", "--parent", &std::process::id().to_string()])
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("a worker");
        Self { child, socket }
    }

    fn greeted() -> Self {
        Self::greeted_with("{}").0
    }

    /// The worker, and what it says of itself.
    fn greeted_with(facts: &str) -> (Self, Value) {
        let mut worker = Self::start();
        worker.send(HELLO, 0, &[b"SYNWORK\0\x01\0\0\0", facts.as_bytes()]);
        let hello = worker.next();
        assert_eq!((hello.kind, &hello.payload[..12]), (HELLO, &b"SYNWORK\0\x01\0\0\0"[..]));
        let facts = serde_json::from_slice(&hello.payload[12..]).expect("JSON");
        (worker, facts)
    }

    fn loaded() -> Self {
        let mut worker = Self::greeted();
        worker.load(json!({}));
        worker
    }

    /// Loads the plugin, with these limits; gives what the worker says.
    fn load(&mut self, mut limits: Value) -> Value {
        limits["library"] = json!(library("misbehave"));
        self.send(LOAD, 1, &[limits.to_string().as_bytes()]);
        let loaded = self.next();
        assert_eq!((loaded.kind, loaded.id, &loaded.json()["plugin"]), (LOADED, 1, &json!("misbehave")));
        loaded.json()
    }

    fn send(&mut self, kind: u16, id: u64, parts: &[&[u8]]) {
        self.send_flagged(kind, 0, id, parts);
    }

    fn send_flagged(&mut self, kind: u16, flags: u16, id: u64, parts: &[&[u8]]) {
        self.socket.write_all(&frame(kind, flags, id, parts)).expect("the worker takes it");
    }

    fn invoke(&mut self, id: u64, action: &str, params: &str) {
        self.ask(INVOKE, 0, id, action, params);
    }

    fn invoke_in_order(&mut self, id: u64, action: &str, params: &str) {
        self.ask(INVOKE, IN_ORDER, id, action, params);
    }

    fn ask(&mut self, kind: u16, flags: u16, id: u64, action: &str, params: &str) {
        let length = (action.len() as u32).to_le_bytes();
        self.send_flagged(kind, flags, id, &[&length, action.as_bytes(), params.as_bytes()]);
    }

    fn next(&mut self) -> Frame {
        self.next_if_any().expect("a frame, and all of it")
    }

    /// The next frame that came whole.
    fn next_if_any(&mut self) -> Option<Frame> {
        Frame::read(&mut self.socket)
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

    /// How so many invocations in order have ended, whichever way they came.
    fn ends(&mut self, count: usize) -> Vec<(u64, End)> {
        ends_of(count, || self.next())
    }

    /// Counts the events that have come by the time the worker answers a ping.
    fn events_before_pong(&mut self, id: u64) -> usize {
        self.send(PING, id, &[]);
        let mut count = 0;
        loop {
            let frame = self.next();
            match frame.kind {
                EVENTS => count += entries(&frame.payload).count(),
                PONG => return count,
                other => panic!("a frame of kind {other}"),
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
    worker.ask(VALIDATE, 0, 6, "checked", r#"{"epochs":1,"lr":1,"name":"abc"}"#);
    let valid = worker.next();
    assert_eq!((valid.kind, valid.id, valid.json()), (RESULT, 6, Value::Null));
    worker.ask(VALIDATE, 0, 7, "checked", r#"{"epochs":0,"lr":1,"name":"abc"}"#);
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
fn invocations_in_order_run_one_after_the_other() {
    let mut worker = Worker::loaded();
    for id in 10..15 {
        worker.invoke_in_order(id, "naps", r#"{"n":1}"#);
    }
    worker.invoke_in_order(15, "naps", "{}");
    worker.invoke_in_order(16, "large_result", r#"{"n":1}"#);
    worker.invoke_in_order(17, "naps", r#"{"n":2}"#);
    let ends = worker.ends(8);
    assert_eq!(ends.iter().map(|(id, _)| *id).collect::<Vec<_>>(), (10..=17).collect::<Vec<_>>());
    assert_eq!((&ends[0].1, &ends[7].1), (&End::Result(json!(1)), &End::Result(json!(2))));
    assert!(matches!(&ends[5].1, End::Error(error) if error["kind"] == "validation"), "{:?}", ends[5]);
    assert!(
        matches!(&ends[6].1, End::Result(text) if text.as_str().is_some_and(|text| text.len() == 1 << 20))
    );
}

#[test]
fn what_has_not_begun_can_be_called_back() {
    let mut worker = Worker::loaded();
    worker.invoke_in_order(20, "waits", "{}");
    for id in 21..=30 {
        worker.invoke_in_order(id, "naps", r#"{"n":0}"#);
    }
    // The first has begun when it says something.
    assert_eq!(worker.next().kind, EVENTS);
    worker.send(RECALL, 0, &[]);
    let ends = worker.ends(10);
    assert_eq!(ends, (21..=30).map(|id| (id, End::NotBegun)).collect::<Vec<_>>());
    worker.send(CANCEL, 20, &[]);
    let ended = worker.answer();
    assert_eq!((ended.kind, ended.id, &ended.json()["kind"]), (ERROR, 20, &json!("cancelled")));
    worker.invoke_in_order(31, "naps", r#"{"n":0}"#);
    assert_eq!(worker.ends(1), [(31, End::Result(json!(0)))]);
}

#[test]
fn an_invocation_waits_while_it_is_paused_and_no_other_does() {
    let mut worker = Worker::loaded();
    worker.invoke(1, "waits", "{}");
    assert_eq!(worker.next().kind, EVENTS);
    worker.send(PAUSE, 1, &[]);
    worker.events_before_pong(1);
    std::thread::sleep(Duration::from_millis(300));
    // One may have been on its way.
    assert!(worker.events_before_pong(2) <= 1);
    worker.invoke(2, "echo", "[]");
    assert_eq!(worker.answer().id, 2);
    worker.send(RESUME, 1, &[]);
    let mut more = 0;
    while more < 3 {
        more += worker.events_before_pong(3);
    }
    worker.send(CANCEL, 1, &[]);
    assert_eq!(worker.answer().json()["kind"], "cancelled");
}

#[test]
fn what_a_worker_that_died_had_not_sent_lies_in_its_file() {
    let mut worker = Worker::greeted();
    let loaded = worker.load(json!({}));
    let place = format!("/proc/{}/fd/{}", worker.child.id(), loaded["unsent_events"]);
    let file = File::open(place).expect("the file of events that were not sent");
    worker.invoke(2, "reports_and_aborts", r#"{"n":50000}"#);
    let (mut texts, mut last) = (Vec::new(), 0);
    while let Some(frame) = worker.next_if_any() {
        assert_eq!((frame.kind, frame.id), (EVENTS, last + 1));
        last = frame.id;
        texts.extend(entries(&frame.payload).map(|entry| String::from_utf8_lossy(entry.rest).into_owned()));
    }
    let mut halves: Vec<_> = [0, 16 + (1 << 20)]
        .map(|start| {
            let mut head = [0; 16];
            file.read_exact_at(&mut head, start).expect("the head of a half");
            let batch = u64::from_ne_bytes(number(&head));
            let mut bytes = vec![0; u64::from_ne_bytes(number(&head[8..])) as usize];
            file.read_exact_at(&mut bytes, start + 16).expect("the bytes of a half");
            (batch, bytes)
        })
        .into();
    halves.sort_unstable();
    for (_, bytes) in halves.iter().filter(|(batch, _)| *batch > last) {
        texts.extend(entries(bytes).map(|entry| String::from_utf8_lossy(entry.rest).into_owned()));
    }
    let expected: Vec<_> = (1..=50_000).map(|line| format!("line {line}")).collect();
    assert!(texts == expected, "{} events, the last is {:?}", texts.len(), texts.last());
}

#[test]
fn a_worker_keeps_to_what_the_host_takes_and_to_its_limits() {
    let (mut worker, facts) = Worker::greeted_with(r#"{"max_payload":2000000,"unknown":1}"#);
    assert_eq!(facts["max_payload"], 256 << 20);
    assert_eq!((&facts["max_outstanding"], &facts["threads"]), (&json!(4096), &json!(64)));
    let loaded = worker.load(json!({ "memory": 1_u64 << 30, "open_files": 700, "cores": [0] }));
    assert!(loaded["protocol"].as_u64().is_some_and(|descriptor| descriptor >= 500), "{loaded}");
    worker.invoke(2, "limits", "{}");
    let limits = worker.answer().json();
    assert_eq!(limits, json!({ "cores": 1, "open_files": "700", "data": "1073741824" }));
    worker.invoke(3, "large_result", r#"{"n":1}"#);
    assert_eq!(worker.answer().kind, RESULT);
    worker.invoke(4, "large_result", r#"{"n":2}"#);
    let refused = worker.answer().json();
    assert_eq!(
        (&refused["kind"], refused["message"].as_str()),
        (&json!("execution"), Some("the result has 2097154 bytes; 2000000 can leave a worker"))
    );
    worker.ask(INVOKE, STRICT_RESULT, 5, "wrong_result", "{}");
    assert_eq!(worker.answer().json()["kind"], "validation");
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
fn what_is_more_than_a_worker_takes_is_refused_and_nothing_else() {
    let mut worker = Worker::loaded();
    for id in 1..=4097 {
        worker.invoke(id, "waits", "{}");
    }
    let refused = worker.answer();
    assert_eq!((refused.kind, refused.id, &refused.json()["kind"]), (ERROR, 4097, &json!("plugin_run")));
    for id in 1..=4096 {
        worker.send(CANCEL, id, &[]);
    }
    let mut cancelled = 0;
    while cancelled < 4096 {
        assert_eq!(worker.answer().json()["kind"], "cancelled");
        cancelled += 1;
    }
    worker.invoke(5000, "echo", "{}");
    assert_eq!(worker.answer().id, 5000);
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
    // It ends its group, and itself with it.
    assert_eq!(worker.end().signal(), Some(libc::SIGKILL));
    let mut worker = Worker::loaded();
    worker.invoke(1, "loops", "{}");
    worker.socket.shutdown(Shutdown::Both).expect("the end");
    assert_eq!(worker.end().signal(), Some(libc::SIGKILL));
}

#[test]
fn a_worker_whose_host_ends_within_a_frame_leaves_nothing_behind() {
    let mut worker = Worker::loaded();
    worker.invoke(1, "forks", "{}");
    let child = worker.answer().json().as_u64().expect("a process");
    assert!(is_alive(child));
    worker.socket.write_all(&[5, 0, 0]).expect("a write");
    worker.socket.shutdown(Shutdown::Write).expect("the end");
    worker.end();
    goes_away(child);
}
