use synapse_sdk::prelude::*;

#[params(check = of_another)]
struct TrainParams {
    #[param(check = no_blank)]
    epochs: u32,
    #[param(check = no_blank)]
    name: Option<String>,
}

fn no_blank(text: &str) -> std::result::Result<(), &'static str> {
    if text.is_empty() { Err("is blank") } else { Ok(()) }
}

fn of_another(_params: &Vec<u32>) -> std::result::Result<(), String> {
    Ok(())
}

#[action]
fn train(params: TrainParams, _ctx: &Context) -> Result<u32> {
    Ok(params.epochs + params.name.map_or(0, |name| name.len() as u32))
}

fn main() {}
