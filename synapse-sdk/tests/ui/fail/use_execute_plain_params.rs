use synapse_sdk::prelude::*;

struct GreetParams {
    name: String,
}

#[action]
fn greet(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

fn main() {
    let params = GreetParams { name: "Ada".to_owned() };
    let _ = LocalExecutor::new().execute::<greet>(params);
}
