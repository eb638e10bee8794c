use synapse_sdk::prelude::*;

#[action]
fn train(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

#[derive(Action, Default)]
#[action(name = "train")]
struct Trainer;

impl Action for Trainer {
    type Params = ();
    type Output = ();

    fn execute(&self, _params: (), _ctx: &Context) -> Result<()> {
        Ok(())
    }
}

synapse_sdk::export_plugin!(train, Trainer);

fn main() {}
