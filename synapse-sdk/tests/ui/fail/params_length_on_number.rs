use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    #[param(length(min = 1, max = 5))]
    epochs: u32,
    #[param(pattern = "^[0-9]+$")]
    seed: u64,
    #[param(length(max = 3))]
    labels: Vec<String>,
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<u64> {
    Ok(u64::from(params.epochs) + params.seed + params.labels.len() as u64)
}

fn main() {}
