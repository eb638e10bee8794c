use synapse_sdk::prelude::*;

struct Metrics {
    loss: f64,
}

#[action]
fn train(_params: (), ctx: &Context) -> Result<()> {
    ctx.set_metrics(Metrics { loss: 0.5 }, "train")
}

fn main() {}
