//! The few pickles that Ray Client needs, written and read by hand.
//!
//! Reading never builds an object and never calls anything: what a pickle would
//! execute in Python becomes an [`Object`](Node::Object) that names its class.

mod read;
mod write;

pub(crate) use read::exception;
pub use read::{Node, Pickle};
pub use write::Value;
pub(crate) use write::{call_data, class_from_source, dumps};
