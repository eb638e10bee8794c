use synapse_sdk::prelude::*;

#[action(catgory = Custom)]
fn near(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

#[action(colour = "red")]
fn far(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

fn main() {}
