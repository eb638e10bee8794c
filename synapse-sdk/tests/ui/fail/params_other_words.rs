use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    #[param(min = 1, max = 5)]
    epochs: u32,
    #[param(range(min = 1, max = 5))]
    batch_size: u32,
    #[param(regex = "^[a-z]+$", description = "its name", title = "Name", required)]
    name: String,
    #[param(validate = check_rate)]
    rate: f64,
    #[param(choices = ["adam", "sgd"])]
    optimiser: String,
    #[param(enum = ["relu", "tanh"], options = [1])]
    activation: String,
    #[param(skip)]
    cache: u32,
    #[param(each(min = 1))]
    sizes: Vec<u32>,
}

fn check_rate(_rate: &f64) -> std::result::Result<(), String> {
    Ok(())
}

fn main() {
    let _ = check_rate;
    let _ = |params: TrainParams| (params.epochs, params.batch_size, params.name, params.rate, params.sizes);
    let _ = |params: TrainParams| (params.optimiser, params.activation, params.cache);
}
