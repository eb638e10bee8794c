use std::collections::HashMap;

use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    #[param(ge = 1)]
    name: String,
    #[param(le = 5)]
    rates: Vec<f64>,
    #[param(multiple_of = 2, default)]
    verbose: bool,
    #[param(gt = 0)]
    weights: HashMap<String, f64>,
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<usize> {
    Ok(params.name.len() + params.rates.len() + usize::from(params.verbose) + params.weights.len())
}

fn main() {}
