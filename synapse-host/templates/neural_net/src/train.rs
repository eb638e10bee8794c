//! `train`: from data to a model.

use std::path::PathBuf;

use synapse_sdk::prelude::*;

use crate::data::samples;
use crate::model::Model;

/// How to train.
#[params]
pub struct TrainParams {
    /// Passes over the data, those of the checkpoint included
    #[param(default = 20, ge = 1, le = 1000)]
    epochs: u32,
    /// Length of a step
    #[param(default = 0.5, gt = 0, le = 10)]
    learning_rate: f64,
    /// Points to train on
    #[param(default = 400, ge = 1, le = 1_000_000)]
    samples: usize,
    /// Where the model is written; the run's work folder without it
    #[param(exclude_from_ui)]
    output: Option<String>,
}

/// What training gave.
#[result]
pub struct TrainResult {
    /// The model's file
    pub model_path: String,
    pub final_loss: f64,
    /// Share of training points whose class the model tells
    pub accuracy: f64,
    /// Passes over the data, those of the checkpoint included
    pub epochs: u32,
}

/// Trains a model, from a checkpoint where the run has one.
#[action(
    category = NeuralNet,
    method = Job,
    output = ModelWeights,
    example = { "epochs": 3 } => { "epochs": 3 },
)]
pub fn train(params: TrainParams, ctx: &Context) -> Result<TrainResult> {
    let mut model = match ctx.checkpoint() {
        Some(checkpoint) => Model::load(&checkpoint.path)?,
        None => Model::default(),
    };
    if model.epochs > 0 {
        ctx.log_message(format!("going on after epoch {}", model.epochs), "info");
    }
    let data = samples(1, params.samples);
    let mut final_loss = 0.0;
    while model.epochs < params.epochs {
        final_loss = model.train_epoch(&data, params.learning_rate);
        let metrics = json!({ "epoch": model.epochs, "loss": final_loss });
        ctx.set_metrics(metrics, "train")?;
        // An error once the run is cancelled: `?` then ends the action.
        ctx.set_progress(model.epochs, params.epochs, "train")?;
    }
    let model_path = match &params.output {
        Some(path) => PathBuf::from(path),
        None => ctx.work_dir()?.join("model.json"),
    };
    model.save(&model_path)?;
    Ok(TrainResult {
        model_path: model_path.to_string_lossy().into_owned(),
        final_loss,
        accuracy: model.accuracy(&data),
        epochs: model.epochs,
    })
}
