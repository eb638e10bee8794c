//! The samples of the guide as one plugin.
#![allow(missing_docs, reason = "what the samples are for stands in the guide")]

pub mod overview;
pub mod patterns;
pub mod pipeline;
pub mod train;

pub use overview::{LoopAction, convert, greet, tell_everything};
pub use patterns::{FineTune, LoadCheckpoint, LoadDataset, SaveModel, check_dataset};
pub use pipeline::{prepare, survey};
pub use train::{TrainAction, TrainParams};

synapse_sdk::export_plugin!(
    overview::greet,
    overview::convert,
    overview::LoopAction,
    overview::tell_everything,
    train::TrainAction,
    patterns::FineTune,
    patterns::LoadCheckpoint,
    patterns::LoadDataset,
    patterns::SaveModel,
    patterns::check_dataset,
    pipeline::survey,
    pipeline::prepare,
);
