use std::collections::BTreeMap;

use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    #[param(items(min = 1))]
    name: String,
    #[param(entries(max = 3))]
    rates: Vec<f64>,
    #[param(items(unique))]
    weights: BTreeMap<String, f64>,
    #[param(each(ge = 1))]
    epochs: u32,
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<usize> {
    Ok(params.name.len() + params.rates.len() + params.weights.len() + params.epochs as usize)
}

fn main() {}
