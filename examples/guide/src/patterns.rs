//! The common patterns of the guide: checkpoints, datasets, models, errors.

use std::path::{Path, PathBuf};

use synapse_sdk::kinds::{SteppedTrainAction, TrainAction, TrainData, TrainInputs, TrainOutcome};
use synapse_sdk::prelude::*;

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

impl TrainAction for FineTune {}

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

/// What to load.
#[params]
pub struct LoadParams {
    /// Model to begin with; that of the run without it
    checkpoint: Option<Id>,
    #[param(default = 2)]
    epochs: u32,
}

/// Loads a checkpoint, if there is one.
#[derive(Action, Default)]
#[action(name = "load_checkpoint", category = NeuralNet)]
pub struct LoadCheckpoint;

impl TrainAction for LoadCheckpoint {}

impl Action for LoadCheckpoint {
    type Params = LoadParams;
    type Output = String;

    fn execute(&self, params: LoadParams, ctx: &Context) -> Result<String> {
        let model = match self.get_checkpoint(&params.checkpoint, ctx)? {
            Some(checkpoint) => {
                // Load pretrained or fine-tuned model weights
                let kind = if checkpoint.is_base() { "pretrained" } else { "fine-tuned" };
                let name = checkpoint.name.as_deref().unwrap_or("unknown");
                ctx.log_message(format!("Loaded {kind} model: {name}"), "info");
                std::fs::read_to_string(&checkpoint.path)?
            }
            // Train from scratch
            None => "new".to_owned(),
        };
        for epoch in 0..params.epochs {
            // Training logic
            ctx.set_progress(epoch + 1, params.epochs, "train")?;
        }
        Ok(model)
    }
}

/// Which dataset.
#[params]
pub struct DatasetParams {
    /// Dataset ID
    dataset: Id,
}

/// How much is in each split.
#[result]
pub struct Loaded {
    train: usize,
    val: usize,
}

/// Reads the splits of a dataset.
#[derive(Action, Default)]
#[action(name = "load_dataset", category = NeuralNet)]
pub struct LoadDataset;

impl TrainAction for LoadDataset {}

impl Action for LoadDataset {
    type Params = DatasetParams;
    type Output = Loaded;

    fn execute(&self, params: DatasetParams, ctx: &Context) -> Result<Loaded> {
        // Id, name, path on this machine, and a path for each split.
        let dataset = self.get_dataset(&params.dataset, ctx)?;
        ctx.log_message(format!("Loaded dataset: {} ({})", dataset.name, dataset.id), "info");

        let train_loader = load(dataset.split("train")?)?;
        let val_loader = load(dataset.split("val")?)?;
        Ok(Loaded { train: train_loader.len(), val: val_loader.len() })
    }
}

fn load(split: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(split).with_context(|| format!("reading {}", split.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

/// The saved model.
#[result]
pub struct Saved {
    model_path: PathBuf,
    model_id: Id,
}

/// Saves a model.
#[derive(Action, Default)]
#[action(name = "save_model", category = NeuralNet, output = ModelWeights)]
pub struct SaveModel;

impl TrainAction for SaveModel {}

impl Action for SaveModel {
    type Params = ();
    type Output = Saved;

    fn execute(&self, _params: (), ctx: &Context) -> Result<Saved> {
        // Training complete, save model
        let model_path = ctx.work_dir()?.join("best.pt");
        std::fs::write(&model_path, "weights")?;

        let model = self
            .create_model(model_path)
            .name("yolov8-detection")
            .description("Trained on custom dataset")
            .metrics(json!({ "mAP50": 0.85 }))
            .save(ctx)?;
        ctx.log_message(format!("Model uploaded: {}", model.id), "success");
        Ok(Saved { model_path: model.path, model_id: model.id })
    }
}

/// Looks a dataset up before anything is trained on it.
#[action(category = DataValidation)]
pub fn check_dataset(params: DatasetParams, ctx: &Context) -> Result<Value> {
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
