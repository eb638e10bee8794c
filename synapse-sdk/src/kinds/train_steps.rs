//! Training in steps: the kind does all but the training.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::dataset::{config_of, convert};
use super::train::{TrainAction, phase};
use crate::client::{DatasetInfo, Id, IntoId, NewModel};
use crate::context::Context;
use crate::errors::{Result, ValidationError};
use crate::services::Checkpoint;

/// Which params of an action say what to train on and from.
#[derive(Clone, Debug, Default)]
pub struct TrainInputs {
    dataset: Option<Id>,
    checkpoint: Option<Id>,
    name: Option<String>,
}

impl TrainInputs {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The dataset.
    #[must_use]
    pub fn dataset(mut self, id: impl IntoId) -> Self {
        self.dataset = id.into_id();
        self
    }

    /// The model to start from, where the context has none.
    #[must_use]
    pub fn checkpoint(mut self, id: impl IntoId) -> Self {
        self.checkpoint = id.into_id();
        self
    }

    /// The name of the model that is made.
    #[must_use]
    pub fn name(mut self, name: impl Into<Option<String>>) -> Self {
        self.name = name.into();
        self
    }
}

/// What a training is handed.
#[derive(Clone, Debug)]
pub struct TrainData {
    /// The dataset that the params name.
    pub dataset: Option<DatasetInfo>,
    /// Its data in the format that is trained on: `dataset.yaml` or `data.yaml`
    /// where there is one, else the folder.
    pub data_path: Option<PathBuf>,
    /// The model to start from.
    pub checkpoint: Option<Checkpoint>,
}

impl TrainData {
    /// The path of the data.
    ///
    /// # Errors
    /// [`Validation`](crate::ErrorKind::Validation) when the params name no dataset.
    pub fn path(&self) -> Result<&Path> {
        self.data_path.as_deref().ok_or_else(|| {
            ValidationError::new("the params name no dataset").hint("give one, such as -P dataset=dataset-1")
        })
    }
}

/// What a training in steps gives.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct TrainOutcome {
    /// The saved model
    pub model_id: Id,
    /// Its file or folder
    pub model_path: PathBuf,
    /// What was measured
    pub metrics: Map<String, Value>,
}

/// An action that does nothing but train: it is handed data and checkpoint, and
/// gives the model that is to be saved.
///
/// ```
/// use synapse_sdk::prelude::*;
/// use synapse_sdk::kinds::{SteppedTrainAction, TrainAction, TrainData, TrainInputs, TrainOutcome};
///
/// #[params]
/// struct TrainParams { dataset: Option<Id>, checkpoint: Option<Id> }
///
/// /// Trains.
/// #[derive(Action, Default)]
/// #[action(name = "train")]
/// struct Train;
///
/// impl TrainAction for Train {}
///
/// impl SteppedTrainAction for Train {
///     fn inputs(&self, params: &TrainParams) -> TrainInputs {
///         TrainInputs::new().dataset(&params.dataset).checkpoint(&params.checkpoint)
///     }
///
///     fn train(&self, _: &TrainParams, data: &TrainData, ctx: &Context) -> Result<NewModel> {
///         let weights = ctx.work_dir()?.join("weights.bin");
///         std::fs::copy(data.path()?.join("train/a.txt"), &weights)?;
///         Ok(self.create_model(weights).metrics(json!({ "loss": 0.5 })))
///     }
/// }
///
/// impl Action for Train {
///     type Params = TrainParams;
///     type Output = TrainOutcome;
///
///     fn execute(&self, params: TrainParams, ctx: &Context) -> Result<TrainOutcome> {
///         self.run(&params, ctx)
///     }
/// }
/// # let error = LocalExecutor::new().execute::<Train>(json!({})).unwrap_err();
/// # assert_eq!(error.message(), "the params name no dataset");
/// ```
pub trait SteppedTrainAction: TrainAction {
    /// The format that the data is converted to before the training, such as
    /// `yolo`; as it is without one.
    const TARGET_FORMAT: Option<&'static str> = None;

    /// Which params say what to train on and from.
    fn inputs(&self, params: &Self::Params) -> TrainInputs;

    /// Trains, and gives the model to be saved.
    ///
    /// # Errors
    /// Anything.
    fn train(&self, params: &Self::Params, data: &TrainData, ctx: &Context) -> Result<NewModel>;

    /// All steps: dataset, conversion, training, saving the model. Without a
    /// dataset in the params the first two are left out.
    ///
    /// # Errors
    /// As [`get_dataset`](TrainAction::get_dataset),
    /// [`get_checkpoint`](TrainAction::get_checkpoint), what
    /// [`train`](Self::train) fails with, and [`NewModel::save`].
    fn run(&self, params: &Self::Params, ctx: &Context) -> Result<TrainOutcome> {
        let inputs = self.inputs(params);
        plan(&inputs, Self::TARGET_FORMAT.is_some(), ctx);
        let checkpoint = self.get_checkpoint(&inputs.checkpoint, ctx)?;
        let dataset = inputs.dataset.map(|id| self.get_dataset(id, ctx)).transpose()?;
        let data_path =
            dataset.as_ref().map(|dataset| data_path(dataset, Self::TARGET_FORMAT, ctx)).transpose()?;
        let data = TrainData { dataset, data_path, checkpoint };
        let model = self.train(params, &data, ctx)?;
        ctx.set_progress(1, 1, phase::TRAIN)?;
        let model = match inputs.name {
            Some(name) => model.name(name),
            None => model,
        };
        let model = model.save(ctx)?;
        let metrics = model.metrics().cloned().unwrap_or_default();
        Ok(TrainOutcome { model_id: model.id, model_path: model.path, metrics })
    }
}

fn plan(inputs: &TrainInputs, converts: bool, ctx: &Context) {
    let mut shares = vec![(phase::TRAIN, 75.0), (phase::MODEL_UPLOAD, 5.0)];
    if inputs.dataset.is_some() {
        shares.push((phase::DATASET, 20.0));
        if converts {
            shares.push((phase::CONVERT, 5.0));
        }
    }
    ctx.plan_steps(&shares);
}

/// The data in the format that is trained on.
fn data_path(dataset: &DatasetInfo, target: Option<&str>, ctx: &Context) -> Result<PathBuf> {
    let folder = match target {
        Some(target) if dataset.format.as_deref() != Some(target) => {
            convert(&dataset.path, dataset.format.as_deref(), target, None, ctx)?.path
        }
        _ => dataset.path.clone(),
    };
    Ok(config_of(&folder).unwrap_or(folder))
}
