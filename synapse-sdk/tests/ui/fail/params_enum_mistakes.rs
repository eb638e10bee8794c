use synapse_sdk::prelude::*;

struct Plain;

#[params]
#[serde(tag = "kind")]
enum Optimiser {
    Adam {
        #[param(ge = "0", if(rat = 1))]
        rate: f64,
    },
    Sgd {
        #[param(default = 2.0, le = 1)]
        momentum: f64,
        #[param(if(rate = 1), default)]
        nesterov: bool,
    },
}

#[params]
enum Loss {
    Weighted { plain: Plain },
}

#[params]
struct TrainParams {
    optimiser: Optimiser,
    loss: Loss,
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<f64> {
    let Loss::Weighted { plain: Plain } = params.loss;
    Ok(match params.optimiser {
        Optimiser::Adam { rate } => rate,
        Optimiser::Sgd { momentum, nesterov } => momentum + f64::from(u8::from(nesterov)),
    })
}

fn main() {}
