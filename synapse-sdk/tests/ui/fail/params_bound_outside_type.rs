use synapse_sdk::prelude::*;

#[params]
struct TrainParams {
    #[param(ge = -1)]
    epochs: u32,
    #[param(le = 300)]
    workers: Option<u8>,
    #[param(gt = -200)]
    shift: i8,
    #[param(each(lt = 70_000))]
    sizes: Vec<u16>,
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<usize> {
    let shift = usize::from(params.shift.unsigned_abs());
    Ok(params.epochs as usize + params.sizes.len() + shift + usize::from(params.workers.unwrap_or(1)))
}

fn main() {}
