use std::cell::Cell;

use synapse_sdk::prelude::*;

#[derive(Action, Default)]
struct Count(Cell<u32>);

impl Action for Count {
    type Params = ();
    type Output = u32;

    fn execute(&self, _params: (), _ctx: &Context) -> Result<u32> {
        Ok(self.0.replace(self.0.get() + 1))
    }
}

fn main() {}
