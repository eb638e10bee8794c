//! Without the prelude. (Not `#[params]`: schemars' derive needs it.)
#![no_implicit_prelude]

#[::synapse_sdk::action]
fn train(_params: (), _ctx: &::synapse_sdk::Context) -> ::synapse_sdk::Result<u32> {
    ::core::result::Result::Ok(3)
}

#[::synapse_sdk::action]
async fn wait(_params: (), _ctx: &::synapse_sdk::Context) -> ::synapse_sdk::Result<u32> {
    ::core::result::Result::Ok(3)
}

#[derive(::synapse_sdk::action::Action, ::core::default::Default)]
struct Count;

impl ::synapse_sdk::Action for Count {
    type Params = ();
    type Output = ();

    fn execute(&self, _params: (), _ctx: &::synapse_sdk::Context) -> ::synapse_sdk::Result<()> {
        ::core::result::Result::Ok(())
    }
}

#[derive(::synapse_sdk::data_type::DataType)]
#[data_type(format = "own")]
struct Own;

::synapse_sdk::export_plugin!(train, wait, Count);

fn main() {}
