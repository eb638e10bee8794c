//! What processes of a session print.

use bytes::Bytes;

use crate::client::Client;
use crate::error::Result;
use crate::grpc::{Stream, frame};
use crate::proto::{LogData, LogSettings};

const LOGSTREAM: &str = "/ray.rpc.RayletLogStreamer/Logstream";
/// Python's number for messages of level `INFO`.
const INFO: i32 = 20;

/// Lines that come while this is read.
pub struct Logs(Stream);

/// Where a line was printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard output of a worker.
    Stdout,
    /// Standard error of a worker.
    Stderr,
    /// A message of the driver, with Python's number for its level.
    Message(i32),
}

/// Something that was printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Where.
    pub source: Source,
    /// What, with the worker's name before it, as Ray colours it.
    pub text: String,
}

impl Logs {
    pub(crate) async fn open(client: &Client) -> Result<Self> {
        let mut stream = client.channel.open(LOGSTREAM, &[("client_id", &client.id)])?;
        let mut settings: Bytes = frame(&LogSettings { enabled: true, loglevel: INFO });
        while !settings.is_empty() {
            stream.send_some(&mut settings).await?;
        }
        Ok(Self(stream))
    }

    /// The next line; `None` when no more come.
    ///
    /// # Errors
    /// The connection's own.
    pub async fn next(&mut self) -> Result<Option<LogLine>> {
        let line = self.0.next::<LogData>().await?;
        Ok(line.map(|line| LogLine {
            source: match line.level {
                -1 => Source::Stdout,
                -2 => Source::Stderr,
                level => Source::Message(level),
            },
            text: line.msg,
        }))
    }
}
