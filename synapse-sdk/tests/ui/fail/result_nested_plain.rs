use synapse_sdk::prelude::*;

struct Metrics {
    loss: f64,
}

#[result]
struct Trained {
    metrics: Metrics,
}

#[action]
fn train(_params: (), _ctx: &Context) -> Result<Trained> {
    Ok(Trained { metrics: Metrics { loss: 0.5 } })
}

fn main() {
    let _ = Metrics { loss: 0.5 }.loss;
}
