use synapse_sdk::prelude::*;

#[derive(DataType)]
struct Pictures;

#[action]
fn train(_pictures: Pictures, _ctx: &Context) -> Result<()> {
    Ok(())
}

fn main() {}
