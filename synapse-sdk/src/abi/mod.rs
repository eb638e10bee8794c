//! The C interface between a plugin and its host.
//!
//! A plugin exports two symbols and no more: the data symbol
//! `SYNAPSE_PLUGIN_V1` in section `.synapse` ([`identity`]), which is read from
//! the file without running code, and the function `synapse_plugin_init_v1`,
//! which exchanges two tables of functions ([`layout`]).
//!
//! Rules: the caller's slices are borrowed for the time of a call; every owned
//! buffer carries the function that releases it; structs begin with their size
//! and grow only at the tail; panics, futures, thread-locals and Rust types
//! never cross. All `unsafe` code of the SDK stands below this module.

mod buffer;
mod host_services;
pub mod host_side;
pub mod identity;
pub mod layout;
#[doc(hidden)]
pub mod plugin_side;
pub mod target_features;
