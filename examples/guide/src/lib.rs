//! The samples of the guide as one plugin.
#![allow(missing_docs, reason = "what the samples are for stands in the guide")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use synapse_sdk::kinds::{self, SteppedTrainAction, TrainAction as _, TrainData, TrainInputs, TrainOutcome};
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
#[derive(Debug)]
pub struct TrainParams {
    /// Dataset ID to train on
    pub dataset: u64,
    /// Passes over the data
    #[param(default = 100, ge = 1, le = 1000)]
    pub epochs: u64,
    #[param(default = 16, ge = 1)]
    pub batch_size: u32,
    #[param(default = 0.01, gt = 0, lt = 1)]
    pub learning_rate: f64,
}

/// What the training gave.
#[result]
pub struct TrainResult {
    model_path: PathBuf,
    final_loss: f64,
    metrics: BTreeMap<String, f64>,
}

/// Trains a detector on a dataset.
#[derive(Action, Default)]
#[action(category = NeuralNet, input = YoloDataset, output = ModelWeights)]
pub struct TrainAction;

impl kinds::TrainAction for TrainAction {}

impl Action for TrainAction {
    type Params = TrainParams;
    type Output = TrainResult;

    fn execute(&self, params: TrainParams, ctx: &Context) -> Result<TrainResult> {
        if ctx.client().is_err() {
            return Err(ExecutionError::new("Backend client required for training")
                .details(json!({ "job_id": ctx.job_id() })));
        }
        self.plan_phases(ctx);
        ctx.log_message("Starting training...", "info");

        // Load dataset
        let dataset = self.get_dataset(params.dataset, ctx)?;
        ctx.log_message(format!("Loaded dataset: {} ({})", dataset.name, dataset.id), "info");

        // Load checkpoint if resuming
        let checkpoint = self.get_checkpoint(None::<Id>, ctx)?;
        if let Some(Checkpoint { category: Some(category), .. }) = &checkpoint {
            ctx.log_message(format!("Resuming from checkpoint: {category}"), "info");
        }

        // Training loop, which goes on where a killed attempt was
        let mut epochs = self.epochs(params.epochs, ctx).after(checkpoint.as_ref());
        epochs.resume()?;
        let mut loss = 0.5;
        while let Some(epoch) = epochs.next_epoch()? {
            loss = train_epoch(epoch);
            let metrics = json!({ "loss": loss, "learning_rate": params.learning_rate });
            epochs.end_epoch(metrics, || Ok(Vec::new()))?;
        }

        // Save and upload model
        let path = ctx.work_dir()?.join("best.pt");
        std::fs::write(&path, "weights")?;
        let metrics = BTreeMap::from([("mAP50".to_owned(), 0.85), ("mAP50-95".to_owned(), 0.72)]);
        let model = self.create_model(path).name("yolov8-trained").metrics(&metrics).save(ctx)?;
        ctx.log_message(format!("Model uploaded: {}", model.id), "success");
        Ok(TrainResult { model_path: model.path, final_loss: loss, metrics })
    }
}

/// Your training logic here.
fn train_epoch(epoch: u64) -> f64 {
    0.5 / (epoch as f64)
}

/// What to fine-tune, and on what.
#[params]
pub struct FineTuneParams {
    /// Dataset ID to train on
    dataset: Id,
    /// Model to begin with
    checkpoint: Id,
    /// The new model's name
    name: Option<String>,
}

/// Trains a model further: data and checkpoint are handed in, the model that is
/// returned is saved.
#[derive(Action, Default)]
#[action(name = "fine_tune", category = NeuralNet, output = ModelWeights)]
pub struct FineTune;

impl kinds::TrainAction for FineTune {}

impl SteppedTrainAction for FineTune {
    fn inputs(&self, params: &FineTuneParams) -> TrainInputs {
        let inputs = TrainInputs::new().dataset(&params.dataset).checkpoint(&params.checkpoint);
        inputs.name(params.name.clone())
    }

    fn train(&self, _: &FineTuneParams, data: &TrainData, ctx: &Context) -> Result<NewModel> {
        if let Some(checkpoint) = &data.checkpoint {
            let kind = if checkpoint.is_base() { "pretrained" } else { "fine-tuned" };
            let name = checkpoint.name.as_deref().unwrap_or("unknown");
            ctx.log_message(format!("Loaded {kind} model: {name}"), "info");
        }
        let images = std::fs::read_dir(data.path()?.join("train"))?.count();
        let path = ctx.work_dir()?.join("tuned.pt");
        std::fs::write(&path, "weights")?;
        Ok(self.create_model(path).metrics(json!({ "images": images })))
    }
}

impl Action for FineTune {
    type Params = FineTuneParams;
    type Output = TrainOutcome;

    fn execute(&self, params: FineTuneParams, ctx: &Context) -> Result<TrainOutcome> {
        self.run(&params, ctx)
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

synapse_sdk::export_plugin!(greet, convert, TrainAction, FineTune, check_dataset);
