//! __NAME__: a Synapse plugin that checks data.
#![forbid(unsafe_code)]

pub mod rules;
pub mod validate;

synapse_sdk::export_plugin!(validate::validate);
