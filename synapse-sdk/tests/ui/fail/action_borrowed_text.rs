use synapse_sdk::prelude::*;

#[action]
fn shout(text: &str, _ctx: &Context) -> Result<String> {
    Ok(text.to_uppercase())
}

#[action]
fn sum(numbers: &[f64], _ctx: &Context) -> Result<f64> {
    Ok(numbers.iter().sum())
}

fn main() {}
