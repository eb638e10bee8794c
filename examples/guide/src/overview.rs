//! The samples of the overview: a function, a conversion, and a type that
//! trains without any help.

use std::collections::BTreeMap;

use synapse_sdk::prelude::*;

/// Who to greet, and how.
#[params]
pub struct GreetParams {
    /// Name to greet
    name: String,
    #[param(default = false)]
    formal: bool,
}

/// Greets someone.
#[action(category = Custom)]
pub fn greet(params: GreetParams, ctx: &Context) -> Result<Value> {
    let prefix = if params.formal { "Dear" } else { "Hello" };
    let message = format!("{prefix} {}!", params.name);
    ctx.log_message(&message, "info");
    Ok(json!({ "message": message }))
}

/// What to convert.
#[params]
pub struct ConvertParams {
    source_path: String,
    #[param(default = "yolo")]
    target_format: String,
}

/// What was converted.
#[result]
pub struct ConvertResult {
    output_path: String,
    files_converted: u32,
}

/// Converts a dataset to another format.
#[action(category = Export)]
pub fn convert(params: ConvertParams, ctx: &Context) -> Result<ConvertResult> {
    ctx.log_message(format!("converting to {}", params.target_format), "info");
    let output_path = format!("{}.{}", params.source_path, params.target_format);
    Ok(ConvertResult { output_path, files_converted: 100 })
}

/// Training parameters.
#[params]
pub struct LoopParams {
    /// Dataset ID to train on
    dataset: u64,
    #[param(default = 100, ge = 1)]
    epochs: u32,
    #[param(default = 32, ge = 1)]
    batch_size: u32,
}

/// What the training gave.
#[result]
pub struct LoopResult {
    model_path: String,
    final_loss: f64,
    metrics: BTreeMap<String, f64>,
}

/// Trains in a loop of its own.
#[derive(Action, Default)]
#[action(name = "train_loop", category = NeuralNet, input = YoloDataset, output = ModelWeights)]
pub struct LoopAction;

impl Action for LoopAction {
    type Params = LoopParams;
    type Output = LoopResult;

    fn execute(&self, params: LoopParams, ctx: &Context) -> Result<LoopResult> {
        ctx.set_progress(0, params.epochs, "training")?;
        for epoch in 0..params.epochs {
            // Training logic...
            ctx.set_progress(epoch + 1, params.epochs, "training")?;
        }
        ctx.set_metrics(json!({ "loss": 0.5, "mAP50": 0.85 }), "training")?;
        Ok(LoopResult {
            model_path: "/models/best.pt".to_owned(),
            final_loss: 0.05,
            metrics: BTreeMap::from([("mAP50".to_owned(), 0.92), ("mAP50-95".to_owned(), 0.78)]),
        })
    }
}

/// Uses all that the context has for an action.
#[action(name = "tell")]
pub fn tell_everything(_params: (), ctx: &Context) -> Result<Value> {
    ctx.set_progress(1, 2, "tell")?;
    ctx.set_metrics(json!({ "loss": 0.5, "accuracy": 0.9 }), "tell")?;
    ctx.log("checkpoint", json!({ "epoch": 3 }), None);
    ctx.log_message("half of it is done", "info");
    ctx.log_dev_event("batch", json!({ "rows": 32 }));
    ctx.logger().warning("few rows");
    Ok(json!({
        "debug": ctx.env().get("DEBUG"),
        "job_id": ctx.job_id(),
        "checkpoint": ctx.checkpoint().map(|checkpoint| &checkpoint.path),
        "has_client": ctx.client().is_ok(),
        "has_agent_client": ctx.agent_client().is_ok(),
    }))
}
