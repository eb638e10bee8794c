use std::collections::HashMap;

use synapse_sdk::prelude::*;

struct Step {
    rate: f64,
}

#[params]
struct TrainParams {
    steps: Vec<Step>,
    last: Option<Step>,
    named: HashMap<String, Step>,
    #[param(default)]
    pair: Option<(u32, Step)>,
}

#[result]
struct Trained {
    step: Step,
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<Trained> {
    let count = params.steps.len() + params.named.len();
    let rate = params.last.map_or(0.0, |step| step.rate) + params.pair.map_or(0.0, |pair| pair.1.rate);
    Ok(Trained { step: Step { rate: rate + count as f64 } })
}

fn main() {}
