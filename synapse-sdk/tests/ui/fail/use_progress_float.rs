use synapse_sdk::prelude::*;

#[action]
fn train(_params: (), ctx: &Context) -> Result<()> {
    ctx.set_progress(0.5, 1.0, "train")
}

fn main() {}
