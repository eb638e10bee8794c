mod train {
    use synapse_sdk::prelude::*;

    #[action]
    pub fn train(_params: (), _ctx: &Context) -> Result<()> {
        Ok(())
    }
}

synapse_sdk::export_plugin!(train);

fn main() {}
