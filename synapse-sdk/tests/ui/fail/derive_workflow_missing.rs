use synapse_sdk::prelude::*;

#[derive(Action, Default)]
#[action(workflow)]
struct Train;

fn main() {}
