//! The one stream on which a session's requests and answers go, and which is
//! taken up again when the connection breaks.
//!
//! One task reads and writes. It keeps what has not been answered; after a
//! break it sends that again, and the server, which keeps its answers until they
//! are acknowledged, answers what it has done already without doing it twice.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use crate::client::Client;
use crate::error::{Error, Result};
use crate::grpc::{Stream, frame};
use crate::proto::{
    AcknowledgeRequest, ClientTask, DataRequest, DataResponse, GetResponse, PutRequest, Request, Response,
};

const DATAPATH: &str = "/ray.rpc.RayletDataStreamer/Datapath";
/// Bytes of a pickle that one message carries.
const CHUNK: usize = 5 << 20;
/// After so many answers the server is told what it need not keep.
const ACKNOWLEDGE: u32 = 32;
/// Between two tries to take a stream up again.
const PAUSE: Duration = Duration::from_millis(500);

/// A request on its way to the task that sends it.
pub(crate) struct Asked {
    pub(crate) request: Request,
    /// Nobody waits for the answer to a release.
    pub(crate) reply: Option<oneshot::Sender<Result<Response>>>,
}

/// Opens the stream with its first request, which has to be there before the
/// server says a word, and hands it to a task.
pub(crate) async fn open(
    client: &Client,
    init: Request,
    grace: Duration,
    patience: Duration,
) -> Result<mpsc::UnboundedSender<Asked>> {
    let mut path = Datapath {
        client: client.clone(),
        grace,
        next_id: 1,
        pending: BTreeMap::new(),
        unsent: VecDeque::new(),
        since_acknowledged: 0,
    };
    let mut stream = open_stream(client, false)?;
    let (reply, mut answer) = oneshot::channel();
    path.take(Asked { request: init, reply: Some(reply) });
    let opening = async {
        loop {
            path.turn(&mut stream).await?;
            if let Ok(answer) = answer.try_recv() {
                return answer;
            }
        }
    };
    let late = |_| Error::TimedOut { what: "a session".to_owned(), after: patience };
    match tokio::time::timeout(patience, opening).await.map_err(late)?? {
        Response::Init(init) if init.ok => {}
        Response::Init(init) => return Err(Error::Refused { message: init.msg }),
        _ => return Err(Error::malformed("another answer than the one to init")),
    }
    let (sender, queue) = mpsc::unbounded_channel();
    tokio::spawn(path.drive(stream, queue));
    Ok(sender)
}

fn open_stream(client: &Client, reconnecting: bool) -> Result<Stream> {
    let reconnecting = if reconnecting { "True" } else { "False" };
    client.channel.open(DATAPATH, &[("client_id", &client.id), ("reconnecting", reconnecting)])
}

struct Datapath {
    client: Client,
    grace: Duration,
    next_id: i32,
    pending: BTreeMap<i32, Pending>,
    unsent: VecDeque<Bytes>,
    since_acknowledged: u32,
}

/// A request that has not been answered.
struct Pending {
    frames: Vec<Bytes>,
    reply: Option<oneshot::Sender<Result<Response>>>,
    /// Of an answer that comes in pieces.
    collected: BytesMut,
}

impl Datapath {
    async fn drive(mut self, mut stream: Stream, mut queue: mpsc::UnboundedReceiver<Asked>) {
        let why = loop {
            match self.exchange(&mut stream, &mut queue).await {
                Ok(()) => return,
                Err(broken) => match self.take_up_again(&broken).await {
                    Some(again) => stream = again,
                    None => break broken,
                },
            }
        };
        queue.close();
        let waiting = std::mem::take(&mut self.pending).into_values().filter_map(|pending| pending.reply);
        let mut queued = Vec::new();
        while let Ok(asked) = queue.try_recv() {
            queued.extend(asked.reply);
        }
        for reply in waiting.chain(queued) {
            // Who does not wait any more need not know.
            let _ = reply.send(Err(Error::closed(&why)));
        }
    }

    /// Works until nobody is there to ask any more, or the stream breaks.
    async fn exchange(
        &mut self,
        stream: &mut Stream,
        queue: &mut mpsc::UnboundedReceiver<Asked>,
    ) -> Result<()> {
        loop {
            tokio::select! {
                biased;
                turned = self.turn(stream) => turned?,
                asked = queue.recv() => match asked {
                    Some(asked) => self.take(asked),
                    None => return Ok(()),
                },
            }
        }
    }

    /// Sends or reads something. May be dropped at any time.
    async fn turn(&mut self, stream: &mut Stream) -> Result<()> {
        if let Some(first) = self.unsent.front_mut() {
            // Whoever only sent while the other side only sends would stop both.
            tokio::select! {
                biased;
                sent = stream.send_some(first) => {
                    sent?;
                    if first.is_empty() {
                        self.unsent.pop_front();
                    }
                    return Ok(());
                }
                () = sleep(Duration::from_millis(2)) => {}
            }
        }
        let answer = stream.next::<DataResponse>();
        let answer = if self.unsent.is_empty() {
            answer.await?
        } else {
            match tokio::time::timeout(Duration::from_millis(2), answer).await {
                Ok(answer) => answer?,
                Err(_) => return Ok(()),
            }
        };
        let answer = answer.ok_or_else(|| Error::closed("the server ended the session"))?;
        self.answered(answer)
    }

    fn take(&mut self, asked: Asked) {
        let id = self.fresh_id();
        let frames: Vec<Bytes> = in_pieces(asked.request)
            .map(|request| frame(&DataRequest { req_id: id, request: Some(request) }))
            .collect();
        self.unsent.extend(frames.iter().cloned());
        self.pending.insert(id, Pending { frames, reply: asked.reply, collected: BytesMut::new() });
    }

    fn fresh_id(&mut self) -> i32 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    fn answered(&mut self, answer: DataResponse) -> Result<()> {
        let id = answer.req_id;
        let Some(response) = answer.response else { return Ok(()) };
        let response = match response {
            Response::Get(piece) => match self.collect(id, piece) {
                Some(whole) => Response::Get(whole),
                None => return Ok(()),
            },
            other => other,
        };
        if let Some(reply) = self.pending.remove(&id).and_then(|pending| pending.reply) {
            // Who does not wait any more need not know.
            let _ = reply.send(Ok(response));
        }
        self.acknowledge();
        Ok(())
    }

    /// The whole answer, once its last piece has come.
    fn collect(&mut self, id: i32, mut piece: GetResponse) -> Option<GetResponse> {
        if piece.total_chunks <= 1 {
            return Some(piece);
        }
        let collected = &mut self.pending.get_mut(&id)?.collected;
        if piece.chunk_id == 0 {
            collected.clear();
            collected.reserve(usize::try_from(piece.total_size).unwrap_or(0).min(1 << 30));
        }
        collected.extend_from_slice(&piece.data);
        if piece.valid && piece.chunk_id + 1 < piece.total_chunks {
            return None;
        }
        piece.data = std::mem::take(collected).freeze();
        Some(piece)
    }

    /// Up to the oldest request without an answer, the server may forget.
    fn acknowledge(&mut self) {
        self.since_acknowledged += 1;
        if self.grace.is_zero() || self.since_acknowledged < ACKNOWLEDGE {
            return;
        }
        self.since_acknowledged = 0;
        let first = self.pending.keys().next().copied().unwrap_or(self.next_id);
        let request = Some(Request::Acknowledge(AcknowledgeRequest { req_id: first - 1 }));
        let req_id = self.fresh_id();
        self.unsent.push_back(frame(&DataRequest { req_id, request }));
    }

    /// The same session on another stream, if it can be had in time.
    async fn take_up_again(&mut self, broken: &Error) -> Option<Stream> {
        // A server that answers with a status has given the session up.
        let gave_up = !matches!(broken, Error::Closed { .. } | Error::Unreachable { .. });
        if self.grace.is_zero() || gave_up {
            return None;
        }
        let deadline = Instant::now() + self.grace;
        while Instant::now() < deadline {
            if let Ok(client) = self.client.anew().await {
                let channel = client.channel;
                self.client.channel = channel;
                if let Ok(stream) = open_stream(&self.client, true) {
                    self.unsent.clear();
                    for pending in self.pending.values_mut() {
                        pending.collected.clear();
                        self.unsent.extend(pending.frames.iter().cloned());
                    }
                    return Some(stream);
                }
            }
            sleep(PAUSE).await;
        }
        None
    }
}

/// Long data go in pieces, back to back.
fn in_pieces(request: Request) -> Box<dyn Iterator<Item = Request>> {
    match request {
        Request::Put(put) if put.data.len() > CHUNK => {
            let total_size = i64::try_from(put.data.len()).unwrap_or(i64::MAX);
            Box::new(pieces(put.data.clone()).map(move |(data, chunk_id, total_chunks)| {
                Request::Put(PutRequest { data, chunk_id, total_chunks, total_size, ..put.clone() })
            }))
        }
        Request::Task(task) if task.data.len() > CHUNK => {
            let rest = ClientTask { data: Bytes::new(), ..task.clone() };
            Box::new(pieces(task.data).map(move |(data, chunk_id, total_chunks)| {
                Request::Task(ClientTask { data, chunk_id, total_chunks, ..rest.clone() })
            }))
        }
        short => Box::new(std::iter::once(short)),
    }
}

fn pieces(data: Bytes) -> impl Iterator<Item = (Bytes, i32, i32)> {
    let count = data.len().div_ceil(CHUNK);
    let total = i32::try_from(count).unwrap_or(i32::MAX);
    (0..count).zip(0_i32..).map(move |(index, number)| {
        let end = data.len().min((index + 1) * CHUNK);
        (data.slice(index * CHUNK..end), number, total)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_data_go_in_pieces_that_are_numbered() {
        let data = Bytes::from(vec![7; 2 * CHUNK + 1]);
        let put = PutRequest { data: data.clone(), total_chunks: 1, ..PutRequest::default() };
        let mut whole = Vec::new();
        let mut numbers = Vec::new();
        for piece in in_pieces(Request::Put(put)) {
            let Request::Put(piece) = piece else { panic!("{piece:?}") };
            whole.extend_from_slice(&piece.data);
            numbers.push((piece.chunk_id, piece.total_chunks, piece.total_size));
        }
        let size = data.len() as i64;
        assert!(whole == data);
        assert_eq!(numbers, [(0, 3, size), (1, 3, size), (2, 3, size)]);
        assert_eq!(in_pieces(Request::Task(ClientTask::default())).count(), 1);
    }
}
