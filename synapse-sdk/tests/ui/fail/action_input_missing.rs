use synapse_sdk::prelude::*;

#[action(input = YoloDatasett)]
fn train(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

fn main() {}
