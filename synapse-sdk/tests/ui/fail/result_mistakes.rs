use synapse_sdk::prelude::*;

#[result(category = Custom)]
struct Trained {
    #[param(minimum = 0)]
    loss: f64,
    #[param(rename = 5)]
    epochs: u32,
}

#[action]
fn train(_params: (), _ctx: &Context) -> Result<Trained> {
    Ok(Trained { loss: 0.5, epochs: 1 })
}

fn main() {}
