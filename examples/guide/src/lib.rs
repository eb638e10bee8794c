//! The samples of the guide as one plugin.
#![allow(missing_docs, reason = "what the samples are for stands in the guide")]

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
pub struct TrainParams {
    /// Dataset ID to train on
    dataset: u64,
    #[param(default = 100, ge = 1, le = 1000)]
    epochs: u32,
    #[param(default = 0.01, gt = 0, lt = 1)]
    learning_rate: f64,
}

/// What the training gave.
#[result]
pub struct TrainResult {
    model_path: String,
    final_loss: f64,
    metrics: BTreeMap<String, f64>,
}

/// Trains a detector on a dataset.
#[derive(Action, Default)]
#[action(category = NeuralNet, input = YoloDataset, output = ModelWeights)]
pub struct TrainAction;

impl Action for TrainAction {
    type Params = TrainParams;
    type Output = TrainResult;

    fn execute(&self, params: TrainParams, ctx: &Context) -> Result<TrainResult> {
        if params.dataset == 0 {
            return Err(ExecutionError::new("there is no dataset 0").details(json!({ "dataset": 0 })));
        }
        match ctx.checkpoint() {
            Some(checkpoint) => {
                let kind =
                    if checkpoint.category.as_deref() == Some("base") { "pretrained" } else { "fine-tuned" };
                let name = checkpoint.name.as_deref().unwrap_or("unknown");
                ctx.log_message(format!("Loaded {kind} model: {name}"), "info");
            }
            None => ctx.log_message("Starting training...", "info"),
        }
        let mut loss = 0.5;
        for epoch in 0..params.epochs {
            loss = 0.5 / f64::from(epoch + 1);
            let metrics = json!({ "epoch": epoch + 1, "loss": loss, "learning_rate": params.learning_rate });
            ctx.set_metrics(metrics, "train")?;
            ctx.set_progress(epoch + 1, params.epochs, "train")?;
        }
        let metrics = BTreeMap::from([("mAP50".to_owned(), 0.85), ("mAP50-95".to_owned(), 0.72)]);
        Ok(TrainResult { model_path: "/models/best".to_owned(), final_loss: loss, metrics })
    }
}

/// Looks a dataset up before anything is trained on it.
#[action(category = DataValidation)]
pub fn check_dataset(params: TrainParams, ctx: &Context) -> Result<Value> {
    let Ok(client) = ctx.client() else {
        return Err(ExecutionError::new("Backend client required for training")
            .details(json!({ "job_id": ctx.job_id() })));
    };
    client.request("dataset.get", &json!({ "id": params.dataset })).map_err(|error| match error.kind() {
        ErrorKind::Validation => {
            ctx.log_message(format!("Validation failed: {}", error.message()), "danger");
            error
        }
        _ => error.context("Training failed").details(json!({ "dataset": params.dataset })),
    })
}

synapse_sdk::export_plugin!(greet, convert, TrainAction, check_dataset);
