use synapse_sdk::prelude::*;

#[action]
fn train(_params: (), _ctx: &Context) -> Result<impl serde::Serialize> {
    Ok(1)
}

fn main() {}
