use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    #[param(ge(1), le)]
    epochs: u32,
    #[param(length = 5)]
    name: String,
    #[param(items)]
    layers: Vec<u32>,
    #[param(each())]
    sizes: Vec<u32>,
    #[param(exclude_from_ui = true, default(5))]
    seed: u32,
    #[param(rename)]
    kind: String,
    #[param(items(unique = true))]
    labels: Vec<String>,
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<usize> {
    let lists = params.layers.len() + params.sizes.len() + params.labels.len();
    Ok((params.epochs + params.seed) as usize + params.name.len() + params.kind.len() + lists)
}

fn main() {}
