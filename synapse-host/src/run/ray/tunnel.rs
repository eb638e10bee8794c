//! A connection to a worker whose port is out of reach: its bytes travel as
//! arguments and results of the actor's methods. They are encrypted between host
//! and worker all the same.
//!
//! A call sends what there is, and then listens: it answers when the worker has
//! said something. So one is always waiting there, and what the worker says comes
//! without having been asked for first. Where nothing is said it ends after a while and the next one begins: by that
//! the actor knows that the host is there.

use std::collections::{BTreeMap, VecDeque};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use bytes::{Buf, Bytes};
use synapse_ray::{Actor, Error, Result, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::driver::Driver;

/// Bytes that go with one call.
const PIECE: usize = 16 << 20;
/// Where so many bytes came at once, more are waited for,
const MUCH: usize = 64 << 10;
/// as long as this.
const MOMENT: Duration = Duration::from_millis(5);
/// Calls that listen while much is said, and those that send.
const AHEAD: usize = 4;

/// A way through `actor`, which needs the driver as long as it is there.
pub(super) async fn open(driver: Driver, actor: Actor) -> Result<UnixStream> {
    let way = actor.call("open", &[]).await?;
    let number = driver.get(&way, None).await?.into_bytes()?;
    let number: i64 = std::str::from_utf8(&number)
        .ok()
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| Error::Malformed { what: "the number of a way to the worker".to_owned() })?;
    let (near, far) = UnixStream::pair().map_err(|error| Error::Closed { why: error.to_string() })?;
    let prepared = far.set_nonblocking(true).and_then(|()| tokio::net::UnixStream::from_std(far));
    let (inward, outward) = prepared.map_err(|error| Error::Closed { why: error.to_string() })?.into_split();
    let way = Way {
        driver,
        actor,
        number,
        turn: 0,
        calls: JoinSet::new(),
        sending: 0,
        listening: 0,
        ahead: 1,
        heard: BTreeMap::new(),
        next: 0,
        out: VecDeque::new(),
        ended: false,
    };
    tokio::spawn(way.carry(inward, outward));
    Ok(near)
}

struct Way {
    driver: Driver,
    actor: Actor,
    number: i64,
    /// The number of the next call.
    turn: i64,
    calls: JoinSet<Result<Answer>>,
    /// Calls under way that send only, and those that listen.
    sending: usize,
    listening: usize,
    /// How many should listen.
    ahead: usize,
    /// What came before its turn, by number; and whose turn it is.
    heard: BTreeMap<u64, Bytes>,
    next: u64,
    /// What the host has not taken yet.
    out: VecDeque<Bytes>,
    ended: bool,
}

enum Answer {
    Sent,
    Heard(Bytes),
}

impl Way {
    /// Carries bytes both ways until one end is gone. The host sees that as the end of its connection.
    async fn carry(mut self, mut inward: OwnedReadHalf, mut outward: OwnedWriteHalf) {
        let (mut buffer, mut sends) = (Vec::new(), true);
        while !(self.ended && self.out.is_empty()) {
            while self.listening < self.ahead && self.out.len() < AHEAD && !self.ended {
                self.exchange(None, true);
            }
            // A host that sends may not read: whoever waited for one of both would stop both.
            let first = self.out.front_mut();
            tokio::select! {
                answer = self.calls.join_next(), if !self.calls.is_empty() => {
                    let Some(Ok(Ok(answer))) = answer else { break };
                    self.take(answer);
                }
                bytes = piece(&mut inward, &mut buffer), if sends && self.sending < AHEAD => {
                    sends = !bytes.is_empty();
                    let listens = self.listening < 2;
                    self.exchange(Some(bytes), listens);
                }
                written = write_some(&mut outward, first) => {
                    if written.is_err() {
                        break;
                    }
                    self.out.pop_front_if(|bytes| bytes.is_empty());
                }
            }
        }
        self.calls.abort_all();
        // The worker's end of it is of no use any more.
        if let Ok(closed) = self.actor.call("close", &[Value::from(self.number)]).await {
            let _ = self.driver.get(&closed, None).await;
        }
    }

    fn exchange(&mut self, data: Option<Bytes>, listens: bool) {
        let arguments = [
            Value::from(self.number),
            Value::from(self.turn),
            data.map_or(Value::None, Value::from),
            Value::Bool(listens),
        ];
        self.turn += 1;
        *(if listens { &mut self.listening } else { &mut self.sending }) += 1;
        let (driver, actor) = (self.driver.clone(), self.actor.clone());
        self.calls.spawn(async move {
            let asked = actor.call("exchange", &arguments).await?;
            let answer = driver.get(&asked, None).await?.into_bytes()?;
            Ok(if listens { Answer::Heard(answer) } else { Answer::Sent })
        });
    }

    /// Takes what is there in its order.
    fn take(&mut self, answer: Answer) {
        let Answer::Heard(mut heard) = answer else {
            self.sending -= 1;
            return;
        };
        self.listening -= 1;
        let Ok(number) = heard.try_get_u64_le() else {
            // Nothing was said for long.
            self.ahead = 1;
            return;
        };
        self.ahead = if heard.len() < MUCH { 1 } else { AHEAD };
        self.heard.insert(number, heard);
        while let Some(bytes) = self.heard.remove(&self.next) {
            self.next += 1;
            self.ended |= bytes.is_empty();
            self.out.extend((!self.ended).then_some(bytes));
        }
    }
}

async fn write_some(outward: &mut OwnedWriteHalf, bytes: Option<&mut Bytes>) -> std::io::Result<()> {
    match bytes {
        Some(bytes) => outward.write_buf(bytes).await.map(drop),
        None => std::future::pending().await,
    }
}

/// What the host sends next, no bytes at the end. When this is not awaited to its
/// end, what was read is left in `buffer`.
async fn piece(inward: &mut OwnedReadHalf, buffer: &mut Vec<u8>) -> Bytes {
    loop {
        let goes_on = buffer.len() >= MUCH;
        buffer.reserve(if goes_on { PIECE - buffer.len() } else { MUCH });
        let reading = inward.read_buf(buffer);
        let got = if goes_on { timeout(MOMENT, reading).await.unwrap_or(Ok(0)) } else { reading.await };
        if got.unwrap_or_default() == 0 || buffer.len() < MUCH || buffer.len() >= PIECE {
            return std::mem::take(buffer).into();
        }
    }
}
