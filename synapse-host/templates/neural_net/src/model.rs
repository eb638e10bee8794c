//! Logistic regression. Put your own model in its place.

use std::fs;
use std::path::Path;

use synapse_sdk::prelude::*;

use crate::data::Sample;

/// A line: weights of both coordinates, and an offset.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    weights: [f64; 3],
    /// Passes over the data so far.
    pub epochs: u32,
}

impl Model {
    /// How likely the point is of the first class.
    pub fn probability(&self, point: [f64; 2]) -> f64 {
        let [a, b, c] = self.weights;
        1.0 / (1.0 + (-(a * point[0] + b * point[1] + c)).exp())
    }

    /// One pass over the data; gives the mean loss before its steps.
    pub fn train_epoch(&mut self, samples: &[Sample], learning_rate: f64) -> f64 {
        let mut loss = 0.0;
        for sample in samples {
            let probability = self.probability(sample.point);
            let right = if sample.label {
                probability
            } else {
                1.0 - probability
            };
            loss -= right.max(f64::MIN_POSITIVE).ln();
            let step = learning_rate * (f64::from(u8::from(sample.label)) - probability);
            let [x, y] = sample.point;
            for (weight, input) in self.weights.iter_mut().zip([x, y, 1.0]) {
                *weight += step * input;
            }
        }
        self.epochs += 1;
        loss / samples.len().max(1) as f64
    }

    /// The share of samples whose class it tells, from 0 to 1.
    pub fn accuracy(&self, samples: &[Sample]) -> f64 {
        let right = |sample: &&Sample| (self.probability(sample.point) > 0.5) == sample.label;
        samples.iter().filter(right).count() as f64 / samples.len().max(1) as f64
    }

    /// Writes it to a file.
    pub fn save(&self, path: &Path) -> Result<()> {
        let text = json!({ "weights": self.weights, "epochs": self.epochs }).to_string();
        fs::write(path, text).with_context(|| format!("saving the model {}", path.display()))
    }

    /// Reads what [`save`](Self::save) wrote.
    pub fn load(path: &Path) -> Result<Self> {
        let loading = || format!("loading the model {}", path.display());
        let text = fs::read_to_string(path).with_context(loading)?;
        let saved: Value = text.parse().with_context(loading)?;
        let weight = |index: usize| saved["weights"][index].as_f64();
        match (weight(0), weight(1), weight(2), saved["epochs"].as_u64()) {
            (Some(a), Some(b), Some(c), Some(epochs)) => Ok(Self {
                weights: [a, b, c],
                epochs: u32::try_from(epochs).unwrap_or(u32::MAX),
            }),
            _ => Err(ExecutionError::new("it holds no weights")
                .context(loading())
                .hint("`train` prints the path of a model as model_path")),
        }
    }
}
