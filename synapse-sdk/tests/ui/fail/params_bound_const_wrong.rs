use synapse_sdk::prelude::*;

const LEAST: i64 = 1;
const STEP: u32 = 0;

type Count = u32;

#[params]
struct TrainParams {
    #[param(ge = LEAST)]
    epochs: u32,
    #[param(multiple_of = STEP)]
    size: u32,
    #[param(ge = 0.5)]
    workers: Count,
    #[param(length(max = LEAST))]
    name: String,
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<usize> {
    Ok((params.epochs + params.size + params.workers) as usize + params.name.len())
}

fn main() {}
