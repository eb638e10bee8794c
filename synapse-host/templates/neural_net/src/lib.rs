//! __NAME__: a Synapse plugin that trains a model, tests it and applies it.
//!
//! The model is the smallest there is, a line between two classes of points.
//! Put your own in the place of `model` and `data`; the actions stay.
#![forbid(unsafe_code)]

pub mod data;
pub mod inference;
pub mod model;
pub mod test;
pub mod train;

synapse_sdk::export_plugin!(train::Train, test::Test, inference::Inference);
