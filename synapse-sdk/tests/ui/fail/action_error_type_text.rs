use synapse_sdk::prelude::*;

#[action]
fn train(_params: (), _ctx: &Context) -> std::result::Result<u32, String> {
    Err("no data".to_owned())
}

fn main() {}
