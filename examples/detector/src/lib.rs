//! A plugin that trains a small detector and applies it: buoys on rough water.
//!
//! `train` and `inference` are what a plugin adds; the other modules are an
//! ordinary machine-learning crate that knows nothing of plugins.
#![forbid(unsafe_code)]

pub mod boxes;
pub mod data;
pub mod inference;
pub mod model;
pub mod picture;
pub mod train;
pub mod weights;

synapse_sdk::export_plugin!(train::Train, inference::Inference);
