use synapse_sdk::prelude::*;

#[derive(Action)]
struct Train {
    rate: f64,
}

impl Action for Train {
    type Params = ();
    type Output = f64;

    fn execute(&self, _params: (), _ctx: &Context) -> Result<f64> {
        Ok(self.rate)
    }
}

fn main() {}
