use synapse_sdk::prelude::*;

#[action]
fn job(_params: (), ctx: &Context) -> Result<&str> {
    Ok(ctx.job_id().unwrap_or("none"))
}

fn main() {}
