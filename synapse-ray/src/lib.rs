//! A client for [Ray](https://www.ray.io) clusters, without Python: it speaks the protocol
//! of Ray Client (`ray://host:10001`).
//!
//! ```no_run
//! # async fn example() -> Result<(), synapse_ray::Error> {
//! use synapse_ray::{Address, Client};
//!
//! let client = Client::connect(&Address::resolve("ray://head:10001")?).await?;
//! client.ping().await?;
//! # Ok(())
//! # }
//! ```
//!
//! - A [`Client`] is a connection: pings, the cluster's key-value store and [packages](Package),
//!   in about a millisecond each.
//! - A [`Session`] has a driver in the cluster: actors, objects, resources, nodes and logs.
//! - Values that go there are [`Value`]s. What comes back is a [`pickle`](pickle::Pickle), which is
//!   read and never executed.
//!
//! # What it needs
//!
//! A runtime of tokio with I/O and time. The cluster needs Ray's base package alone, and an actor's
//! class is sent as source text, so that nothing has to be installed there. Ray Client is a
//! protocol between parts of Ray, without a promise of stability; the fields that are used here
//! were tested with the releases that the README names.

mod actor;
mod address;
mod client;
mod datapath;
mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod grpc;
mod logs;
mod package;
pub mod pickle;
mod proto;
mod rest;
mod session;
mod tls;

pub use actor::{Actor, ActorOptions};
pub use address::{Address, CLIENT_PORT, DASHBOARD_PORT};
pub use client::{Client, ConnectOptions};
pub use error::{Error, Exception, Result};
pub use logs::{LogLine, Logs, Source};
pub use package::Package;
pub use pickle::Value;
pub use rest::{
    Application, ApplicationStatus, Dashboard, DashboardVersion, Job, JobRequest, JobStatus, JobTail,
    JobType, LogStream, Node, Replica, Route, RouteAnswer, Serve, ServeChange, ServeDeployment, ServeSource,
};
pub use session::{Answer, ObjectRef, Session, SessionOptions, Versions};
pub use tls::TlsFiles;
