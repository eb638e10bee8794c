use synapse_sdk::prelude::*;

struct Trainer;

#[action]
impl Trainer {}

#[action]
pub const EPOCHS: u32 = 3;

#[action]
mod train {}

/// What trains.
#[action]
pub trait Train {}

fn main() {}
