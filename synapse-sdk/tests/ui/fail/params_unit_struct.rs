use synapse_sdk::prelude::*;

#[params]
struct NoParams;

#[action]
fn train(_params: NoParams, _ctx: &Context) -> Result<u32> {
    Ok(1)
}

fn main() {}
