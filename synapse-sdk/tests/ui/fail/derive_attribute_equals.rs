use synapse_sdk::prelude::*;

#[derive(Action, Default)]
#[action = "train"]
struct Train;

impl Action for Train {
    type Params = ();
    type Output = ();

    fn execute(&self, _params: (), _ctx: &Context) -> Result<()> {
        Ok(())
    }
}

fn main() {}
