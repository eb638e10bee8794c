//! The REST interfaces of a cluster's dashboard: jobs, packages, files of logs, and Ray Serve.
//!
//! Source: the routes of `ray.dashboard` (`modules/job/job_head.py`, `modules/state/state_head.py`,
//! `modules/serve/serve_head.py`) of Ray 2.60.

mod http;
mod jobs;
mod logs;
mod nodes;
mod serve;

use std::time::Duration;

use bytes::Bytes;
use http::{Body, Door};
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[cfg(fuzzing)]
pub(crate) use self::jobs::read_about_jobs;
pub use self::jobs::{Job, JobRequest, JobStatus, JobTail, JobType};
pub use self::logs::LogStream;
pub use self::nodes::Node;
#[cfg(fuzzing)]
pub(crate) use self::serve::read_serve;
pub use self::serve::{
    Application, ApplicationStatus, Replica, Route, RouteAnswer, Serve, ServeChange, ServeDeployment,
    ServeSource,
};
use crate::address::Address;
use crate::client::ConnectOptions;
use crate::error::{Error, Result};

/// The dashboard of a cluster, spoken to over HTTP, or HTTPS with what stands before it. Each request has
/// a connection of its own.
///
/// ```no_run
/// # async fn example() -> Result<(), synapse_ray::Error> {
/// use synapse_ray::{Address, Dashboard, JobRequest};
///
/// let dashboard = Dashboard::new(&Address::resolve("http://head:8265")?)?;
/// let id = dashboard.submit(&JobRequest::new("echo hello")).await?;
/// while !dashboard.job(&id).await?.status.is_terminal() {}
/// assert_eq!(dashboard.job_logs(&id).await?, "hello\n");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Dashboard {
    door: Door,
}

/// What a dashboard says of itself.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct DashboardVersion {
    /// The version of the interface of jobs.
    pub version: String,
    /// Ray's own version.
    pub ray_version: String,
}

impl Dashboard {
    /// The dashboard of an address, with the token that the environment names.
    ///
    /// # Errors
    /// [`Error::Address`] when its URL cannot be used.
    pub fn new(address: &Address) -> Result<Self> {
        Self::with(address, ConnectOptions::from_env())
    }

    /// The dashboard of an address. Of the options, TLS is that of Ray Client and
    /// not used here: an `https` dashboard stands behind a proxy whose certificate is one that
    /// the system trusts, or that comes of an authority in the file that `SSL_CERT_FILE` names.
    ///
    /// # Errors
    /// [`Error::Address`] when its URL cannot be used; [`Error::Https`] when no authority is known.
    pub fn with(address: &Address, options: ConnectOptions) -> Result<Self> {
        Ok(Self { door: Door::new(address, options)? })
    }

    /// Its URL, without a slash at its end.
    pub fn url(&self) -> &str {
        self.door.url()
    }

    /// Asks who answers.
    ///
    /// # Errors
    /// As every request: [`Error::Unreachable`], [`Error::Unauthenticated`], [`Error::Http`] for
    /// what is refused, [`Error::TimedOut`], [`Error::Malformed`].
    pub async fn version(&self) -> Result<DashboardVersion> {
        self.get("/api/version").await
    }

    /// Whether the cluster has a package, which is then kept for a while.
    ///
    /// # Errors
    /// As [`version`](Self::version); [`Error::Malformed`] for what is no `gcs://` URI.
    pub async fn has_package(&self, uri: &str) -> Result<bool> {
        let path = package_path(uri)?;
        match self.door.send("GET", &path, Body::None).await {
            Ok(_) => Ok(true),
            Err(Error::Http { status: 404, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Uploads a package. The dashboard takes 100 MiB at most;
    /// [`Client::ensure_package`](crate::Client::ensure_package) takes more.
    ///
    /// # Errors
    /// As [`has_package`](Self::has_package); [`Error::Http`] with status 413 for one that is too large.
    pub async fn upload_package(&self, uri: &str, bytes: Vec<u8>) -> Result<()> {
        let path = package_path(uri)?;
        self.door.send("PUT", &path, Body::Bytes(bytes.into())).await.map(drop)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        read(path, &self.door.send("GET", path, Body::None).await?)
    }
}

fn package_path(uri: &str) -> Result<String> {
    let name = uri.strip_prefix("gcs://").filter(|name| is_plain(name));
    let name =
        name.ok_or_else(|| Error::malformed(format!("the package URI {uri:?}: expected gcs://NAME.zip")))?;
    Ok(format!("/api/packages/gcs/{name}"))
}

/// Whether a name can stand in a path as it is.
fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    !name.is_empty() && name.bytes().all(plain) && name != "." && name != ".."
}

/// A name in a path or query, with what may not stand there escaped.
fn escaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for &byte in name.as_bytes() {
        match byte {
            b'-' | b'_' | b'.' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                text.push(char::from(byte))
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

fn read<T: DeserializeOwned>(path: &str, body: &Bytes) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| {
        let shown = String::from_utf8_lossy(&body[..body.len().min(200)]);
        Error::malformed(format!("the answer to {path}: {error}: {shown}"))
    })
}

/// How long a request may take whose answer is short.
const ANSWER: Duration = Duration::from_secs(60);

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_where_they_have_to_be() {
        assert_eq!(escaped("job-driver-a b/../ü.log"), "job-driver-a%20b%2F..%2F%C3%BC.log");
        assert_eq!(package_path("gcs://_ray_pkg_1.zip").unwrap(), "/api/packages/gcs/_ray_pkg_1.zip");
        for wrong in ["s3://a.zip", "gcs://", "gcs://../a", "gcs://a b.zip", "gcs://.."] {
            assert!(package_path(wrong).is_err(), "{wrong}");
        }
    }
}
