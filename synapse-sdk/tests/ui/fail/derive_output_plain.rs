use synapse_sdk::prelude::*;

struct Trained;

#[derive(Action, Default)]
struct Train;

impl Action for Train {
    type Params = ();
    type Output = Trained;

    fn execute(&self, _params: (), _ctx: &Context) -> Result<Trained> {
        Ok(Trained)
    }
}

fn main() {}
