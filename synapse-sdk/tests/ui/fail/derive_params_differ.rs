use synapse_sdk::prelude::*;

#[params]
struct TestParams {
    rows: u32,
}

#[derive(Action, Default)]
#[action(params = TestParams)]
struct Train;

impl Action for Train {
    type Params = ();
    type Output = ();

    fn execute(&self, _params: (), _ctx: &Context) -> Result<()> {
        Ok(())
    }
}

fn main() {}
