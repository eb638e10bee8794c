mod train {
    use synapse_sdk::prelude::*;

    #[action]
    fn train(_params: (), _ctx: &Context) -> Result<()> {
        Ok(())
    }
}

synapse_sdk::export_plugin!(train::train);

fn main() {}
