use synapse_sdk::prelude::*;

#[params(deny_unknown_fields, rename_all = "camelCase", chek = fits, allow_unknown = true)]
struct TrainParams {
    epochs: u32,
}

#[params(check = fits, check = fits)]
struct MoreParams {
    epochs: u32,
}

#[result(allow_unknown)]
struct Trained {
    loss: f64,
}

fn fits(_params: &MoreParams) -> std::result::Result<(), String> {
    Ok(())
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<Trained> {
    Ok(Trained { loss: f64::from(params.epochs) })
}

#[action]
fn more(params: MoreParams, _ctx: &Context) -> Result<u32> {
    Ok(params.epochs)
}

fn main() {}
