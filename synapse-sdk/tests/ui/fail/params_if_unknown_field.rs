use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    #[param(default)]
    augment: bool,
    #[param(if(augmnt), default)]
    flip: bool,
    #[param(if(flop = true), default)]
    zoom: f64,
    #[param(if(shift = 1), default)]
    shift: f64,
    #[param(if(augment = []), default)]
    blur: f64,
    #[param(if(augment, augment), default)]
    noise: f64,
    #[param(if = augment, default)]
    crop: f64,
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<f64> {
    let flags = f64::from(u8::from(params.augment)) + f64::from(u8::from(params.flip));
    Ok(flags + params.zoom + params.shift + params.blur + params.noise + params.crop)
}

fn main() {}
