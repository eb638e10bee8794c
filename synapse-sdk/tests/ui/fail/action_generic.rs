use synapse_sdk::prelude::*;

#[action]
fn train<P: Params>(_params: P, _ctx: &Context) -> Result<u32> {
    Ok(1)
}

fn main() {}
