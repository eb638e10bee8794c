//! `inference`: classes of points, with a model that is loaded once and serves
//! many calls.

use synapse_sdk::kinds::{InferenceAction, ModelCache};
use synapse_sdk::prelude::*;

use crate::model::Model;

/// Points that the model is asked about together.
const BATCH: usize = 256;

/// Which model, and for what.
#[params]
pub struct InferenceParams {
    /// The model; that of the run without it
    model: Option<Id>,
    /// Points, two coordinates each
    #[param(items(min = 1, max = 10_000))]
    points: Vec<[f64; 2]>,
}

/// What the model tells of a point.
#[result]
pub struct Prediction {
    first_class: bool,
    #[param(ge = 0, le = 1)]
    probability: f64,
}

/// Tells the classes of points.
#[derive(Action, Default)]
#[action(category = NeuralNet, method = Serve, input = ModelWeights, output = InferenceResults)]
pub struct Inference {
    models: ModelCache<Model>,
}

impl InferenceAction for Inference {
    type Model = Model;
    type Input = [f64; 2];
    type Prediction = Prediction;

    fn models(&self) -> &ModelCache<Model> {
        &self.models
    }

    fn read_model(&self, checkpoint: &Checkpoint) -> Result<Model> {
        Model::load(&checkpoint.path)
    }

    fn infer(&self, model: &Model, batch: Vec<[f64; 2]>) -> Result<Vec<Prediction>> {
        let predict = |point: [f64; 2]| {
            let probability = model.probability(point);
            Prediction {
                first_class: probability > 0.5,
                probability,
            }
        };
        Ok(batch.into_iter().map(predict).collect())
    }
}

impl Action for Inference {
    type Params = InferenceParams;
    type Output = Vec<Prediction>;

    fn execute(&self, params: InferenceParams, ctx: &Context) -> Result<Vec<Prediction>> {
        self.plan_phases(ctx);
        let model = self.load_model(&params.model, ctx)?;
        let mut predictions = Vec::new();
        let points = params.points.into_iter().map(Ok);
        self.infer_all(&model, points, BATCH, ctx, |prediction| {
            predictions.push(prediction);
            Ok(())
        })?;
        Ok(predictions)
    }
}
