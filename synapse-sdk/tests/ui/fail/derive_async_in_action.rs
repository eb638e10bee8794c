use synapse_sdk::prelude::*;

#[derive(Action, Default)]
struct Train;

impl Action for Train {
    type Params = ();
    type Output = ();

    async fn execute(&self, _params: (), _ctx: &Context) -> Result<()> {
        Ok(())
    }
}

fn main() {}
