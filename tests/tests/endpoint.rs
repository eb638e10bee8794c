//! The program behind a replica, spoken to as Ray's side of it does: no cluster is needed.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use synapse_host::run::RunRequest;
use synapse_tests::{library, synapse};
use tempfile::TempDir;

const REQUEST: u16 = 20;
const REPLY: u16 = 21;

/// `synapse-worker endpoint` with a plugin beside it.
struct Replica {
    socket: UnixStream,
    child: Child,
    _folder: TempDir,
}

impl Replica {
    fn start(action: &str, batching: Value) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let plugin = "libmisbehave.so";
        fs::copy(library("misbehave"), folder.path().join(plugin)).expect("a copy");
        let request = serde_json::to_value(RunRequest::new(plugin, action)).expect("JSON");
        let spec =
            json!({ "library": plugin, "request": request, "env": {}, "workers": 1, "batching": batching });
        let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        let child = Command::new(synapse().with_file_name("synapse-worker"))
            .arg("endpoint")
            .current_dir(folder.path())
            .env("SYNAPSE_ENDPOINT", spec.to_string())
            .env("SYNAPSE_HOME", folder.path().join("home"))
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .spawn()
            .expect("the worker can be started");
        let mut replica = Self { socket: ours, child, _folder: folder };
        let (ready, status, _) = replica.answer();
        assert_eq!((ready, status), (0, 200));
        replica
    }

    /// Sends requests without waiting, and gives their answers in their order.
    fn asked(&mut self, bodies: &[&str]) -> Vec<(u16, Value)> {
        for (id, body) in (1_u64..).zip(bodies) {
            let head = "POST /?";
            let length = 4 + head.len() + body.len();
            let mut frame = u32::try_from(length).expect("short").to_le_bytes().to_vec();
            frame.extend(REQUEST.to_le_bytes());
            frame.extend(0_u16.to_le_bytes());
            frame.extend(id.to_le_bytes());
            frame.extend(u32::try_from(head.len()).expect("short").to_le_bytes());
            frame.extend(head.bytes().chain(body.bytes()));
            self.socket.write_all(&frame).expect("it reads");
        }
        let answers = (0..bodies.len()).map(|_| self.answer());
        let answers: BTreeMap<u64, _> = answers.map(|(id, status, body)| (id, (status, body))).collect();
        answers.into_values().collect()
    }

    /// The request's number, the status and the document.
    fn answer(&mut self) -> (u64, u16, Value) {
        let mut header = [0; 16];
        self.socket.read_exact(&mut header).expect("an answer");
        let number = |range: std::ops::Range<usize>| {
            header[range].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
        };
        assert_eq!(number(4..6), u64::from(REPLY));
        let mut payload = vec![0; usize::try_from(number(0..4)).expect("a length")];
        self.socket.read_exact(&mut payload).expect("all of it");
        let status = u16::from_le_bytes([payload[0], payload[1]]);
        let body = &payload[6 + "application/json".len()..];
        (number(8..16), status, serde_json::from_slice(body).expect("JSON"))
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        // It ends with its socket.
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
        let _ = self.child.wait();
    }
}

/// Who waits waits for longer than a busy machine takes between two requests.
fn batching(most: usize) -> Value {
    json!({ "most": most, "wait": { "secs": 2, "nanos": 0 }, "items": "numbers", "results": "doubled" })
}

fn values(answer: &Value) -> Vec<i64> {
    let all = answer["doubled"].as_array().into_iter().flatten();
    all.map(|it| it["value"].as_i64().expect("a number")).collect()
}

fn together(answer: &Value) -> Vec<u64> {
    let all = answer["doubled"].as_array().into_iter().flatten();
    all.map(|it| it["together"].as_u64().expect("a number")).collect()
}

#[test]
fn requests_that_come_together_are_one_call_and_have_their_own_answers() {
    let mut replica = Replica::start("doubles", batching(6));
    // The last fills the call, so that nobody waits any longer.
    let bodies = [r#"{"numbers": [1]}"#, r#"{"numbers": [2, 3]}"#, r#"{"numbers": [4, 5, 6]}"#];
    let answers = replica.asked(&bodies);
    assert!(answers.iter().all(|(status, answer)| *status == 200 && together(answer)[0] == 6), "{answers:?}");
    let doubled: Vec<_> = answers.iter().map(|(_, answer)| values(answer)).collect();
    assert_eq!(doubled, [vec![2], vec![4, 6], vec![8, 10, 12]]);
    // Other params are another call; one that is too long for others is one of its own.
    let bodies = [
        r#"{"numbers": [1]}"#,
        r#"{"numbers": [2], "note": "n"}"#,
        r#"{"numbers": [3]}"#,
        r#"{"numbers": [1, 2, 3, 4, 5, 6, 7]}"#,
    ];
    let answers = replica.asked(&bodies);
    let counts: Vec<_> = answers.iter().map(|(_, answer)| together(answer)[0]).collect();
    assert_eq!(counts, [2, 1, 2, 7]);
    assert_eq!((&answers[0].1["note"], &answers[1].1["note"]), (&Value::Null, &json!("n")));
}

#[test]
fn what_one_request_does_costs_no_other_of_its_call() {
    // All three are one call: one that ran beside a crash would share its worker.
    let mut replica = Replica::start("doubles", batching(5));
    for (wrong, status, kind) in
        [("-7", 500, "execution"), ("\"x\"", 422, "validation"), ("13", 500, "worker_crashed")]
    {
        let wrong = format!("{{\"numbers\": [{wrong}]}}");
        let answers = replica.asked(&[r#"{"numbers": [1]}"#, &wrong, r#"{"numbers": [2, 3, 4]}"#]);
        assert_eq!((answers[1].0, &answers[1].1["error"]["kind"]), (status, &json!(kind)), "{answers:?}");
        assert_eq!((answers[0].0, values(&answers[0].1)), (200, vec![2]), "{answers:?}");
        assert_eq!((answers[2].0, values(&answers[2].1)), (200, vec![4, 6, 8]), "{answers:?}");
    }
    assert_eq!(replica.asked(&["{"])[0].0, 400);
    assert_eq!(replica.asked(&[r#"{"numbers": []}"#])[0].0, 422);
}

#[test]
fn without_being_told_to_nothing_is_joined() {
    let mut replica = Replica::start("doubles", Value::Null);
    let answers = replica.asked(&[r#"{"numbers": [1]}"#, r#"{"numbers": [2]}"#]);
    assert_eq!(answers.iter().map(|(_, answer)| together(answer)).collect::<Vec<_>>(), [[1], [1]]);
}
