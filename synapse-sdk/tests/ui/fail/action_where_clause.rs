use synapse_sdk::prelude::*;

#[action]
fn train<P>(_params: P, _ctx: &Context) -> Result<u32>
where
    P: Params,
{
    Ok(1)
}

fn main() {}
