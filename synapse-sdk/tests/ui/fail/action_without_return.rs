use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    epochs: u32,
}

#[action]
fn train(params: TrainParams, ctx: &Context) {
    ctx.log_message(format!("{} epochs", params.epochs), "info");
}

fn main() {}
