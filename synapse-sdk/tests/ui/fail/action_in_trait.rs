use synapse_sdk::prelude::*;

trait Train {
    #[action]
    fn train(params: (), ctx: &Context) -> Result<()>;
}

fn main() {}
