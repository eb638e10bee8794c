use synapse_sdk::prelude::*;

#[params(check = "fits")]
struct TrainParams {
    #[param(check = no_blank())]
    name: String,
    #[param(check = || Ok(()))]
    epochs: u32,
    #[param(check = |a, b, c| Ok(()))]
    size: u32,
    #[param(check = 5)]
    seed: u32,
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<usize> {
    let numbers = params.epochs + params.size + params.seed;
    Ok(params.name.len() + numbers as usize)
}

fn main() {}
