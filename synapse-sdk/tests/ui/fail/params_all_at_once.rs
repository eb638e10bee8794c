use synapse_sdk::prelude::*;

struct Optimiser;

#[params(chek = fits)]
struct TrainParams {
    #[param(ge = 1, defualt = 5)]
    epochs: u32,
    optimiser: Optimiser,
    #[param(length(min = 1))]
    seed: u64,
    rate: f64,
}

#[params]
struct MoreParams {
    #[param(le = 300)]
    workers: u8,
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<f64> {
    let Optimiser = params.optimiser;
    Ok(f64::from(params.epochs) + params.seed as f64 + params.rate)
}

#[action]
fn more(params: MoreParams, _ctx: &Context) -> Result<u8> {
    Ok(params.workers)
}

fn main() {}
