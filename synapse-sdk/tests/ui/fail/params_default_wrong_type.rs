use synapse_sdk::prelude::*;

#[params]
#[derive(Clone, Copy)]
enum Optimiser {
    Adam,
    Sgd,
}

#[params]
struct TrainParams {
    #[param(default = 5)]
    name: String,
    #[param(default = "yes")]
    verbose: bool,
    #[param(default = 300)]
    workers: u8,
    #[param(default = 1)]
    layers: Vec<u32>,
    #[param(default = ["a", "b"])]
    sizes: Vec<u32>,
    #[param(default = f64::NAN)]
    rate: f64,
}

#[params]
struct MoreParams {
    #[param(default = "adam")]
    optimiser: Optimiser,
    #[param(default = Optimiser::Sgd)]
    epochs: u32,
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<f64> {
    let count = params.name.len() + params.layers.len() + params.sizes.len();
    Ok(f64::from(params.workers) + params.rate + count as f64 + f64::from(u8::from(params.verbose)))
}

fn main() {
    let MoreParams { optimiser: Optimiser::Adam | Optimiser::Sgd, epochs: _ } =
        MoreParams { optimiser: Optimiser::Adam, epochs: 1 };
}
