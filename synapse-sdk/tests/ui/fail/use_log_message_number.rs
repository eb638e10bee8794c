use synapse_sdk::prelude::*;

#[action]
fn train(_params: (), ctx: &Context) -> Result<()> {
    ctx.log_message(5, "info");
    Ok(())
}

fn main() {}
