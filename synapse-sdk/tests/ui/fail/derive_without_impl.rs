use synapse_sdk::prelude::*;

#[derive(Action, Default)]
struct Train;

fn main() {}
