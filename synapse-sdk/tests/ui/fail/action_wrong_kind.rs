use synapse_sdk::prelude::*;

#[action(name = 5)]
fn name_number(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

#[action(name = train)]
fn name_bare(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

#[action(name)]
fn name_alone(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

#[action("train")]
fn no_key(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

#[action(category = 3, method = true)]
fn word_number(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

#[action(exclusive = "yes")]
fn flag_text(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

#[action(params = "TrainParams", result = 1)]
fn types(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

#[action(category = Custom method = Job)]
fn no_comma(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

fn main() {}
