use synapse_sdk::prelude::*;

#[params]
struct GreetParams {
    name: String,
}

#[action(example = { name: "Ada" })]
fn unquoted_field(params: GreetParams, _ctx: &Context) -> Result<String> {
    Ok(params.name)
}

#[action(example = { "name": NAME } => "Ada")]
fn no_constants(params: GreetParams, _ctx: &Context) -> Result<String> {
    Ok(params.name)
}

#[action(example = { "name": "Ada" } => )]
fn no_result(params: GreetParams, _ctx: &Context) -> Result<String> {
    Ok(params.name)
}

#[action(example)]
fn no_params(params: GreetParams, _ctx: &Context) -> Result<String> {
    Ok(params.name)
}

fn main() {}
