use synapse_sdk::prelude::*;

struct Pictures;

#[action(input = Pictures)]
fn train(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

fn main() {}
