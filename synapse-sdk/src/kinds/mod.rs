//! Kinds of actions: what nearly every action of a kind does, as methods that
//! a trait provides.
//!
//! | kind | trait | provides |
//! |---|---|---|
//! | training | [`TrainAction`] | dataset, checkpoint, the saved model, an epoch loop that survives kills |
//! | training in steps | [`SteppedTrainAction`] | all but the training itself |
//! | inference | [`InferenceAction`] | the model, kept loaded; inputs in batches, any number of them |
//! | datasets | [`DatasetAction`] | download and conversion, found again for the same content |
//! | export | [`ExportAction`] | items converted and written, names that collide, a report |
//! | upload | [`UploadAction`] | files found, grouped, checked and handed on, metadata from tables |

mod dataset;
mod export;
mod inference;
mod train;
mod train_loop;
mod train_steps;
#[cfg(test)]
mod train_tests;
mod upload;

pub use dataset::{DatasetAction, DatasetOperation, DatasetParams, DatasetResult, convert_dataset};
pub use export::{
    EXPORT_STEPS, ExportAction, ExportFailure, ExportItem, ExportParams, ExportResult, ExportTarget, ItemFile,
};
pub use inference::{InferenceAction, LoadedModel, ModelCache, inference_phase};
pub use train::{TrainAction, phase};
pub use train_loop::{Best, Goal, TrainLoop};
pub use train_steps::{SteppedTrainAction, TrainData, TrainInputs, TrainOutcome};
pub use upload::{
    DataUnit, FileSpecification, RejectReason, RejectedFile, UPLOAD_STEPS, UploadAction, UploadParams,
    UploadResult,
};

use crate::client::{Client, Id};
use crate::context::Context;
use crate::errors::{Result, ResultExt};

/// The client to ask for something that params or context named.
fn client_for<'c>(ctx: &'c Context, what: &str, id: &Id) -> Result<&'c dyn Client> {
    ctx.client().with_context(|| format!("the params name the {what} `{id}`, and nobody can be asked for it"))
}
