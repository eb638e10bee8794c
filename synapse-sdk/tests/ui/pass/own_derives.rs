//! Derives and names of the author's own.
use std::fmt;

use synapse_sdk::prelude::*;

#[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
struct ByHand {
    epochs: u32,
}

impl Params for ByHand {}

#[params]
#[derive(serde::Serialize, Debug, Clone)]
struct HalfByHand {
    #[serde(rename = "number-of-epochs", default = "ten")]
    epochs: u32,
    #[serde(skip)]
    _cache: Option<std::rc::Rc<u32>>,
    #[serde(flatten)]
    nested: Nested,
    #[param(rename = "kind", alias = "sort", alias = "type")]
    r#type: String,
}

#[params]
#[derive(Debug, Clone)]
struct Nested {
    #[param(default = 2)]
    r#loop: u32,
}

fn ten() -> u32 {
    10
}

#[params]
#[serde(tag = "shape", rename_all = "kebab-case")]
enum Shape {
    RoundOne { radius: f64 },
    Square { side: f64 },
}

#[derive(Debug)]
struct OwnError;

impl fmt::Display for OwnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an error of one's own")
    }
}

impl std::error::Error for OwnError {}

type OwnResult<T> = std::result::Result<T, OwnError>;

#[action]
fn by_hand(params: ByHand, _ctx: &Context) -> std::result::Result<u32, OwnError> {
    if params.epochs == 0 { Err(OwnError) } else { Ok(params.epochs) }
}

#[action]
fn half_by_hand(params: HalfByHand, _: &Context) -> OwnResult<String> {
    Ok(format!("{} {} {}", params.epochs, params.nested.r#loop, params.r#type))
}

#[action]
fn area(shape: Shape, _ctx: &Context) -> Result<f64> {
    Ok(match shape {
        Shape::RoundOne { radius } => 3.0 * radius * radius,
        Shape::Square { side } => side * side,
    })
}

/// A raw identifier is called without its `r#`.
#[action]
fn r#move(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

/// Named as what the macros themselves could name.
#[action]
fn params(ByHand { epochs }: ByHand, _ctx: &Context) -> Result<u32> {
    Ok(epochs)
}

#[action]
async fn ctx(_params: (), ctx: &Context) -> Result<u32> {
    Ok(ctx.attempt())
}

mod train {
    use synapse_sdk::prelude::*;

    /// Named like its module.
    #[action]
    pub fn train(_params: (), _ctx: &Context) -> Result<&'static str> {
        Ok("trained")
    }
}

#[derive(Action)]
struct Identity(u32);

impl Identity {
    fn setup(_ctx: &Context) -> OwnResult<Self> {
        Ok(Self(7))
    }
}

impl AsyncAction for Identity {
    type Params = Value;
    type Output = u32;

    async fn execute(&self, _params: Value, _ctx: &Context) -> Result<u32> {
        Ok(self.0)
    }
}

#[derive(Action, Default)]
struct Package;

impl Action for Package {
    type Params = ();
    type Output = ();

    fn execute(&self, _params: (), _ctx: &Context) -> Result<()> {
        Ok(())
    }
}

#[allow(non_camel_case_types)]
type identity = Identity;

synapse_sdk::export_plugin!(by_hand, r#move, train::train, identity, Package, params, ctx);

fn main() {
    let executor = LocalExecutor::new();
    let value = |run: Result<synapse_sdk::testing::LocalRun>| run.unwrap().value().clone();
    assert_eq!(value(executor.execute::<by_hand>(json!({ "epochs": 3 }))), json!(3));
    let error = executor.execute::<by_hand>(json!({ "epochs": 0 })).unwrap_err();
    assert_eq!(error.to_string(), "an error of one's own");
    assert_eq!(value(executor.execute::<half_by_hand>(json!({ "kind": "a" }))), json!("10 2 a"));
    assert_eq!(value(executor.execute::<area>(json!({ "shape": "round-one", "radius": 1.0 }))), json!(3.0));
    assert_eq!(value(executor.execute::<params>(json!({ "epochs": 3 }))), json!(3));
    assert_eq!(value(executor.execute::<ctx>(json!({}))), json!(1));
    assert_eq!(value(executor.execute::<train::train>(json!({}))), json!("trained"));
    assert_eq!(value(executor.execute::<Identity>(json!({}))), json!(7));

    let manifest = synapse_sdk::manifest::Manifest::of_this_image();
    let names: Vec<_> = manifest.actions.iter().map(|action| action.name.as_str()).collect();
    assert!(names.contains(&"move"), "{names:?}");
    assert!(manifest.actions.iter().all(|action| !action.item.contains('#')));
}
