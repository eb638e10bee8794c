//! Who reads when several calls wait at one worker.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::Write;
use std::os::unix::net::UnixStream;

use super::*;

/// A connection, and the worker's end of it.
fn link() -> (Arc<Link>, UnixStream) {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.write_all(&frame(Kind::Hello, 0, &Hello::default().encode().unwrap())).unwrap();
    let socket = Socket::new(ours.into());
    (Link::greet(socket).unwrap(), theirs)
}

fn frame(kind: Kind, id: u64, payload: &[u8]) -> Vec<u8> {
    [&Header::new(kind, 0, id, payload.len()).bytes()[..], payload].concat()
}

fn run(link: &Link) -> Arc<Call> {
    link.begin(Receiver::Run(Arc::default())).unwrap()
}

fn is_done(message: &Message, with: &str) -> bool {
    matches!(message, Message::Done(Ok(result)) if result == with.as_bytes())
}

#[test]
fn who_was_asked_to_read_and_has_its_answer_asks_another() {
    let (link, mut worker) = link();
    let (reads, answered, waits) = (run(&link), run(&link), run(&link));
    // Both of them are about to sleep.
    assert!(answered.announce() && waits.announce());
    worker.write_all(&frame(Kind::Result, answered.id, b"1")).unwrap();
    worker.write_all(&frame(Kind::Result, reads.id, b"2")).unwrap();
    assert!(is_done(&link.wait(&reads), "2"));
    // It was the first in line, has what it waited for, and does not wait again.
    assert!(is_done(&link.wait(&answered), "1"));
    assert!(lock(&waits.mailbox).asked, "nobody reads for it");
    worker.write_all(&frame(Kind::Result, waits.id, b"3")).unwrap();
    assert!(is_done(&link.wait(&waits), "3"));
}

#[test]
fn who_is_finished_asks_another() {
    let (link, mut worker) = link();
    let (reads, waits) = (run(&link), run(&link));
    assert!(waits.announce());
    worker.write_all(&frame(Kind::Result, reads.id, b"1")).unwrap();
    assert!(is_done(&link.wait(&reads), "1"));
    assert!(waits.take().1, "as soon as it has read");
    assert!(waits.announce());
    link.finish(&reads);
    assert!(waits.take().1);
}
