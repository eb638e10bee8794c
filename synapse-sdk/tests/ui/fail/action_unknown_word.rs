use synapse_sdk::prelude::*;

#[action(category = NeuralNetwork)]
fn by_variant(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

#[action(category = "neural_network")]
fn by_text(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

#[action(method = Jobs)]
fn by_method(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

fn main() {}
