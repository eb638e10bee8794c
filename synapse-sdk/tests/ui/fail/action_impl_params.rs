use synapse_sdk::prelude::*;

#[action]
fn train(_params: impl Params, _ctx: &Context) -> Result<u32> {
    Ok(1)
}

fn main() {}
