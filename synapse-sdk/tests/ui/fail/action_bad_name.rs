use synapse_sdk::prelude::*;

#[action(name = "train model")]
fn spaced(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

#[action(name = "")]
fn empty(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

#[action]
fn größe(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

fn main() {}
