//! Worker processes: the protocol they speak, and what runs in one.
//!
//! `docs/worker-protocol.md` describes the protocol for those who want to speak
//! it from elsewhere. The host's end of it is [`run`](crate::run).

pub(crate) mod black_box;
mod describe;
pub(crate) mod event_codec;
pub(crate) mod frame;
pub(crate) mod host_services;
pub(crate) mod protocol;
mod room;
pub(crate) mod seal;
mod serve;
pub(crate) mod socket;

pub use describe::describe;
pub use serve::{ServeOptions, serve};

pub use crate::worker_program::{program, use_program};
