//! `train`: from data to a model.

use std::path::PathBuf;

use synapse_sdk::kinds::{Goal, TrainAction};
use synapse_sdk::prelude::*;

use crate::data::samples;
use crate::model::Model;

/// How to train.
#[params]
pub struct TrainParams {
    /// Model to go on from
    checkpoint: Option<Id>,
    /// Passes over the data, after those of the checkpoint
    #[param(default = 20, ge = 1, le = 1000)]
    epochs: u64,
    /// Length of a step
    #[param(default = 0.5, gt = 0, le = 10)]
    learning_rate: f64,
    /// Points to train on
    #[param(default = 400, ge = 1, le = 1_000_000)]
    samples: usize,
}

/// What training gave.
#[result]
pub struct TrainResult {
    /// The saved model
    pub model_id: Id,
    /// Its file
    pub model_path: PathBuf,
    /// Mean loss of the best epoch
    pub loss: f64,
    /// Passes over the data, those of the checkpoint included
    pub epochs: u64,
}

/// Trains a model, from a checkpoint where there is one.
#[derive(Action, Default)]
#[action(
    category = NeuralNet,
    method = Job,
    output = ModelWeights,
    example = { "epochs": 3 } => { "epochs": 3 },
)]
pub struct Train;

// Gives `get_dataset`, `get_checkpoint`, `epochs`, `create_model`.
impl TrainAction for Train {}

impl Action for Train {
    type Params = TrainParams;
    type Output = TrainResult;

    fn execute(&self, params: TrainParams, ctx: &Context) -> Result<TrainResult> {
        self.plan_phases(ctx);
        let checkpoint = self.get_checkpoint(&params.checkpoint, ctx)?;
        let data = samples(1, params.samples);

        let mut epochs = self
            .epochs(params.epochs, ctx)
            .after(checkpoint.as_ref())
            .best("loss", Goal::Min);
        let mut model = match (epochs.resume()?, &checkpoint) {
            // An earlier attempt of this job was stopped.
            (Some(saved), _) => Model::from_bytes(&saved)?,
            (None, Some(checkpoint)) => Model::load(&checkpoint.path)?,
            (None, None) => Model::default(),
        };
        while epochs.next_epoch()?.is_some() {
            model.train_epoch(&data, params.learning_rate);
            let metrics = json!({ "loss": model.loss(&data) });
            epochs.end_epoch(metrics, || Ok(model.to_bytes()))?;
        }

        let best = epochs.best_so_far().context("the loss is no number")?;
        let path = ctx.work_dir()?.join("model.json");
        std::fs::write(&path, &best.model)?;
        let saved = self
            .create_model(path)
            .metrics(json!({ "loss": best.value }))
            .epochs(epochs.done())
            .save(ctx)?;
        ctx.log_message(format!("saved as {}", saved.id), "success");
        Ok(TrainResult {
            model_id: saved.id,
            model_path: saved.path,
            loss: best.value,
            epochs: epochs.done(),
        })
    }
}
