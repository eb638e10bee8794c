use synapse_sdk::prelude::*;

#[params]
#[derive(Clone, Copy)]
struct Share(#[param(default = 0.5, ge = 0, rename = "part", alias = "p", label = "Share")] f64);

#[params]
struct SplitParams {
    train: Share,
}

#[action]
fn split(params: SplitParams, _ctx: &Context) -> Result<f64> {
    Ok(params.train.0)
}

fn main() {}
