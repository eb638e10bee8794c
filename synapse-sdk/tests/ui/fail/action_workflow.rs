use synapse_sdk::prelude::*;

#[action(workflow, exclusive)]
fn train(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

fn main() {}
