use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    #[param(hidden)]
    seed: u64,
    #[param(hidden)]
    name: Option<String>,
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<u64> {
    Ok(params.seed + params.name.map_or(0, |name| name.len() as u64))
}

fn main() {}
