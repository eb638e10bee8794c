use synapse_sdk::prelude::*;

fn greet(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

fn main() {
    let _ = LocalExecutor::new().execute::<greet>(json!({}));
}
