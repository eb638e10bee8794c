//! The bytes of a model file: safetensors, with a JSON document as metadata.

use ndarray::Array2;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use crate::{
    checkpoint::Checkpoint,
    error::{Error, Result},
    model::{Model, Scaler, Weights},
    training::{Adam, Settings},
};

/// Raised when older code could no longer read the file.
const FORMAT: u32 = 1;
const ARCHITECTURE: &str = "mlp-relu-1";
/// One key holding one JSON document: with more, their order, and so the
/// bytes of the file, would change from run to run.
const METADATA_KEY: &str = "classifier";

/// In the order of `Weights::arrays`.
const WEIGHT_NAMES: [&str; 4] = [
    "hidden.weight",
    "hidden.bias",
    "output.weight",
    "output.bias",
];

#[derive(Serialize, Deserialize)]
struct Metadata {
    format: u32,
    architecture: String,
    n_features: usize,
    class_names: Vec<String>,
    settings: Settings,
    epochs: u64,
    adam_steps: u64,
}

/// Only what decides whether the rest can be read.
#[derive(Deserialize)]
struct Header {
    format: u32,
    architecture: String,
}

impl Checkpoint {
    /// The content of the file.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if a number in it has no place in the format.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let metadata = serde_json::to_string(&self.metadata()).map_err(unusable)?;
        let named: Vec<(String, &Array2<f32>, Vec<u8>)> = self
            .tensors()
            .into_iter()
            .map(|(name, array)| (name, array, to_le_bytes(array)))
            .collect();
        let views = named
            .iter()
            .map(|(name, array, bytes)| {
                let view = TensorView::new(Dtype::F32, array.shape().to_vec(), bytes);
                Ok((name, view.map_err(unusable)?))
            })
            .collect::<Result<Vec<_>>>()?;
        let metadata = [(METADATA_KEY.to_owned(), metadata)].into();
        safetensors::serialize(views, Some(metadata)).map_err(unusable)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) gave.
    ///
    /// # Errors
    /// [`Error::Checkpoint`], as in [`load`](Self::load).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| {
            unusable(format!(
                "damaged, cut short or no safetensors file ({error}); train again or restore it"
            ))
        })?;
        let metadata = read_metadata(bytes)?;
        let reader = Reader {
            tensors,
            metadata: &metadata,
        };
        Ok(Self {
            model: Model {
                scaler: reader.scaler()?,
                weights: reader.weights("weights")?,
                class_names: metadata.class_names.clone(),
            },
            adam: Adam {
                mean: reader.weights("adam.mean")?,
                square: reader.weights("adam.square")?,
                steps: metadata.adam_steps,
            },
            epochs: metadata.epochs,
            settings: metadata.settings,
        })
    }

    fn metadata(&self) -> Metadata {
        Metadata {
            format: FORMAT,
            architecture: ARCHITECTURE.to_owned(),
            n_features: self.model.n_features(),
            class_names: self.model.class_names.clone(),
            settings: self.settings.clone(),
            epochs: self.epochs,
            adam_steps: self.adam.steps,
        }
    }

    fn tensors(&self) -> Vec<(String, &Array2<f32>)> {
        let scaler = &self.model.scaler;
        let mut tensors = vec![
            ("scaler.mean".to_owned(), &scaler.mean),
            ("scaler.range".to_owned(), &scaler.range),
        ];
        for (group, weights) in [
            ("weights", &self.model.weights),
            ("adam.mean", &self.adam.mean),
            ("adam.square", &self.adam.square),
        ] {
            let names = WEIGHT_NAMES.map(|name| format!("{group}.{name}"));
            tensors.extend(names.into_iter().zip(weights.arrays()));
        }
        tensors
    }
}

fn unusable(problem: impl ToString) -> Error {
    Error::Checkpoint {
        path: None,
        problem: problem.to_string(),
    }
}

fn to_le_bytes(array: &Array2<f32>) -> Vec<u8> {
    array.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn read_metadata(bytes: &[u8]) -> Result<Metadata> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(unusable)?;
    let json = metadata
        .metadata()
        .as_ref()
        .and_then(|entries| entries.get(METADATA_KEY))
        .ok_or_else(|| {
            unusable(format!(
                "a safetensors file without the metadata `{METADATA_KEY}`, so of another program"
            ))
        })?;
    let damaged = |error| unusable(format!("metadata `{METADATA_KEY}`: {error}"));
    let header: Header = serde_json::from_str(json).map_err(damaged)?;
    if header.format != FORMAT || header.architecture != ARCHITECTURE {
        return Err(unusable(format!(
            "format {} of architecture `{}`; this version reads format {FORMAT} of `{ARCHITECTURE}`",
            header.format, header.architecture
        )));
    }
    let metadata: Metadata = serde_json::from_str(json).map_err(damaged)?;
    metadata.settings.check().map_err(unusable)?;
    if metadata.class_names.is_empty() {
        return Err(unusable("it names no classes"));
    }
    Ok(metadata)
}

struct Reader<'a> {
    tensors: SafeTensors<'a>,
    metadata: &'a Metadata,
}

impl Reader<'_> {
    fn scaler(&self) -> Result<Scaler> {
        let shape = [1, self.metadata.n_features];
        let scaler = Scaler {
            mean: self.array("scaler.mean", shape)?,
            range: self.array("scaler.range", shape)?,
        };
        if scaler.range.iter().any(|&range| range <= 0.0) {
            return Err(unusable("tensor `scaler.range` has a value not above 0"));
        }
        Ok(scaler)
    }

    fn weights(&self, group: &str) -> Result<Weights> {
        let [hidden_weight, hidden_bias, output_weight, output_bias] =
            WEIGHT_NAMES.map(|name| format!("{group}.{name}"));
        let features = self.metadata.n_features;
        let hidden = self.metadata.settings.hidden;
        let classes = self.metadata.class_names.len();
        Ok(Weights {
            hidden_weight: self.array(&hidden_weight, [features, hidden])?,
            hidden_bias: self.array(&hidden_bias, [1, hidden])?,
            output_weight: self.array(&output_weight, [hidden, classes])?,
            output_bias: self.array(&output_bias, [1, classes])?,
        })
    }

    fn array(&self, name: &str, shape: [usize; 2]) -> Result<Array2<f32>> {
        let wrong = |problem: String| unusable(format!("tensor `{name}` {problem}"));
        let view = self
            .tensors
            .tensor(name)
            .map_err(|_| wrong("is missing".to_owned()))?;
        if view.dtype() != Dtype::F32 || view.shape() != shape {
            return Err(wrong(format!(
                "is {:?} {:?}, expected F32 {shape:?}",
                view.dtype(),
                view.shape()
            )));
        }
        let (quads, _) = view.data().as_chunks::<4>();
        let values: Vec<f32> = quads.iter().map(|quad| f32::from_le_bytes(*quad)).collect();
        if values.iter().any(|value| !value.is_finite()) {
            return Err(wrong("has a value that is not a finite number".to_owned()));
        }
        Array2::from_shape_vec(shape, values).map_err(|error| wrong(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{data::Dataset, training::Trainer};

    fn checkpoint() -> Checkpoint {
        let splits = Dataset::digits()
            .and_then(|digits| digits.split(1))
            .expect("split");
        let settings = Settings {
            hidden: 4,
            seed: 1,
            ..Settings::default()
        };
        let trainer = Trainer::new(&splits.train, settings).expect("trainer");
        trainer.checkpoint().clone()
    }

    fn problem(bytes: &[u8]) -> String {
        Checkpoint::from_bytes(bytes)
            .expect_err("must be refused")
            .to_string()
    }

    /// The file with one piece of its metadata replaced by another as long.
    fn edited(from: &str, to: &str) -> Vec<u8> {
        let mut bytes = checkpoint().to_bytes().expect("bytes");
        assert_eq!(from.len(), to.len());
        let at = bytes
            .windows(from.len())
            .position(|window| window == from.as_bytes())
            .expect("present");
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        bytes
    }

    #[test]
    fn a_file_cut_short_anywhere_is_refused() {
        let bytes = checkpoint().to_bytes().expect("bytes");
        for length in (0..bytes.len()).step_by(7) {
            let problem = problem(&bytes[..length]);
            assert!(problem.contains("cut short"), "{length}: {problem}");
        }
    }

    #[test]
    fn a_file_of_another_program_is_refused() {
        let data = 1f32.to_le_bytes();
        let view = TensorView::new(Dtype::F32, vec![1], &data).expect("view");
        let bytes = safetensors::serialize([("x", view)], None).expect("bytes");
        assert!(problem(&bytes).contains("of another program"));
    }

    #[test]
    fn another_format_or_architecture_is_refused_by_name() {
        let problem_of = |from, to| problem(&edited(from, to));
        assert!(problem_of("mlp-relu-1", "mlp-tanh-1").contains("architecture `mlp-tanh-1`"));
        assert!(problem_of("format\\\":1", "format\\\":2").contains("format 2"));
    }

    #[test]
    fn tensors_that_do_not_fit_the_metadata_are_named() {
        let renamed = problem(&edited("scaler.mean", "scaler.meen"));
        assert!(renamed.contains("`scaler.mean` is missing"), "{renamed}");
        let resized = problem(&edited("hidden\\\":4", "hidden\\\":5"));
        assert!(resized.contains("expected F32 [64, 5]"), "{resized}");
    }

    #[test]
    fn a_weight_that_is_no_number_is_refused() {
        let mut broken = checkpoint();
        broken.model.weights.output_bias[(0, 3)] = f32::NAN;
        let problem = problem(&broken.to_bytes().expect("bytes"));
        assert!(problem.contains("`weights.output.bias`"), "{problem}");
    }
}
