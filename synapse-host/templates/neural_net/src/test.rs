//! `test`: how good a model is on data it has not seen.

use std::path::Path;

use synapse_sdk::prelude::*;

use crate::data::samples;
use crate::model::Model;

/// What to test, and on how much.
#[params]
pub struct TestParams {
    /// The model's file; the run's checkpoint without it
    model: Option<String>,
    /// Points to test on
    #[param(default = 200, ge = 1, le = 1_000_000)]
    samples: usize,
}

/// How good the model is.
#[result]
pub struct TestResult {
    /// Share of points whose class the model tells
    #[param(ge = 0, le = 1)]
    accuracy: f64,
}

/// Tests a model on points it has not seen.
#[action(category = NeuralNet, method = Job, input = ModelWeights, output = TestResults)]
pub fn test(params: TestParams, ctx: &Context) -> Result<TestResult> {
    let checkpoint = ctx.checkpoint();
    let path = match (&params.model, &checkpoint) {
        (Some(path), _) => Path::new(path),
        (None, Some(checkpoint)) => &checkpoint.path,
        (None, None) => {
            return Err(ValidationError::new("there is no model to test")
                .hint("name one with `-P model=…` or --checkpoint; `train` prints its path"));
        }
    };
    let accuracy = Model::load(path)?.accuracy(&samples(2, params.samples));
    ctx.set_metrics(json!({ "accuracy": accuracy }), "test")?;
    Ok(TestResult { accuracy })
}
