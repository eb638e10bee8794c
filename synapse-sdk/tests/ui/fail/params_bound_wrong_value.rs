use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    #[param(ge = "1", le = true)]
    epochs: u32,
    #[param(ge = 0.5)]
    batch_size: u32,
    #[param(lt = f64::INFINITY, gt = -f64::INFINITY)]
    rate: f64,
    #[param(length(min = -1))]
    name: String,
    #[param(items(max = 2.5))]
    sizes: Vec<u32>,
    #[param(multiple_of = 0)]
    step: u32,
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<f64> {
    let sum = params.epochs + params.batch_size + params.step;
    Ok(f64::from(sum) + params.rate + (params.name.len() + params.sizes.len()) as f64)
}

fn main() {}
