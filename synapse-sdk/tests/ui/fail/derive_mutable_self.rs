use synapse_sdk::prelude::*;

#[derive(Action, Default)]
struct Train {
    calls: u32,
}

impl Action for Train {
    type Params = ();
    type Output = u32;

    fn execute(&mut self, _params: (), _ctx: &Context) -> Result<u32> {
        self.calls += 1;
        Ok(self.calls)
    }
}

fn main() {}
