use synapse_sdk::prelude::*;

#[params]
#[derive(Clone, Copy)]
struct Share(f64);

type Names = Vec<String>;

#[params]
struct SplitParams {
    #[param(ge = 0, le = 1)]
    train: Share,
    #[param(length(min = 1))]
    names: Names,
    #[param(items(min = 1))]
    test: Share,
    #[param(entries(min = 1))]
    others: Names,
    #[param(each(ge = 1))]
    rest: Share,
}

#[action]
fn split(params: SplitParams, _ctx: &Context) -> Result<f64> {
    let names = params.names.len() + params.others.len();
    Ok(params.train.0 + params.test.0 + params.rest.0 + names as f64)
}

fn main() {}
