use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    #[param(default = 0, ge = 1)]
    epochs: u32,
    #[param(default = 1.0, lt = 1)]
    rate: f64,
    #[param(default = 10, multiple_of = 4)]
    size: u32,
    #[param(default = "", length(min = 1))]
    name: String,
    #[param(default = "Net", pattern = "^[a-z]+$")]
    kind: String,
    #[param(default = [1, 2, 1], items(unique))]
    layers: Vec<u32>,
    #[param(default = [0.5, 2], each(le = 1))]
    shares: Vec<f64>,
    #[param(default = 0, ge = 1)]
    limit: Option<u32>,
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<f64> {
    let count = params.name.len() + params.kind.len() + params.layers.len() + params.shares.len();
    let sum = params.epochs + params.size + params.limit.unwrap_or(1);
    Ok(f64::from(sum) + params.rate + count as f64)
}

fn main() {}
