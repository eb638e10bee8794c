use synapse_sdk::prelude::*;

fn helper(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

synapse_sdk::export_plugin!(helper);

fn main() {}
