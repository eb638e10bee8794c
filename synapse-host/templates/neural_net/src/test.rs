//! `test`: how good a model is on data it has not seen.

use synapse_sdk::kinds::TrainAction;
use synapse_sdk::prelude::*;

use crate::data::samples;
use crate::model::Model;

/// What to test, and on how much.
#[params]
pub struct TestParams {
    /// The model; that of the run without it
    model: Option<Id>,
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
#[derive(Action, Default)]
#[action(category = NeuralNet, method = Job, input = ModelWeights, output = TestResults)]
pub struct Test;

// Gives `get_checkpoint`.
impl TrainAction for Test {}

impl Action for Test {
    type Params = TestParams;
    type Output = TestResult;

    fn execute(&self, params: TestParams, ctx: &Context) -> Result<TestResult> {
        let checkpoint = self.get_checkpoint(&params.model, ctx)?.ok_or_else(|| {
            ValidationError::new("there is no model to test")
                .hint("name one with `-P model=…` or --checkpoint; `train` prints its id")
        })?;
        let accuracy = Model::load(&checkpoint.path)?.accuracy(&samples(2, params.samples));
        ctx.set_metrics(json!({ "accuracy": accuracy }), "test")?;
        Ok(TestResult { accuracy })
    }
}
