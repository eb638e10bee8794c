use synapse_sdk::prelude::*;

#[derive(Action)]
fn train(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

fn main() {}
