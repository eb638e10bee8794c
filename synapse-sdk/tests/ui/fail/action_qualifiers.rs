use synapse_sdk::prelude::*;

#[action]
unsafe fn risky(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

#[action]
extern "C" fn foreign(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

fn main() {}
