//! Logistic regression. Put your own model in its place.

use std::fs;
use std::path::Path;

use synapse_sdk::prelude::*;

use crate::data::Sample;

/// A line: weights of both coordinates, and an offset.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    weights: [f64; 3],
}

impl Model {
    /// How likely the point is of the first class.
    pub fn probability(&self, point: [f64; 2]) -> f64 {
        let [a, b, c] = self.weights;
        1.0 / (1.0 + (-(a * point[0] + b * point[1] + c)).exp())
    }

    /// One pass over the data.
    pub fn train_epoch(&mut self, samples: &[Sample], learning_rate: f64) {
        for sample in samples {
            let error = f64::from(u8::from(sample.label)) - self.probability(sample.point);
            let [x, y] = sample.point;
            for (weight, input) in self.weights.iter_mut().zip([x, y, 1.0]) {
                *weight += learning_rate * error * input;
            }
        }
    }

    /// The mean loss: how unlikely the right classes are in its eyes.
    pub fn loss(&self, samples: &[Sample]) -> f64 {
        let loss = |sample: &Sample| match (self.probability(sample.point), sample.label) {
            (probability, true) => -probability.max(f64::MIN_POSITIVE).ln(),
            (probability, false) => -(1.0 - probability).max(f64::MIN_POSITIVE).ln(),
        };
        samples.iter().map(loss).sum::<f64>() / samples.len().max(1) as f64
    }

    /// The share of samples whose class it tells, from 0 to 1.
    pub fn accuracy(&self, samples: &[Sample]) -> f64 {
        let right = |sample: &&Sample| (self.probability(sample.point) > 0.5) == sample.label;
        samples.iter().filter(right).count() as f64 / samples.len().max(1) as f64
    }

    /// What its file holds.
    pub fn to_bytes(&self) -> Vec<u8> {
        json!({ "weights": self.weights }).to_string().into_bytes()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) gives.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let saved: Value = String::from_utf8_lossy(bytes).parse()?;
        let weight = |index: usize| saved["weights"][index].as_f64();
        match (weight(0), weight(1), weight(2)) {
            (Some(a), Some(b), Some(c)) => Ok(Self { weights: [a, b, c] }),
            _ => Err(ExecutionError::new("it holds no weights")),
        }
    }

    /// Reads its file.
    pub fn load(path: &Path) -> Result<Self> {
        let loading = || format!("loading the model {}", path.display());
        let bytes = fs::read(path).with_context(loading)?;
        Self::from_bytes(&bytes).with_context(loading)
    }
}
