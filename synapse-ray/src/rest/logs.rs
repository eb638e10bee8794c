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
        let path = format!(
            "/api/v0/logs/{media}?node_id={node_id}&filename={name}&lines=-1&timeout={PATIENCE}{rest}"
        );
        Ok(LogStream(self.door.open("GET", &path, Body::None).await?.into_body()))
    }
}

/// The bytes of a file, as they come.
pub struct LogStream(pub(super) Incoming);

impl LogStream {
    /// The next bytes, and `None` after the last.
    ///
    /// # Errors
    /// [`Error::Closed`] when the connection broke.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        while let Some(frame) = self.0.frame().await {
            if let Ok(data) = frame.map_err(Error::closed)?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}
