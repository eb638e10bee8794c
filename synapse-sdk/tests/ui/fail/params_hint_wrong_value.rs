use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    #[param(label = 5, order = "first")]
    epochs: u32,
    #[param(step = 0, unit = kg, default = 0.1)]
    rate: f64,
    #[param(hidden = true, default)]
    seed: u32,
    #[param(wiget = "slider", toolip = "x", tooltip = "y")]
    momentum: f64,
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<f64> {
    Ok(f64::from(params.epochs + params.seed) + params.rate + params.momentum)
}

fn main() {}
