use synapse_sdk::prelude::*;

#[action(name = "train")]
#[derive(Action, Default)]
struct Train;

impl Action for Train {
    type Params = ();
    type Output = ();

    fn execute(&self, _params: (), _ctx: &Context) -> Result<()> {
        Ok(())
    }
}

fn main() {}
