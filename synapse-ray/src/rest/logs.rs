//! Files in the folder of logs of a node.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::http::Body;
use super::{Dashboard, escaped};
use crate::error::{Error, Result};

/// How long the dashboard may take to hand over a file, in seconds.
const PATIENCE: u32 = 3600;

impl Dashboard {
    /// A file in the folder of logs of a node, from its beginning to its end as it is now.
    ///
    /// # Errors
    /// As [`version`](Self::version); [`Error::Http`] with status 500 when there is no such file or node.
    pub async fn log_file(&self, node_id: &str, name: &str) -> Result<LogStream> {
        self.log_stream("file", node_id, name, "").await
    }

    /// The same file as it grows, until nobody reads it any more. It is looked at every `seconds`.
    ///
    /// # Errors
    /// As [`log_file`](Self::log_file).
    pub async fn follow_log_file(&self, node_id: &str, name: &str, seconds: f32) -> Result<LogStream> {
        self.log_stream("stream", node_id, name, &format!("&interval={seconds}")).await
    }

    async fn log_stream(&self, media: &str, node_id: &str, name: &str, rest: &str) -> Result<LogStream> {
        let (node_id, name) = (escaped(node_id), escaped(name));
        // Later releases know no other format; up to 2.40 a byte stands before each piece unless this one is asked for.
        let path = format!(
            "/api/v0/logs/{media}?format=text&node_id={node_id}&filename={name}&lines=-1&timeout={PATIENCE}{rest}"
        );
        let answer = self.door.open("GET", &path, Body::None).await?;
        Ok(LogStream { body: answer.into_body(), unread: Some(path) })
    }
}

/// What releases up to 2.40 send with status 200 instead of a file that is not there.
const NOT_THERE: &[u8] = b"[get_logs] Fetch log error: ";

/// The bytes of a file, as they come.
pub struct LogStream {
    body: Incoming,
    /// What was asked for, until something of it has come.
    unread: Option<String>,
}

impl LogStream {
    pub(super) fn of(body: Incoming) -> Self {
        Self { body, unread: None }
    }

    /// The next bytes, and `None` after the last.
    ///
    /// # Errors
    /// [`Error::Closed`] when the connection broke; [`Error::Http`] where an old release tells only now that there
    /// is no such file.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        while let Some(frame) = self.body.frame().await {
            let Ok(data) = frame.map_err(Error::closed)?.into_data() else { continue };
            return match self.unread.take().zip(data.strip_prefix(NOT_THERE)) {
                None => Ok(Some(data)),
                Some((path, why)) => Err(Error::Http {
                    call: format!("GET {path}"),
                    status: 500,
                    message: String::from_utf8_lossy(why).into_owned(),
                }),
            };
        }
        Ok(None)
    }
}
