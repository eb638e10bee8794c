use synapse_sdk::prelude::*;

struct Optimiser;

#[params]
#[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
struct TrainParams {
    #[serde(rename = "epochs", default)]
    #[param(ge = "1")]
    rounds: u32,
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<u32> {
    let _ = Optimiser;
    Ok(params.rounds)
}

fn main() {}
