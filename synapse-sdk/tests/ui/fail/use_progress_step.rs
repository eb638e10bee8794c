use synapse_sdk::prelude::*;

#[action]
fn train(_params: (), ctx: &Context) -> Result<()> {
    ctx.set_progress(1, 3, 7)
}

fn main() {}
