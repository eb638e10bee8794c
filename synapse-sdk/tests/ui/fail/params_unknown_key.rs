use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    #[param(defualt = 5)]
    epochs: u32,
    #[param(length(minimum = 1))]
    name: String,
    #[param(minimum = 0.0)]
    rate: f64,
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<String> {
    Ok(format!("{} {} {}", params.epochs, params.name, params.rate))
}

fn main() {}
