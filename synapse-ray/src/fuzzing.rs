//! Ways in for the programs of `fuzz/`: each feeds bytes to something that reads what a cluster
//! sends. Only built by them.

use bytes::{Bytes, BytesMut};

use crate::grpc::take_message;
use crate::pickle::{Pickle, exception};
use crate::proto::{ClusterInfoResponse, DataResponse, KvListResponse, LogData};
use crate::rest::{read_about_jobs, read_serve};
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

/// Answers about jobs, nodes and the dashboard itself.
pub fn jobs(bytes: &[u8]) {
    for job in read_about_jobs(&Bytes::copy_from_slice(bytes)) {
        assert!(!job.status.is_terminal() || job.status != crate::JobStatus::Other);
    }
}

/// An answer about Ray Serve. What is put back with a change is JSON that has the change, and the
/// configs of others as they came.
pub fn serve(bytes: &[u8]) {
    let Ok(serve) = read_serve(&Bytes::copy_from_slice(bytes)) else { return };
    let (_, path) = serve.http();
    assert!(!path.ends_with('/'));
    let change = crate::ServeChange::Put(serde_json::json!({ "name": "ours" }));
    let put = serve.changed(&[change]).expect("it can be written");
    let put = String::from_utf8(put).expect("it is text");
    serde_json::from_str::<serde::de::IgnoredAny>(&put).expect("it is JSON");
    assert!(put.ends_with(r#"{"name":"ours"}]}"#), "{put}");
}
