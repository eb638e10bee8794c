//! A plugin that trains a real model on real data: a softmax regression, by
//! gradient descent in small batches, on 1,797 handwritten digits of 8 × 8
//! pixels.
//!
//! `actions` is what a plugin adds; the other modules are an ordinary
//! machine-learning crate that knows nothing of plugins.
#![forbid(unsafe_code)]

pub mod actions;
pub mod checkpoint;
pub mod data;
pub mod error;
pub mod evaluation;
mod file;
pub mod model;
pub mod optimizer;
pub mod training;

synapse_sdk::export_plugin!(actions::train, actions::evaluate, actions::predict);
