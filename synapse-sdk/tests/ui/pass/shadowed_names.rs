//! The author's own `Result`, `Option`, `Ok`, `Vec`, `String`, `Default` in scope.
//! (Not `Some`: schemars' derive names it.)
#![allow(dead_code, non_camel_case_types)]

struct Result;
struct Option;
struct None;
struct Ok;
struct Err;
struct Vec;
struct String;
struct Default;
struct Into;
struct Action;
struct Context;
struct Send;
struct Sync;
mod serde {}
mod schemars {}
mod core {}
mod std {}

use ::synapse_sdk::{action, params, result};

#[params]
struct P {
    #[param(default = 3, ge = 1)]
    epochs: u32,
    #[param(default = "fast", length(min = 1))]
    speed: ::std::string::String,
    #[param(default)]
    extra: ::core::option::Option<u32>,
}

#[params]
enum E {
    One,
    Two(u32),
}

#[result]
struct R {
    epochs: u32,
}

#[action]
fn train(params: P, _ctx: &::synapse_sdk::Context) -> ::synapse_sdk::Result<R> {
    ::core::result::Result::Ok(R { epochs: params.epochs })
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

::synapse_sdk::export_plugin!(train, Count);

fn main() {}
