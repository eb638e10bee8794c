//! Kinds of actions: what nearly every action of a kind does, as methods that
//! a trait provides.
//!
//! | kind | trait | provides |
//! |---|---|---|
//! | training | [`TrainAction`] | dataset, checkpoint, the saved model, an epoch loop that survives kills |
//! | training in steps | [`SteppedTrainAction`] | all but the training itself |
//! | inference | [`InferenceAction`] | the model, kept loaded; inputs in batches, any number of them |

mod inference;
mod train;
mod train_loop;
mod train_steps;
#[cfg(test)]
mod train_tests;

pub use inference::{InferenceAction, LoadedModel, ModelCache, inference_phase};
pub use train::{TrainAction, phase};
pub use train_loop::{Best, Goal, TrainLoop};
pub use train_steps::{SteppedTrainAction, TrainData, TrainInputs, TrainOutcome};

use crate::client::{Client, Id};
use crate::context::Context;
use crate::errors::{Result, ResultExt};

/// The client to ask for something that params or context named.
fn client_for<'c>(ctx: &'c Context, what: &str, id: &Id) -> Result<&'c dyn Client> {
    ctx.client().with_context(|| format!("the params name the {what} `{id}`, and nobody can be asked for it"))
}
