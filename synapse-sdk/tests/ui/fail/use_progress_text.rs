use synapse_sdk::prelude::*;

#[action]
fn train(_params: (), ctx: &Context) -> Result<()> {
    ctx.set_progress("a", 3, None)
}

fn main() {}
