use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    epochs: u32,
}

#[params]
struct TestParams {
    rows: u32,
}

#[action(params = TestParams)]
fn train(params: TrainParams, _ctx: &Context) -> Result<u32> {
    Ok(params.epochs)
}

fn main() {}
