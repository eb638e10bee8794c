use synapse_sdk::prelude::*;

#[derive(Action)]
struct Train;

impl Train {
    fn setup() -> Result<Self> {
        Ok(Self)
    }
}

impl Action for Train {
    type Params = ();
    type Output = ();

    fn execute(&self, _params: (), _ctx: &Context) -> Result<()> {
        Ok(())
    }
}

fn main() {}
