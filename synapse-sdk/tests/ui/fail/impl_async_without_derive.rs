use synapse_sdk::prelude::*;

struct Train;

impl AsyncAction for Train {
    type Params = ();
    type Output = ();

    async fn execute(&self, _params: (), _ctx: &Context) -> Result<()> {
        Ok(())
    }
}

fn main() {}
