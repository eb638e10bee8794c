use synapse_sdk::prelude::*;

#[action]
fn train(_params: (), ctx: &Context) -> Result<()> {
    ctx.log_message("trained");
    Ok(())
}

fn main() {}
