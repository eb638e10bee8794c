//! The way back to the shim, and what is under way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use synapse_sdk::events::Event;

use super::{Reply, described};
use crate::run::handle::{Reins, Run};
use crate::run::isolated::{IsolatedRun, Stopper};
use crate::worker::frame::Header;
use crate::worker::protocol::{Kind, MORE};
use crate::worker::socket::Socket;

const EVENTS: &str = "text/event-stream";
/// How often it is looked whether a run took too long.
const LOOK: Duration = Duration::from_millis(50);
/// A listener hears something at least so often, and whoever stands between knows that the connection lives.
const BEAT: Duration = Duration::from_secs(10);

/// The way back to the shim, and what is under way.
pub(super) struct Line {
    socket: Socket,
    sending: Mutex<()>,
    calls: Mutex<HashMap<u64, Underway>>,
}

/// A call that answers a request.
pub(super) struct Underway {
    stopper: Arc<Stopper>,
    /// When it began, where its time-out is looked after here.
    watched: Option<Instant>,
    late: Late,
}

/// What was done about a call that takes too long.
#[derive(Clone, Copy, PartialEq)]
enum Late {
    No,
    Told,
    Ended,
}

impl Underway {
    /// A run whose time-out is looked after here.
    pub(super) fn watched(run: &IsolatedRun) -> Self {
        Self { stopper: run.stopper(), watched: Some(Instant::now()), late: Late::No }
    }

    /// A run that looks after its time-out itself; `None` where it has no worker to be told.
    pub(super) fn by_itself(run: &Run) -> Option<Self> {
        match run.canceller().reins() {
            Reins::Worker(stopper) => {
                Some(Self { stopper: Arc::clone(stopper), watched: None, late: Late::No })
            }
            _ => None,
        }
    }

    /// Tells the action when its time is over, and ends its worker when that is of no use.
    fn look(&mut self, timeout: Duration, grace: Duration) {
        let Some(elapsed) = self.watched.map(|begun| begun.elapsed()) else { return };
        if self.late == Late::No && elapsed >= timeout {
            self.late = Late::Told;
            self.stopper.cancel();
        }
        if self.late == Late::Told && elapsed >= timeout.saturating_add(grace) {
            self.late = Late::Ended;
            self.stopper.kill(false);
        }
    }
}

impl Line {
    pub(super) fn new(socket: Socket) -> Self {
        Self { socket, sending: Mutex::default(), calls: Mutex::default() }
    }

    /// One whose other end nobody holds.
    #[cfg(test)]
    pub(super) fn nowhere() -> Self {
        let (here, _) = std::os::unix::net::UnixStream::pair().expect("a pair of sockets");
        Self::new(Socket::new(here.into()))
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(super) fn began(&self, id: u64, call: Underway) {
        self.calls().insert(id, call);
    }

    /// Whether it was told to stop because its time was over.
    pub(super) fn ended(&self, id: u64) -> bool {
        self.calls().remove(&id).is_some_and(|call| call.late != Late::No)
    }

    /// Nobody waits for the answer any more. The action is told, and its worker left alone: others use it.
    pub(super) fn stop(&self, id: u64) {
        if let Some(call) = self.calls().get(&id) {
            call.stopper.cancel();
        }
    }

    /// Looks after time-outs, for as long as this process lives.
    pub(super) fn watch(self: &Arc<Self>, timeout: Duration, grace: Duration) -> std::io::Result<()> {
        let line = Arc::clone(self);
        let watch = move || {
            loop {
                thread::sleep(LOOK);
                line.calls().values_mut().for_each(|call| call.look(timeout, grace));
            }
        };
        thread::Builder::new().name("time-outs".into()).spawn(watch).map(drop)
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<u64, Underway>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reply(&self, id: u64, reply: &Reply<'_>) {
        self.send(Kind::Reply, 0, id, &[&reply.head(), reply.body.as_bytes()]);
    }

    /// Tells what a run reports as it does, and in the end its result. What fails before it has said anything
    /// is answered as if it had not been streamed.
    pub(super) fn stream(&self, id: u64, mut run: Run) {
        let mut begun = false;
        let mut last = Instant::now();
        while let Some(events) = run.events_within(LOOK) {
            let mut text: String = events.iter().map(sent_event).collect();
            if text.is_empty() && last.elapsed() > BEAT {
                text = ":\n\n".to_owned();
            }
            if !text.is_empty() {
                last = Instant::now();
                self.tell(id, &mut begun, &text);
            }
        }
        match run.wait().result {
            Ok(outcome) => self.tell(id, &mut begun, &sent("result", outcome.json())),
            Err(error) if !begun => return self.reply(id, &Reply::error(&error)),
            Err(error) => self.tell(id, &mut begun, &sent("error", &described(&error))),
        }
        self.send(Kind::Chunk, 0, id, &[]);
    }

    fn tell(&self, id: u64, begun: &mut bool, text: &str) {
        if !std::mem::replace(begun, true) {
            let head = Reply { status: 200, media_type: EVENTS, body: "".into() }.head();
            self.send(Kind::Reply, MORE, id, &[&head]);
        }
        self.send(Kind::Chunk, MORE, id, &[text.as_bytes()]);
    }

    fn send(&self, kind: Kind, flags: u16, id: u64, parts: &[&[u8]]) {
        let length = parts.iter().map(|part| part.len()).sum();
        let header = Header::new(kind, flags, id, length).bytes();
        let mut frame: Vec<&[u8]> = vec![&header];
        frame.extend(parts);
        let _alone = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        // The end of the shim is seen by who reads.
        let _ = self.socket.send_all(&frame);
    }
}

fn sent_event(event: &Event<'_>) -> String {
    serde_json::to_string(event).map_or_else(|_| String::new(), |data| sent(event.name(), &data))
}

/// One server-sent event. JSON has line breaks only between its values.
fn sent(name: &str, data: &str) -> String {
    let name: String = name.chars().filter(|letter| !letter.is_control()).collect();
    format!("event: {name}\ndata: {}\n\n", data.replace(['\n', '\r'], " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_of_data_whatever_its_name() {
        assert_eq!(sent("a\nb", "{\n \"n\": 1\r\n}"), "event: ab\ndata: {  \"n\": 1  }\n\n");
    }
}
