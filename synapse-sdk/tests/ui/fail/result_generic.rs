use synapse_sdk::prelude::*;

#[result]
struct Trained<T> {
    loss: T,
}

#[action]
fn train(_params: (), _ctx: &Context) -> Result<Trained<f64>> {
    Ok(Trained { loss: 0.5 })
}

fn main() {}
