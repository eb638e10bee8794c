//! Forms that are unusual and right.
#![deny(warnings)]

use std::rc::Rc;

use synapse_sdk::prelude::*;

/// An async body stays on its thread: what it holds over an `await` need not be `Send`.
#[action]
async fn not_send(_params: (), _ctx: &Context) -> Result<usize> {
    let text = Rc::new("held".to_owned());
    std::future::ready(()).await;
    Ok(text.len())
}

#[action]
const fn constant(_params: (), _ctx: &Context) -> Result<u32> {
    Ok(1)
}

#[action]
fn borrows_for_ever(_params: (), _ctx: &Context) -> Result<&'static str> {
    Ok("static")
}

type Borrowed<'a> = &'a Context;

#[action]
fn by_alias(_params: (), _ctx: Borrowed<'_>) -> Result<Option<u32>> {
    Ok(None)
}

#[action(category = crate::OWN)]
fn untyped(params: Value, _ctx: &synapse_sdk::Context) -> std::io::Result<Value> {
    Ok(params)
}

const OWN: Category = Category::Export;

#[derive(Action, Default)]
#[action]
struct Plain;

impl Action for Plain {
    type Params = ();
    type Output = Vec<u32>;

    fn execute(&self, _params: (), _ctx: &Context) -> Result<Vec<u32>> {
        Ok(vec![1])
    }
}

/// In a module, private, with params that are private.
mod inner {
    use synapse_sdk::prelude::*;

    #[params]
    struct TrainParams {
        epochs: u32,
    }

    #[action]
    fn train(params: TrainParams, _ctx: &Context) -> Result<u32> {
        Ok(params.epochs)
    }

    pub fn run() -> u32 {
        LocalExecutor::new().execute::<train>(json!({ "epochs": 2 })).unwrap().result().unwrap()
    }
}

fn main() {
    fn run<A: synapse_sdk::ActionMeta>() -> Value {
        LocalExecutor::new().execute::<A>(json!({})).unwrap().value().clone()
    }
    assert_eq!(run::<not_send>(), 4);
    assert_eq!(run::<constant>(), 1);
    assert_eq!(run::<borrows_for_ever>(), "static");
    assert_eq!(run::<by_alias>(), Value::Null);
    assert_eq!(run::<untyped>(), json!({}));
    assert_eq!(run::<Plain>(), json!([1]));
    assert_eq!(inner::run(), 2);
}
