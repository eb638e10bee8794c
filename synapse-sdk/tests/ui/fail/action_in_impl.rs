use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    epochs: u32,
}

struct Trainer;

impl Trainer {
    #[action]
    fn train(params: TrainParams, _ctx: &Context) -> Result<u32> {
        Ok(params.epochs)
    }
}

fn main() {}
