//! gRPC over HTTP/2, as much of it as Ray Client needs.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request};
use prost::Message;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::error::{Error, Result};
use crate::tls::Tls;

/// How much may come on a stream, and on all together, before it is read.
const STREAM_WINDOW: u32 = 16 << 20;
const WINDOW: u32 = 64 << 20;
/// Longer messages are refused: chunks are far shorter.
const MAX_MESSAGE: usize = 1 << 30;

/// Of a status: who is not let in.
const UNAUTHENTICATED: u16 = 16;

/// A connection on which calls are made.
#[derive(Clone)]
pub(crate) struct Channel {
    send: SendRequest<Bytes>,
    peer: Arc<Peer>,
    authorization: Option<Arc<str>>,
    tls: Option<Tls>,
}

/// The other end of a connection.
struct Peer {
    place: String,
    scheme: &'static str,
    /// Whether it has answered anything yet.
    heard: AtomicBool,
}

impl Channel {
    /// Connects to host and port.
    ///
    /// # Errors
    /// [`Error::Unreachable`]; [`Error::Tls`].
    pub(crate) async fn connect(
        place: &str,
        token: Option<&str>,
        tls: Option<Tls>,
        patience: Duration,
    ) -> Result<Self> {
        let authorization = token.map(|token| format!("Bearer {token}").into());
        Self::reach(place, authorization, tls, patience).await
    }

    /// Another connection to the same place.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub(crate) async fn again(&self, patience: Duration) -> Result<Self> {
        Self::reach(&self.peer.place, self.authorization.clone(), self.tls.clone(), patience).await
    }

    async fn reach(
        place: &str,
        authorization: Option<Arc<str>>,
        tls: Option<Tls>,
        patience: Duration,
    ) -> Result<Self> {
        let unreachable = |why: String| Error::Unreachable { place: place.to_owned(), why };
        let connecting = async {
            let socket = connect_any(place).await.map_err(|error| unreachable(error.to_string()))?;
            prepare(&socket).map_err(|error| unreachable(error.to_string()))?;
            let spoken = match &tls {
                Some(tls) => speak(tls.connect(place, socket).await?).await,
                None => speak(socket).await,
            };
            spoken.map_err(|error| match &tls {
                Some(_) => hung_up(place, &error),
                None => silent(place, &error),
            })
        };
        let late = |_| unreachable(format!("nothing answered within {} s", patience.as_secs_f64()));
        let send = timeout(patience, connecting).await.map_err(late)??;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let peer = Peer { place: place.to_owned(), scheme, heard: AtomicBool::new(false) };
        Ok(Self { send, peer: Arc::new(peer), authorization, tls })
    }

    pub(crate) fn place(&self) -> &str {
        &self.peer.place
    }

    /// One request, one answer.
    ///
    /// # Errors
    /// [`Error::Status`] and the like.
    pub(crate) async fn unary<A: Message + Default>(
        &self,
        call: &'static str,
        client_id: &str,
        request: &impl Message,
    ) -> Result<A> {
        let mut stream = self.open(call, &[("client_id", client_id)])?;
        stream.send_all(frame(request)).await?;
        let answer = stream.next::<A>().await?;
        answer.ok_or_else(|| Error::malformed(format!("{call} was answered with nothing")))
    }

    /// Opens a call on which messages go both ways.
    ///
    /// # Errors
    /// The connection has ended.
    pub(crate) fn open(&self, call: &'static str, metadata: &[(&str, &str)]) -> Result<Stream> {
        let mut request = Request::post(format!("{}://{}{call}", self.peer.scheme, self.peer.place))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in metadata {
            request = request.header(*name, *value);
        }
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", &**authorization);
        }
        let request = request.body(()).map_err(|error| Error::malformed(error.to_string()))?;
        let sent = self.send.clone().send_request(request, false);
        let (answer, out) = sent.map_err(|error| self.peer.gone(&error))?;
        let peer = Arc::clone(&self.peer);
        Ok(Stream { call, peer, out, incoming: Incoming::Announced(answer), buffer: BytesMut::new() })
    }
}

impl Peer {
    /// The connection ended. One on which nothing was ever heard led to something else.
    fn gone(&self, why: &dyn std::fmt::Display) -> Error {
        if self.heard.load(Ordering::Relaxed) {
            return Error::closed(why);
        }
        if self.scheme == "https" {
            return hung_up(&self.place, why);
        }
        silent(&self.place, why)
    }
}

/// Whoever listens there hung up without a word, which a first write may notice before a read does.
fn silent(place: &str, why: &dyn std::fmt::Display) -> Error {
    let why = format!(
        "the connection ended before anything was answered ({why}); it may not be the port of Ray Client, or \
         the cluster uses TLS (RAY_USE_TLS)"
    );
    Error::Unreachable { place: place.to_owned(), why }
}

/// Both ends trust each other's words, and then the other one ends the connection: that is how a server refuses
/// a certificate, which it sees last.
fn hung_up(place: &str, why: &dyn std::fmt::Display) -> Error {
    let why = format!("with {place}: the cluster hung up ({why}); does it trust this end's certificate?");
    Error::Tls { why }
}

/// Begins HTTP/2 on a connection.
async fn speak(
    socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<SendRequest<Bytes>, h2::Error> {
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(STREAM_WINDOW).initial_connection_window_size(WINDOW);
    let (send, connection) = builder.handshake(socket).await?;
    // What ends the connection is told by the calls on it.
    tokio::spawn(async move { drop(connection.await) });
    send.ready().await
}

async fn connect_any(place: &str) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
    // A numeric address needs no thread that looks it up.
    let addresses: Vec<SocketAddr> = match place.parse() {
        Ok(address) => vec![address],
        Err(_) => tokio::net::lookup_host(place).await?.collect(),
    };
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A connection whose other end has been silent for half a minute, and does not answer the
/// system's own questions either, ends.
fn prepare(socket: &TcpStream) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let questions = TcpKeepalive::new()
        .with_time(Duration::from_secs(15))
        .with_interval(Duration::from_secs(5))
        .with_retries(3);
    let socket = SockRef::from(socket);
    socket.set_tcp_keepalive(&questions)?;
    socket.set_tcp_user_timeout(Some(Duration::from_secs(30)))
}

/// A message as it lies on the wire: not compressed, after its length.
pub(crate) fn frame(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut frame = BytesMut::with_capacity(5 + length);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    message.encode_raw(&mut frame);
    frame.freeze()
}

/// A call under way.
pub(crate) struct Stream {
    call: &'static str,
    peer: Arc<Peer>,
    out: SendStream<Bytes>,
    incoming: Incoming,
    buffer: BytesMut,
}

enum Incoming {
    /// The server says nothing at all before its first message.
    Announced(ResponseFuture),
    Open(RecvStream),
}

impl Stream {
    /// Sends as much of `bytes` as the other side takes now, waiting until it
    /// takes some. When this is not awaited to its end, nothing was sent.
    pub(crate) async fn send_some(&mut self, bytes: &mut Bytes) -> Result<()> {
        self.out.reserve_capacity(bytes.len());
        let granted = poll_fn(|context| self.out.poll_capacity(context)).await;
        let granted = match granted {
            Some(Ok(granted)) => granted,
            Some(Err(error)) => return Err(self.peer.gone(&error)),
            None => return Err(self.peer.gone(&"the other side does not listen any more")),
        };
        let piece = bytes.split_to(granted.min(bytes.len()));
        self.out.send_data(piece, false).map_err(|error| self.peer.gone(&error))
    }

    /// Sends everything there is to say.
    async fn send_all(&mut self, mut bytes: Bytes) -> Result<()> {
        while !bytes.is_empty() {
            if self.send_some(&mut bytes).await.is_err() {
                // The answer says why.
                return Ok(());
            }
        }
        // When the other side has answered already, it needs no end.
        let _ = self.out.send_data(Bytes::new(), true);
        Ok(())
    }

    /// The next message; `None` at the end. When this is not awaited to its
    /// end, nothing is lost.
    pub(crate) async fn next<M: Message + Default>(&mut self) -> Result<Option<M>> {
        loop {
            if let Some(message) = take_message(&mut self.buffer)? {
                let read = M::decode(message);
                return read.map(Some).map_err(|error| Error::malformed(format!("{}: {error}", self.call)));
            }
            let body = match &mut self.incoming {
                Incoming::Announced(answer) => {
                    let answer = answer.await.map_err(|error| self.peer.gone(&error))?;
                    self.peer.heard.store(true, Ordering::Relaxed);
                    let (head, body) = answer.into_parts();
                    if !head.status.is_success() {
                        let message = format!("HTTP status {}", head.status);
                        return Err(Error::Status { call: self.call, code: 2, message });
                    }
                    status(self.call, &head.headers)?;
                    self.incoming = Incoming::Open(body);
                    continue;
                }
                Incoming::Open(body) => body,
            };
            match body.data().await {
                Some(Ok(data)) => {
                    // The room is given back at once: messages are bounded.
                    let _ = body.flow_control().release_capacity(data.len());
                    self.buffer.extend_from_slice(&data);
                }
                Some(Err(error)) => return Err(Error::closed(error)),
                None => {
                    if let Some(trailers) = body.trailers().await.map_err(Error::closed)? {
                        status(self.call, &trailers)?;
                    }
                    return Ok(None);
                }
            }
        }
    }
}

/// The first message in the buffer, if all of it is there.
pub(crate) fn take_message(buffer: &mut BytesMut) -> Result<Option<Bytes>> {
    let Some((head, _)) = buffer.split_at_checked(5) else { return Ok(None) };
    let (compressed, length) = (head[0] != 0, (&head[1..]).get_u32() as usize);
    if compressed || length > MAX_MESSAGE {
        return Err(Error::malformed(format!("a gRPC message of {length} bytes, compressed: {compressed}")));
    }
    if buffer.len() < 5 + length {
        buffer.reserve(5 + length - buffer.len());
        return Ok(None);
    }
    buffer.advance(5);
    Ok(Some(buffer.split_to(length).freeze()))
}

/// The status that headers or trailers carry, if it is not a good one.
fn status(call: &'static str, headers: &HeaderMap) -> Result<()> {
    let text = |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let Some(code) = text("grpc-status") else { return Ok(()) };
    let code: u16 = code.parse().map_err(|_| Error::malformed(format!("gRPC status {code}")))?;
    let message = text("grpc-message").map(|message| unescape(&message)).unwrap_or_default();
    match code {
        0 => Ok(()),
        UNAUTHENTICATED => Err(Error::Unauthenticated { message }),
        code => Err(Error::Status { call, code, message }),
    }
}

/// Undoes the percent signs of a status message.
fn unescape(message: &str) -> String {
    let mut bytes = Vec::with_capacity(message.len());
    let mut rest = message.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| *first == b'%');
        let byte = escaped.and_then(|digits| std::str::from_utf8(digits).ok());
        match byte.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::proto::KvGetRequest;

    #[test]
    fn messages_are_taken_whole_however_they_come() {
        let message = frame(&KvGetRequest { key: Bytes::from_static(b"key") });
        assert_eq!(&message[..], b"\0\0\0\0\x05\x0a\x03key");
        let mut buffer = BytesMut::new();
        for byte in &message[..message.len() - 1] {
            buffer.extend_from_slice(&[*byte]);
            assert!(take_message(&mut buffer).unwrap().is_none());
        }
        buffer.extend_from_slice(b"y\0");
        assert_eq!(take_message(&mut buffer).unwrap().unwrap(), &b"\x0a\x03key"[..]);
        assert!(take_message(&mut buffer).unwrap().is_none());
        assert!(take_message(&mut BytesMut::from(&b"\x01\0\0\0\0"[..])).is_err());
        assert!(take_message(&mut BytesMut::from(&b"\0\xff\xff\xff\xff"[..])).is_err());
    }

    #[test]
    fn status_messages_lose_their_percent_signs() {
        assert_eq!(unescape("caf%C3%A9 100% %zz"), "café 100% %zz");
    }
}
