use synapse_sdk::prelude::*;

#[action(category = NeuralNetwork)]
fn near(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

#[action(category = "neural-net")]
fn near_text(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

#[action(category = Category::Costum)]
fn near_path(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

#[action(method = restapi)]
fn spelled_as_in_configs(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

#[action(category = Fruit)]
fn far(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

#[action(method = "somewhere")]
fn far_text(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

fn main() {}
