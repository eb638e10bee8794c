use synapse_sdk::prelude::*;

#[result]
struct Trained<'a> {
    name: &'a str,
}

#[action]
fn train(_params: (), _ctx: &Context) -> Result<Trained<'static>> {
    Ok(Trained { name: "net" })
}

fn main() {}
