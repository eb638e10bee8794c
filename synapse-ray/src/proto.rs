//! The messages of Ray Client that are spoken here; `proto/ray_client.proto`
//! describes the same. Field numbers are those of Ray 2.9 to 2.60.

#![expect(unreachable_pub, reason = "what is derived is public")]

use std::collections::HashMap;

use bytes::Bytes;
use prost::{Message, Oneof};

#[derive(Clone, PartialEq, Message)]
pub struct DataRequest {
    #[prost(int32, tag = "1")]
    pub req_id: i32,
    #[prost(oneof = "Request", tags = "2, 3, 4, 5, 6, 8, 9, 10, 11")]
    pub request: Option<Request>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum Request {
    #[prost(message, tag = "2")]
    Get(GetRequest),
    #[prost(message, tag = "3")]
    Put(PutRequest),
    #[prost(message, tag = "4")]
    Release(ReleaseRequest),
    #[prost(message, tag = "5")]
    ConnectionInfo(Empty),
    #[prost(message, tag = "6")]
    Init(InitRequest),
    #[prost(message, tag = "8")]
    ConnectionCleanup(Empty),
    #[prost(message, tag = "9")]
    Acknowledge(AcknowledgeRequest),
    #[prost(message, tag = "10")]
    Task(ClientTask),
    #[prost(message, tag = "11")]
    Terminate(TerminateRequest),
}

#[derive(Clone, PartialEq, Message)]
pub struct DataResponse {
    #[prost(int32, tag = "1")]
    pub req_id: i32,
    #[prost(oneof = "Response", tags = "2, 3, 4, 5, 6, 8, 10, 11")]
    pub response: Option<Response>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum Response {
    #[prost(message, tag = "2")]
    Get(GetResponse),
    #[prost(message, tag = "3")]
    Put(PutResponse),
    #[prost(message, tag = "4")]
    Release(ReleaseResponse),
    #[prost(message, tag = "5")]
    ConnectionInfo(ConnectionInfoResponse),
    #[prost(message, tag = "6")]
    Init(InitResponse),
    #[prost(message, tag = "8")]
    ConnectionCleanup(Empty),
    #[prost(message, tag = "10")]
    TaskTicket(ClientTaskTicket),
    #[prost(message, tag = "11")]
    Terminate(TerminateResponse),
}

#[derive(Clone, PartialEq, Message)]
pub struct Empty {}

#[derive(Clone, PartialEq, Message)]
pub struct InitRequest {
    #[prost(bytes = "bytes", tag = "1")]
    pub job_config: Bytes,
    #[prost(string, tag = "2")]
    pub ray_init_kwargs: String,
    #[prost(int32, tag = "3")]
    pub reconnect_grace_period: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct InitResponse {
    #[prost(bool, tag = "1")]
    pub ok: bool,
    #[prost(string, tag = "2")]
    pub msg: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct PutRequest {
    #[prost(bytes = "bytes", tag = "1")]
    pub data: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub client_ref_id: Bytes,
    #[prost(int32, tag = "3")]
    pub chunk_id: i32,
    #[prost(int32, tag = "4")]
    pub total_chunks: i32,
    #[prost(int64, tag = "5")]
    pub total_size: i64,
}

#[derive(Clone, PartialEq, Message)]
pub struct PutResponse {
    #[prost(bytes = "bytes", tag = "1")]
    pub id: Bytes,
    #[prost(bool, tag = "2")]
    pub valid: bool,
    #[prost(bytes = "bytes", tag = "3")]
    pub error: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub struct GetRequest {
    #[prost(bytes = "bytes", repeated, tag = "4")]
    pub ids: Vec<Bytes>,
    #[prost(float, tag = "2")]
    pub timeout: f32,
    #[prost(bool, tag = "3")]
    pub asynchronous: bool,
    #[prost(int32, tag = "5")]
    pub start_chunk_id: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct GetResponse {
    #[prost(bool, tag = "1")]
    pub valid: bool,
    #[prost(bytes = "bytes", tag = "2")]
    pub data: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub error: Bytes,
    #[prost(int32, tag = "4")]
    pub chunk_id: i32,
    #[prost(int32, tag = "5")]
    pub total_chunks: i32,
    #[prost(uint64, tag = "6")]
    pub total_size: u64,
}

/// What a task is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum TaskType {
    Function = 0,
    Actor = 1,
    Method = 2,
    StaticMethod = 3,
    NamedActor = 4,
}

#[derive(Clone, PartialEq, Message)]
pub struct TaskOptions {
    #[prost(bytes = "bytes", tag = "1")]
    pub pickled_options: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub struct ClientTask {
    #[prost(enumeration = "TaskType", tag = "1")]
    pub r#type: i32,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(bytes = "bytes", tag = "3")]
    pub payload_id: Bytes,
    #[prost(string, tag = "6")]
    pub client_id: String,
    #[prost(message, optional, tag = "7")]
    pub options: Option<TaskOptions>,
    #[prost(string, tag = "9")]
    pub namespace: String,
    #[prost(bytes = "bytes", tag = "10")]
    pub data: Bytes,
    #[prost(int32, tag = "11")]
    pub chunk_id: i32,
    #[prost(int32, tag = "12")]
    pub total_chunks: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct ClientTaskTicket {
    #[prost(bool, tag = "1")]
    pub valid: bool,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub return_ids: Vec<Bytes>,
    #[prost(bytes = "bytes", tag = "3")]
    pub error: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub struct ReleaseRequest {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub ids: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ReleaseResponse {
    #[prost(bool, repeated, tag = "2")]
    pub ok: Vec<bool>,
}

#[derive(Clone, PartialEq, Message)]
pub struct AcknowledgeRequest {
    #[prost(int32, tag = "1")]
    pub req_id: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct TerminateRequest {
    #[prost(string, tag = "1")]
    pub client_id: String,
    #[prost(oneof = "Terminate", tags = "2, 3")]
    pub what: Option<Terminate>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum Terminate {
    #[prost(message, tag = "2")]
    Actor(ActorTerminate),
    #[prost(message, tag = "3")]
    Task(TaskTerminate),
}

#[derive(Clone, PartialEq, Message)]
pub struct ActorTerminate {
    #[prost(bytes = "bytes", tag = "1")]
    pub id: Bytes,
    #[prost(bool, tag = "2")]
    pub no_restart: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct TaskTerminate {
    #[prost(bytes = "bytes", tag = "1")]
    pub id: Bytes,
    #[prost(bool, tag = "2")]
    pub force: bool,
    #[prost(bool, tag = "3")]
    pub recursive: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct TerminateResponse {
    #[prost(bool, tag = "1")]
    pub ok: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct ConnectionInfoResponse {
    #[prost(int32, tag = "1")]
    pub num_clients: i32,
    #[prost(string, tag = "2")]
    pub ray_version: String,
    #[prost(string, tag = "3")]
    pub ray_commit: String,
    #[prost(string, tag = "4")]
    pub python_version: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct KvGetRequest {
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub struct KvGetResponse {
    #[prost(bytes = "bytes", optional, tag = "1")]
    pub value: Option<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
pub struct KvPutRequest {
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
    #[prost(bool, tag = "3")]
    pub overwrite: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct KvPutResponse {
    #[prost(bool, tag = "1")]
    pub already_exists: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct KvDelRequest {
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
    #[prost(bool, tag = "2")]
    pub del_by_prefix: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct KvDelResponse {
    #[prost(int32, tag = "1")]
    pub deleted_num: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct KvListRequest {
    #[prost(bytes = "bytes", tag = "1")]
    pub prefix: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub struct KvListResponse {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub keys: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
pub struct KvExistsRequest {
    #[prost(bytes = "bytes", tag = "1")]
    pub key: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub struct KvExistsResponse {
    #[prost(bool, tag = "1")]
    pub exists: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct PinRequest {
    #[prost(string, tag = "1")]
    pub uri: String,
    #[prost(int32, tag = "2")]
    pub expiration_s: i32,
}

/// What can be asked about the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum InfoType {
    IsInitialized = 0,
    Nodes = 1,
    ClusterResources = 2,
    AvailableResources = 3,
    RuntimeContext = 4,
    Timeline = 5,
    Ping = 6,
    DashboardUrl = 7,
}

#[derive(Clone, PartialEq, Message)]
pub struct ClusterInfoRequest {
    #[prost(enumeration = "InfoType", tag = "1")]
    pub r#type: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct ClusterInfoResponse {
    #[prost(enumeration = "InfoType", tag = "1")]
    pub r#type: i32,
    #[prost(oneof = "ClusterInfo", tags = "2, 3")]
    pub info: Option<ClusterInfo>,
}

#[derive(Clone, PartialEq, Oneof)]
pub enum ClusterInfo {
    #[prost(string, tag = "2")]
    Json(String),
    #[prost(message, tag = "3")]
    Resources(ResourceTable),
}

#[derive(Clone, PartialEq, Message)]
pub struct ResourceTable {
    #[prost(map = "string, double", tag = "1")]
    pub table: HashMap<String, f64>,
}

#[derive(Clone, PartialEq, Message)]
pub struct LogSettings {
    #[prost(bool, tag = "1")]
    pub enabled: bool,
    #[prost(int32, tag = "2")]
    pub loglevel: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct LogData {
    #[prost(string, tag = "1")]
    pub msg: String,
    #[prost(int32, tag = "2")]
    pub level: i32,
    #[prost(string, tag = "3")]
    pub name: String,
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// Written down by hand from the field numbers.
    #[test]
    fn messages_lie_on_the_wire_as_ray_reads_them() {
        let init = InitRequest {
            job_config: Bytes::new(),
            ray_init_kwargs: "{}".to_owned(),
            reconnect_grace_period: 30,
        };
        let request = DataRequest { req_id: 1, request: Some(Request::Init(init)) };
        assert_eq!(request.encode_to_vec(), b"\x08\x01\x32\x06\x12\x02{}\x18\x1e");

        let get =
            GetRequest { ids: vec![Bytes::from_static(b"id")], asynchronous: true, ..GetRequest::default() };
        let request = DataRequest { req_id: 300, request: Some(Request::Get(get)) };
        assert_eq!(request.encode_to_vec(), b"\x08\xac\x02\x12\x06\x18\x01\x22\x02id");

        let task = ClientTask {
            r#type: TaskType::NamedActor as i32,
            name: "a".to_owned(),
            total_chunks: 1,
            ..ClientTask::default()
        };
        let request = DataRequest { req_id: 2, request: Some(Request::Task(task)) };
        assert_eq!(request.encode_to_vec(), b"\x08\x02\x52\x07\x08\x04\x12\x01a\x60\x01");
    }

    #[test]
    fn answers_are_read_and_fields_of_later_versions_passed_over() {
        let answer = DataResponse::decode(&b"\x08\x07\x52\x09\x08\x01\x12\x02id\xf8\x01\x05"[..]).unwrap();
        let Some(Response::TaskTicket(ticket)) = answer.response else { panic!("{answer:?}") };
        assert_eq!((answer.req_id, ticket.valid, &ticket.return_ids[0][..]), (7, true, &b"id"[..]));
        let table = b"\x08\x02\x1a\x10\x0a\x0e\x0a\x03CPU\x11\0\0\0\0\0\0\x10\x40";
        let answer = ClusterInfoResponse::decode(&table[..]).unwrap();
        let Some(ClusterInfo::Resources(resources)) = answer.info else { panic!("{answer:?}") };
        assert_eq!(resources.table["CPU"], 4.0);
        assert!(KvGetResponse::decode(&b""[..]).unwrap().value.is_none());
    }
}
