//! All macros in a crate that allows nothing.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub)]
#![deny(unused_qualifications, unused_lifetimes, single_use_lifetimes, redundant_lifetimes)]
#![deny(let_underscore_drop, trivial_casts, trivial_numeric_casts, unit_bindings, variant_size_differences)]
#![deny(clippy::all, clippy::pedantic)]

use synapse_sdk::prelude::*;

/// What trains.
#[params]
#[derive(Debug)]
pub struct TrainParams {
    /// Rounds.
    #[param(default = 10, ge = 1, le = 1000)]
    epochs: u32,
    /// What it is called.
    #[param(default = "net", length(min = 1, max = 20))]
    name: String,
    /// Steps of learning.
    #[param(default, items(max = 3))]
    rates: Vec<f64>,
    /// How it steps.
    #[param(default = Optimiser::Adam)]
    optimiser: Optimiser,
}

/// How training steps.
#[params]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Optimiser {
    /// With momentum.
    Adam,
    /// Without.
    PlainSgd,
}

/// What came of it.
#[result]
#[derive(Debug)]
pub struct Trained {
    /// How wrong it still is.
    loss: f64,
    /// Its optimiser.
    optimiser: Optimiser,
}

/// Panoramas with labels.
#[derive(DataType, Debug)]
#[data_type(parent = YoloDataset, format = "panorama")]
pub struct Panoramas;

/// Trains.
///
/// # Errors
/// None.
#[action(category = NeuralNet, method = Job, input = Panoramas, exclusive, strict_result)]
pub fn train(params: TrainParams, ctx: &Context) -> Result<Trained> {
    ctx.log_message(format!("{} {:?}", params.name, params.rates), ());
    Ok(Trained { loss: 1.0 / f64::from(params.epochs), optimiser: params.optimiser })
}

/// Trains and waits.
///
/// # Errors
/// None.
#[action(description = "waits", params = TrainParams, result = Trained)]
pub async fn train_later(params: TrainParams, ctx: &Context) -> Result<Value> {
    let trained = train(params, ctx)?;
    Ok(json!({ "loss": trained.loss, "optimiser": trained.optimiser }))
}

/// Counts its calls.
#[derive(Action, Debug, Default)]
#[action(name = "count", category = "custom", params = ())]
pub struct Count {
    calls: std::sync::atomic::AtomicU32,
}

impl Action for Count {
    type Params = ();
    type Output = u32;

    fn execute(&self, _params: (), _ctx: &Context) -> Result<u32> {
        Ok(self.calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1)
    }
}

synapse_sdk::export_plugin!(train, train_later, Count);

fn main() {
    let executor = LocalExecutor::new();
    let run = executor.execute::<train>(json!({ "epochs": 2, "optimiser": "plain_sgd" })).unwrap();
    assert_eq!(run.value(), &json!({ "loss": 0.5, "optimiser": "plain_sgd" }));
    let run = executor.execute::<train_later>(json!({})).unwrap();
    assert_eq!(run.value(), &json!({ "loss": 0.1, "optimiser": "adam" }));
    assert_eq!(executor.execute::<Count>(json!({})).unwrap().value(), &json!(1));
}
