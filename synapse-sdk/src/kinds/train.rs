//! Training: dataset, checkpoint, metrics and the saved model.

use std::path::PathBuf;

use serde::Serialize;

use super::client_for;
use super::train_loop::{STATE, TrainLoop, training_id};
use crate::action::Action;
use crate::client::{DatasetInfo, IntoId, ModelInfo, NewModel};
use crate::context::Context;
use crate::errors::{NotFoundError, Result, ResultExt, ValidationError};
use crate::services::Checkpoint;

/// The steps of a training, as progress names them.
pub mod phase {
    /// Getting the data.
    pub const DATASET: &str = "dataset";
    /// Writing it in another format.
    pub const CONVERT: &str = "convert";
    /// The training itself.
    pub const TRAIN: &str = "train";
    /// Saving the model.
    pub const MODEL_UPLOAD: &str = "model_upload";
}

/// What an action that trains needs, beside the training.
///
/// ```
/// use synapse_sdk::prelude::*;
/// use synapse_sdk::kinds::{Goal, TrainAction};
/// # use synapse_sdk::client::FileStore;
///
/// #[params]
/// struct TrainParams {
///     /// Dataset to train on
///     dataset: Id,
///     /// Model to go on from
///     checkpoint: Option<Id>,
///     #[param(default = 3, ge = 1)]
///     epochs: u64,
/// }
///
/// #[result]
/// struct TrainResult { model_id: Id, loss: f64 }
///
/// /// Trains.
/// #[derive(Action, Default)]
/// #[action(name = "train", output = ModelWeights)]
/// struct Train;
///
/// impl TrainAction for Train {}
///
/// impl Action for Train {
///     type Params = TrainParams;
///     type Output = TrainResult;
///
///     fn execute(&self, params: TrainParams, ctx: &Context) -> Result<TrainResult> {
///         self.plan_phases(ctx);
///         let dataset = self.get_dataset(&params.dataset, ctx)?;
///         let _rows = std::fs::read_dir(dataset.split("train")?)?;
///         let checkpoint = self.get_checkpoint(&params.checkpoint, ctx)?;
///
///         let mut epochs = self.epochs(params.epochs, ctx).after(checkpoint.as_ref()).best("loss", Goal::Min);
///         let mut weight = match (epochs.resume()?, &checkpoint) {
///             (Some(saved), _) => saved,
///             (None, Some(checkpoint)) => std::fs::read(&checkpoint.path)?,
///             (None, None) => vec![100],
///         };
///         let mut loss = 1.0;
///         while let Some(epoch) = epochs.next_epoch()? {
///             weight[0] -= 1;
///             loss = 1.0 / epoch as f64;
///             epochs.end_epoch(json!({ "loss": loss }), || Ok(weight.clone()))?;
///         }
///
///         let path = ctx.work_dir()?.join("weights.bin");
///         std::fs::write(&path, &weight)?;
///         let model = self.create_model(path).name("doc").epochs(epochs.done()).save(ctx)?;
///         Ok(TrainResult { model_id: model.id, loss })
///     }
/// }
///
/// # let folder = std::env::temp_dir().join(format!("train-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(folder.join("boats/train"))?;
/// # std::fs::write(folder.join("boats/train/a.txt"), "boat")?;
/// let store = FileStore::at(folder.join("store"));
/// (&store as &dyn Client).create_dataset(NewDataset::new("boats", folder.join("boats")))?;
/// let executor = LocalExecutor::new().client(store);
/// let first = executor.execute::<Train>(json!({ "dataset": "dataset-1" }))?;
/// assert_eq!(first["model_id"], "model-1");
/// let more = executor.execute::<Train>(json!({ "dataset": 1, "checkpoint": "model-1", "epochs": 2 }))?;
/// assert_eq!(more["loss"], 0.2, "epochs 4 and 5");
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), PluginError>(())
/// ```
pub trait TrainAction: Action {
    /// Gives the phases their shares of the run: 20 for the dataset, 75 for the
    /// training, 5 for saving the model. Comes before the first report of
    /// progress.
    fn plan_phases(&self, ctx: &Context) {
        ctx.plan_steps(&[(phase::DATASET, 20.0), (phase::TRAIN, 75.0), (phase::MODEL_UPLOAD, 5.0)]);
    }

    /// The dataset that the params name, with a path for each split. Reports
    /// [`phase::DATASET`].
    ///
    /// # Errors
    /// [`Validation`](crate::ErrorKind::Validation) when the params name none,
    /// [`Unsupported`](crate::ErrorKind::Unsupported) without a client,
    /// [`NotFound`](crate::ErrorKind::NotFound) when there is none of that id.
    fn get_dataset(&self, dataset: impl IntoId, ctx: &Context) -> Result<DatasetInfo> {
        let id = dataset.into_id().ok_or_else(|| {
            ValidationError::new("the params name no dataset").hint("give one, such as -P dataset=dataset-1")
        })?;
        ctx.set_progress(0, 1, phase::DATASET)?;
        let dataset = client_for(ctx, "dataset", &id)?.dataset(&id);
        let dataset = dataset.with_context(|| format!("the params name the dataset `{id}`"))?;
        if !dataset.path.exists() {
            return Err(NotFoundError::new(format!("{dataset} is not at {}", dataset.path.display()))
                .hint("it was moved or removed after it was stored"));
        }
        ctx.set_progress(1, 1, phase::DATASET)?;
        Ok(dataset)
    }

    /// The model to start from: that of the context, which whoever started the
    /// run gave, else the one that the params name. `None` when neither names
    /// one.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when it is not there,
    /// [`ChecksumMismatch`](crate::ErrorKind::ChecksumMismatch) when its files
    /// are damaged, [`Unsupported`](crate::ErrorKind::Unsupported) when there
    /// is no client to ask for it.
    fn get_checkpoint(&self, checkpoint: impl IntoId, ctx: &Context) -> Result<Option<Checkpoint>> {
        if let Some(checkpoint) = ctx.checkpoint() {
            if !checkpoint.path.exists() {
                let path = checkpoint.path.display();
                return Err(NotFoundError::new(format!("the context's checkpoint is not at {path}"))
                    .hint("start the run with another one, or with none"));
            }
            return Ok(Some(checkpoint.clone()));
        }
        let Some(id) = checkpoint.into_id() else { return Ok(None) };
        let model = client_for(ctx, "checkpoint", &id)?.model(&id);
        Ok(Some(model.with_context(|| format!("the params name the checkpoint `{id}`"))?.into()))
    }

    /// A model file or folder to be saved:
    /// `self.create_model(path).name("boats").metrics(…).save(ctx)?`.
    fn create_model(&self, path: impl Into<PathBuf>) -> NewModel {
        NewModel::new(path).with("action", Self::FACTS.name)
    }

    /// So many epochs of training, which go on where an earlier attempt of the
    /// job was stopped.
    fn epochs<'c>(&self, epochs: u64, ctx: &'c Context) -> TrainLoop<'c> {
        TrainLoop::new(epochs, ctx)
    }

    /// Records what was measured: as the latest values of [`phase::TRAIN`], and
    /// as a `metric` event of a `category`, such as `validation`, for those who
    /// draw curves. For the training itself [`TrainLoop::end_epoch`] records
    /// what an epoch gave.
    ///
    /// # Errors
    /// [`Validation`](crate::ErrorKind::Validation) when `metrics` is no JSON
    /// object.
    fn report_metrics(
        &self,
        category: &str,
        epoch: u64,
        metrics: impl Serialize,
        ctx: &Context,
    ) -> Result<()> {
        let metrics = serde_json::to_value(metrics)?;
        ctx.set_metrics(&metrics, phase::TRAIN)?;
        ctx.log_metric(category, "epoch", epoch, metrics);
        Ok(())
    }
}

impl NewModel {
    /// Saves the model with the run's client. Once the call has succeeded the
    /// training has ended, and the job's next one begins anew. An attempt that
    /// is stopped between the two costs nothing: the next one goes on after the
    /// last epoch, and is given the model that is there. Reports
    /// [`phase::MODEL_UPLOAD`].
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) without a client; the
    /// file cannot be read; what the client fails with.
    pub fn save(self, ctx: &Context) -> Result<ModelInfo> {
        ctx.set_progress(0, 1, phase::MODEL_UPLOAD)?;
        let client = ctx.client().context("nobody can be asked to keep the model")?;
        let model = client.create_model(self.with("training", training_id(ctx)?))?;
        ctx.forget_when_done(&STATE);
        ctx.set_progress(1, 1, phase::MODEL_UPLOAD)?;
        Ok(model)
    }
}
