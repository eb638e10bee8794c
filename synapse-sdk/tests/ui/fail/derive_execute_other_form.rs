use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    epochs: u32,
}

#[derive(Action, Default)]
struct Train;

impl Action for Train {
    type Params = TrainParams;
    type Output = u32;

    fn execute(&self, params: &TrainParams, _ctx: &Context) -> Result<u32> {
        Ok(params.epochs)
    }
}

fn main() {}
