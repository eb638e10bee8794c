use synapse_sdk::prelude::*;

#[derive(Action, Default)]
struct Train<T>(T);

impl Action for Train<u32> {
    type Params = ();
    type Output = ();

    fn execute(&self, _params: (), _ctx: &Context) -> Result<()> {
        Ok(())
    }
}

fn main() {}
