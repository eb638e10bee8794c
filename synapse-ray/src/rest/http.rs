//! Requests over HTTP/1.1, one a connection.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::ANSWER;
use crate::address::Address;
use crate::client::ConnectOptions;
use crate::error::{Error, Result};
use crate::tls::Tls;

/// A connection, under TLS or not.
pub(super) type Stream = Box<dyn Both>;

pub(super) trait Both: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Both for T {}

/// What is sent along.
pub(super) enum Body {
    None,
    Json(serde_json::Value),
    JsonText(Bytes),
    Bytes(Bytes),
}

/// Longer answers are refused where they are kept whole.
const MOST: usize = 1 << 30;
/// Who asks. Dashboards of older releases fall over requests that do not say.
pub(super) const AGENT: &str = concat!("synapse-ray/", env!("CARGO_PKG_VERSION"));
/// What is shown of an answer that tells of an error.
const SHOWN: usize = 4000;

/// Where the dashboard is, and what opens it.
#[derive(Clone)]
pub(super) struct Door {
    url: Arc<str>,
    /// Host and port.
    place: Arc<str>,
    tls: Option<Tls>,
    token: Option<Arc<str>>,
    patience: Duration,
}

impl std::fmt::Debug for Door {
    // Without the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Door {
    pub(super) fn new(address: &Address, options: ConnectOptions) -> Result<Self> {
        Self::at(address.dashboard(), options)
    }

    /// At `http://HOST:PORT` or `https://HOST:PORT`.
    pub(super) fn at(url: &str, options: ConnectOptions) -> Result<Self> {
        let (place, tls) = match url.split_once("://") {
            Some(("http", place)) => (place, None),
            Some(("https", place)) => (place, Some(Tls::of_system(place)?)),
            _ => {
                let why = "expected http://HOST:PORT or https://HOST:PORT".to_owned();
                return Err(Error::Address { given: url.to_owned(), why });
            }
        };
        Ok(Self {
            url: url.into(),
            place: place.into(),
            tls,
            token: options.token.map(Into::into),
            patience: options.patience,
        })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// What stands before a path in a request's line of authorization.
    pub(super) fn authorization(&self) -> Option<String> {
        self.token.as_ref().map(|token| format!("Bearer {token}"))
    }

    /// A connection, without anything said on it yet.
    pub(super) async fn connect(&self) -> Result<Stream> {
        let unreachable = |why: String| Error::Unreachable { place: self.place.to_string(), why };
        let connecting = async {
            let socket = TcpStream::connect(&*self.place).await;
            let socket = socket.map_err(|error| unreachable(error.to_string()))?;
            Ok(match &self.tls {
                None => Box::new(socket) as Stream,
                Some(tls) => Box::new(tls.connect_https(&self.place, socket).await?),
            })
        };
        let late = |_| unreachable(format!("nothing answered within {} s", self.patience.as_secs_f64()));
        timeout(self.patience, connecting).await.map_err(late)?
    }

    /// One request, and its whole answer.
    pub(super) async fn send(&self, method: &'static str, path: &str, body: Body) -> Result<Bytes> {
        self.send_within(ANSWER, method, path, body).await
    }

    pub(super) async fn send_within(
        &self,
        patience: Duration,
        method: &'static str,
        path: &str,
        body: Body,
    ) -> Result<Bytes> {
        let whole = async {
            let answer = self.open(method, path, body).await?;
            collected(answer.into_body(), MOST).await.map_err(|error| self.broken(&error))
        };
        let late = |_| Error::TimedOut { what: format!("{method} {path}"), after: patience };
        timeout(patience, whole).await.map_err(late)?
    }

    /// One request, and an answer that says yes, whose body is still to come.
    pub(super) async fn open(
        &self,
        method: &'static str,
        path: &str,
        body: Body,
    ) -> Result<Response<Incoming>> {
        let answer = self.exchange(method, path, body).await?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let said = collected(answer.into_body(), SHOWN).await.unwrap_or_default();
        Err(refusal(format!("{method} {path}"), status, &said))
    }

    /// One request, and an answer that may say no, whose body is still to come.
    pub(super) async fn exchange(
        &self,
        method: &'static str,
        path: &str,
        body: Body,
    ) -> Result<Response<Incoming>> {
        let request = self.request(method, path, body)?;
        let stream = TokioIo::new(self.connect().await?);
        let (mut send, connection) =
            hyper::client::conn::http1::handshake(stream).await.map_err(|error| self.broken(&error))?;
        // Ends with the answer's body, or when nobody reads it any more.
        tokio::spawn(connection);
        send.send_request(request).await.map_err(|error| self.broken(&error))
    }

    fn request(&self, method: &'static str, path: &str, body: Body) -> Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &*self.place)
            .header(header::USER_AGENT, AGENT)
            .header(header::CONNECTION, "close");
        if let Some(authorization) = self.authorization() {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let body = match body {
            Body::None => Bytes::new(),
            Body::Json(value) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                value.to_string().into()
            }
            Body::JsonText(bytes) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                bytes
            }
            Body::Bytes(bytes) => {
                request = request.header(header::CONTENT_TYPE, "application/octet-stream");
                bytes
            }
        };
        request.body(Full::new(body)).map_err(|error| Error::malformed(format!("{method} {path}: {error}")))
    }

    /// A connection that ended, or on which something else than HTTP was spoken.
    pub(super) fn broken(&self, why: &dyn std::error::Error) -> Error {
        let mut told = why.to_string();
        let mut source = why.source();
        while let Some(error) = source {
            told = format!("{told}: {error}");
            source = error.source();
        }
        Error::Unreachable {
            place: self.place.to_string(),
            why: format!("{told}; is it the port of the dashboard?"),
        }
    }
}

/// An answer that says no.
pub(super) fn refusal(call: String, status: StatusCode, said: &[u8]) -> Error {
    let said = String::from_utf8_lossy(&said[..said.len().min(SHOWN)]).trim().to_owned();
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Error::Unauthenticated { message: said },
        _ => Error::Http { call, status: status.as_u16(), message: said },
    }
}

/// A body in one piece, up to `most` bytes; what comes then is left.
async fn collected(mut body: Incoming, most: usize) -> Result<Bytes, hyper::Error> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            bytes.extend_from_slice(&data);
        }
        if bytes.len() > most {
            break;
        }
    }
    Ok(bytes.freeze())
}
