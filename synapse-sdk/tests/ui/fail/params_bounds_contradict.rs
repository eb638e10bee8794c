use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    #[param(ge = 5, le = 1)]
    epochs: u32,
    #[param(ge = 1, lt = 1)]
    rate: f64,
    #[param(length(min = 3, max = 2))]
    name: String,
    #[param(items(min = 2, max = 1))]
    sizes: Vec<u32>,
    #[param(each(gt = 0.5, le = -0.5))]
    shares: Vec<f64>,
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<f64> {
    let count = params.name.len() + params.sizes.len() + params.shares.len();
    Ok(f64::from(params.epochs) + params.rate + count as f64)
}

fn main() {}
