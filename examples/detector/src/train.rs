//! `train`: from pictures to a model.

use std::path::Path;

use fastrand::Rng;
use synapse_sdk::kinds::{Goal, TrainAction, TrainLoop, phase};
use synapse_sdk::prelude::*;

use crate::boxes::Score;
use crate::data::{self, Sample};
use crate::model::Model;
use crate::weights::{self, ARCHITECTURE};

/// How to train.
#[params]
pub struct TrainParams {
    /// Dataset to train on; without one buoys are drawn
    dataset: Option<Id>,
    /// Model to go on from
    checkpoint: Option<Id>,
    /// Passes over the pictures, after those of the checkpoint
    #[param(default = 8, ge = 1, le = 1000)]
    epochs: u64,
    /// Pictures in each step
    #[param(default = 4, ge = 1, le = 256)]
    batch_size: usize,
    /// Length of the steps
    #[param(default = 0.01, gt = 0, le = 1)]
    learning_rate: f32,
    /// Stop after so many epochs that were not better than the best one; 0 never stops
    #[param(default = 0)]
    patience: u64,
    /// Pictures that are drawn when there is no dataset
    #[param(default = 300, ge = 4, le = 100_000)]
    pictures: usize,
    /// Decides what is drawn, and in which order pictures are learnt
    #[param(default = 1)]
    seed: u64,
    /// The model's name
    #[param(default = "buoys")]
    name: String,
}

/// What training gave.
#[result]
pub struct TrainResult {
    /// The saved model
    pub model_id: Id,
    /// Its file
    pub model_path: String,
    /// Epochs it was trained for, those of its checkpoint included
    pub epochs: u64,
    /// The epoch whose weights were saved
    pub best_epoch: u64,
    /// How many buoys of held-out pictures are found: 1 for all, and nothing else
    pub f1: f64,
    /// The dataset
    pub dataset: Id,
}

/// Trains a detector of buoys.
///
/// Goes on from a checkpoint, and by itself where an earlier attempt of the
/// same job was stopped.
#[derive(Action, Default)]
#[action(name = "train", method = Job, input = YoloDataset, output = ModelWeights)]
pub struct Train;

impl TrainAction for Train {}

impl Action for Train {
    type Params = TrainParams;
    type Output = TrainResult;

    fn execute(&self, params: TrainParams, ctx: &Context) -> Result<TrainResult> {
        self.plan_phases(ctx);
        let checkpoint = self.get_checkpoint(&params.checkpoint, ctx)?;
        if let Some(checkpoint) = &checkpoint {
            checkpoint.expect_architecture(ARCHITECTURE)?;
        }
        let dataset = self.dataset(&params, ctx)?;
        let train = data::load(dataset.split("train")?)?;
        let valid = data::load(dataset.split("valid")?)?;

        let mut epochs = self
            .epochs(params.epochs, ctx)
            .after(checkpoint.as_ref())
            .best("valid_loss", Goal::Min)
            .patience(params.patience)
            .settings(&(&dataset.id, params.batch_size, params.learning_rate, params.seed));
        let mut model = match (epochs.resume()?, &checkpoint) {
            (Some(saved), _) => weights::from_bytes(&saved)?,
            (None, Some(checkpoint)) => load(&checkpoint.path)?,
            (None, None) => Model::untrained(&mut Rng::with_seed(params.seed)),
        };
        while let Some(epoch) = epochs.next_epoch()? {
            // Its own order for each epoch, also of a training that goes on.
            let mut rng = Rng::with_seed(params.seed.wrapping_add(epoch));
            let loss = train_epoch(&mut model, &train, &params, &mut rng, &mut epochs)?;
            let f1 = score(&model, &valid);
            let metrics = json!({ "loss": loss, "valid_loss": model.loss(&valid), "f1": f1 });
            epochs.end_epoch(metrics, || weights::to_bytes(&model))?;
        }

        let best_epoch = match epochs.best_so_far() {
            Some(best) => {
                model = weights::from_bytes(&best.model)?;
                best.epoch
            }
            None => epochs.done(),
        };
        let f1 = score(&model, &valid);
        let path = ctx.work_dir()?.join("buoys.safetensors");
        std::fs::write(&path, weights::to_bytes(&model)?)
            .with_context(|| format!("writing {}", path.display()))?;
        let saved = self
            .create_model(path)
            .name(&params.name)
            .description("finds buoys in grey pictures of 32 × 32 pixels")
            .architecture(ARCHITECTURE)
            .metrics(json!({ "f1": f1 }))
            .epochs(epochs.done())
            .checkpoint(params.checkpoint.as_ref())
            .with("dataset", &dataset.id)
            .save(ctx)?;
        ctx.log_message(format!("{} finds {:.0} % of the buoys", saved.id, f1 * 100.0), "success");
        Ok(TrainResult {
            model_path: saved.path.to_string_lossy().into_owned(),
            model_id: saved.id,
            epochs: epochs.done(),
            best_epoch,
            f1,
            dataset: dataset.id,
        })
    }
}

impl Train {
    /// The dataset of the params; else one that is drawn, once for each seed.
    fn dataset(&self, params: &TrainParams, ctx: &Context) -> Result<DatasetInfo> {
        if params.dataset.is_some() {
            return self.get_dataset(&params.dataset, ctx);
        }
        ctx.set_progress(0, 1, phase::DATASET)?;
        let name = format!("drawn buoys {} × {}", params.pictures, params.seed);
        let client = ctx.client()?;
        let known = client.datasets()?.into_iter().find(|dataset| dataset.name == name);
        let dataset = match known {
            Some(dataset) => dataset,
            None => {
                ctx.log_message(format!("no dataset is given: drawing {} pictures", params.pictures), "info");
                let folder = ctx.work_dir()?.join("drawn");
                data::make(&folder, params.pictures, params.seed)?;
                let new = NewDataset::new(name, &folder).format("yolo");
                let new = new.split("train", "images/train").split("valid", "images/valid");
                let dataset = client.create_dataset(new)?;
                std::fs::remove_dir_all(&folder)?;
                dataset
            }
        };
        ctx.set_progress(1, 1, phase::DATASET)?;
        Ok(dataset)
    }
}

fn train_epoch(
    model: &mut Model,
    train: &[Sample],
    params: &TrainParams,
    rng: &mut Rng,
    epochs: &mut TrainLoop<'_>,
) -> Result<f64> {
    let mut order: Vec<&Sample> = train.iter().collect();
    rng.shuffle(&mut order);
    let batches = order.len().div_ceil(params.batch_size);
    let mut sum = 0.0;
    for (number, batch) in order.chunks(params.batch_size).enumerate() {
        let loss = model.step(batch, params.learning_rate);
        sum += loss * batch.len() as f64;
        epochs.step(number + 1, batches, &[])?;
    }
    Ok(sum / train.len() as f64)
}

fn score(model: &Model, samples: &[Sample]) -> f64 {
    let mut score = Score::default();
    for (picture, boxes) in samples {
        score.add(&model.detect(picture), boxes);
    }
    score.f1()
}

/// The model in a file.
pub(crate) fn load(path: &Path) -> Result<Model> {
    let bytes = std::fs::read(path).with_context(|| format!("reading the model {}", path.display()))?;
    weights::from_bytes(&bytes).with_context(|| format!("reading the model {}", path.display()))
}
