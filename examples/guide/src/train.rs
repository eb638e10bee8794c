//! The sample of the guide: a training with dataset, checkpoint and a model that
//! is saved.

use std::collections::BTreeMap;
use std::path::PathBuf;

use synapse_sdk::kinds::{self, TrainAction as _};
use synapse_sdk::prelude::*;

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
