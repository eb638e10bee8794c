//! Loads, checks and runs Synapse plugins.
//!
//! [`run`] is the way in for programs: one request, one entry point, every
//! mode; [`map`] runs an action for many rows. [`cli`] is the `synapse` command
//! over both.

pub mod author;
pub mod bundle;
mod cache;
pub mod changelog;
pub mod check;
pub mod cli;
pub mod config;
mod credentials;
mod dataset_error;
mod descriptors;
pub mod differences;
mod digest;
mod files;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod home;
pub mod image;
pub mod inspect;
pub mod kind;
pub mod map;
pub mod package;
pub mod pipeline;
pub mod plugin;
pub mod plugin_ref;
pub mod record;
pub mod registry;
pub mod run;
pub mod sdk_dependency;
pub mod sdk_source;
mod size;
pub mod stamp;
mod stdout;
mod store;
pub mod sync;
pub mod template;
pub mod trial;
pub mod trust;
pub mod worker;
mod worker_program;

pub use run::{Mode, RunRequest, run_plugin, run_plugin_blocking};
