//! `inference`: classes of points. The action is a type, so that a model is
//! loaded once and serves many calls.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use synapse_sdk::prelude::*;

use crate::model::Model;

/// Which model, and for what.
#[params]
pub struct InferenceParams {
    /// The model's file
    model: String,
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
    loaded: Mutex<HashMap<String, Arc<Model>>>,
}

impl Inference {
    fn model(&self, path: &str) -> Result<Arc<Model>> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = loaded.get(path) {
            return Ok(Arc::clone(model));
        }
        let model = Arc::new(Model::load(Path::new(path))?);
        loaded.insert(path.to_owned(), Arc::clone(&model));
        Ok(model)
    }
}

impl Action for Inference {
    type Params = InferenceParams;
    type Output = Vec<Prediction>;

    fn execute(&self, params: InferenceParams, _ctx: &Context) -> Result<Vec<Prediction>> {
        let model = self.model(&params.model)?;
        let predict = |point: &[f64; 2]| {
            let probability = model.probability(*point);
            Prediction {
                first_class: probability > 0.5,
                probability,
            }
        };
        Ok(params.points.iter().map(predict).collect())
    }
}
