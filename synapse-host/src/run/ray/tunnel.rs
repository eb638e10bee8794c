//! A connection to a worker whose port is out of reach: its bytes travel as
//! arguments and results of the actor's methods. They are encrypted between host
//! and worker all the same.

use std::os::unix::net::UnixStream;
use std::sync::Arc;

use bytes::Bytes;
use synapse_ray::{Actor, Error, Result, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::driver::Driver;

/// Bytes that go with one call.
const PIECE: usize = 4 << 20;

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
    let way = Arc::new(Way { driver, actor, number });
    tokio::spawn(Arc::clone(&way).send_all(inward));
    tokio::spawn(way.receive_all(outward));
    Ok(near)
}

struct Way {
    driver: Driver,
    actor: Actor,
    number: i64,
}

impl Way {
    async fn call(&self, method: &str, more: Option<Bytes>) -> Result<Bytes> {
        let arguments: Vec<Value> =
            std::iter::once(Value::from(self.number)).chain(more.map(Value::from)).collect();
        let asked = self.actor.call(method, &arguments).await?;
        self.driver.get(&asked, None).await?.into_bytes()
    }

    async fn send_all(self: Arc<Self>, mut inward: OwnedReadHalf) {
        let mut buffer = vec![0; PIECE];
        loop {
            let got = inward.read(&mut buffer).await.unwrap_or_default();
            let sent = self.call("send", Some(Bytes::copy_from_slice(&buffer[..got]))).await;
            if got == 0 || sent.is_err() {
                return;
            }
        }
    }

    /// When it ends, the host sees the end of its connection.
    async fn receive_all(self: Arc<Self>, mut outward: OwnedWriteHalf) {
        while let Ok(bytes) = self.call("receive", None).await {
            if bytes.is_empty() || outward.write_all(&bytes).await.is_err() {
                break;
            }
        }
        // The worker's end of it is of no use any more.
        let _ = self.call("close", None).await;
    }
}
