//! Ways in for the programs of `fuzz/`: each feeds bytes to something that reads what a cluster
//! sends. Only built by them.

use bytes::BytesMut;

use crate::grpc::take_message;
use crate::pickle::{Pickle, exception};
use crate::proto::{ClusterInfoResponse, DataResponse, KvListResponse, LogData};
use prost::Message;

/// A pickle: nothing of it refers to what is not there.
pub fn pickle(bytes: &[u8]) {
    let Ok(pickle) = Pickle::read(bytes) else { return };
    let _ = (pickle.root(), pickle.class(), exception(&pickle));
    assert!(pickle.texts().map(str::len).sum::<usize>() <= bytes.len());
}

/// Messages of a stream, as they come in pieces.
pub fn messages(bytes: &[u8]) {
    let mut buffer = BytesMut::new();
    let piece = usize::from(*bytes.first().unwrap_or(&1)).max(1);
    for piece in bytes.chunks(piece) {
        buffer.extend_from_slice(piece);
        while let Ok(Some(message)) = take_message(&mut buffer) {
            let _ = DataResponse::decode(message.clone());
            let _ = ClusterInfoResponse::decode(message.clone());
            let _ = KvListResponse::decode(message.clone());
            let _ = LogData::decode(message);
        }
    }
}
