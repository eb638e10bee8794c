//! What is kept of a training, and its bytes: safetensors that need nothing
//! beside them, to predict with and to go on training from.

use ndarray::Array2;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    model::Model,
    training::Settings,
};

/// Counted up when older code could no longer read the file. One key holds all
/// metadata: with more, their order, and so the bytes of the file, would change
/// from run to run.
const METADATA: &str = "logistic-classifier-1";
const WEIGHTS: &str = "weights";
/// The squares of larger weights would overflow, and the solver never end.
const TOO_LARGE: f64 = 1e100;

/// A model with all it takes to continue its training.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The model itself.
    pub model: Model,
    /// What it was trained with. Its seed gives the split it was trained on.
    pub settings: Settings,
    /// Epochs finished.
    pub epochs: u64,
}

#[derive(Serialize, Deserialize)]
struct Metadata {
    class_names: Vec<String>,
    settings: Settings,
    epochs: u64,
}

impl Checkpoint {
    /// The content of a model file. The same training gives the same bytes.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if a number in it has no place in the format.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let metadata = Metadata {
            class_names: self.model.class_names.clone(),
            settings: self.settings.clone(),
            epochs: self.epochs,
        };
        let metadata = serde_json::to_string(&metadata).map_err(unusable)?;
        let weights = &self.model.weights;
        let bytes: Vec<u8> = weights.iter().flat_map(|w| w.to_le_bytes()).collect();
        let tensor = TensorView::new(Dtype::F64, weights.shape().to_vec(), &bytes);
        let tensors = [(WEIGHTS, tensor.map_err(unusable)?)];
        let metadata = [(METADATA.to_owned(), metadata)].into();
        safetensors::serialize(tensors, Some(metadata)).map_err(unusable)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) gave.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if they are damaged or of another program or format.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| {
            unusable(format!(
                "damaged, cut short or no safetensors file ({error}); train again or restore it"
            ))
        })?;
        let metadata = read_metadata(bytes)?;
        metadata.settings.check().map_err(unusable)?;
        Ok(Self {
            model: Model {
                weights: read_weights(&tensors, metadata.class_names.len())?,
                class_names: metadata.class_names,
            },
            settings: metadata.settings,
            epochs: metadata.epochs,
        })
    }
}

fn read_metadata(bytes: &[u8]) -> Result<Metadata> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(unusable)?;
    let entries = header.metadata().as_ref();
    let json = entries.and_then(|entries| entries.get(METADATA));
    let json = json.ok_or_else(|| {
        unusable(format!("no metadata `{METADATA}`, so of another program or version; train again"))
    })?;
    serde_json::from_str(json).map_err(|error| unusable(format!("metadata `{METADATA}`: {error}")))
}

fn read_weights(tensors: &SafeTensors<'_>, classes: usize) -> Result<Array2<f64>> {
    let wrong = |problem: String| unusable(format!("tensor `{WEIGHTS}` {problem}"));
    let tensor = tensors.tensor(WEIGHTS).map_err(|_| wrong("is missing".to_owned()))?;
    let (rows, columns) = match (tensor.dtype(), tensor.shape()) {
        // The last row is the intercept, the others are for one feature each.
        (Dtype::F64, &[rows, columns]) if rows > 1 && columns > 0 && columns == classes => (rows, columns),
        (dtype, shape) => {
            return Err(wrong(format!(
                "is {dtype:?} {shape:?}, expected F64 [features + 1, {classes} classes]"
            )));
        }
    };
    let (numbers, _) = tensor.data().as_chunks::<8>();
    let weights = numbers.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
    let weights = Array2::from_shape_vec((rows, columns), weights);
    let weights = weights.map_err(|error| wrong(error.to_string()))?;
    if let Some(weight) = weights.iter().find(|w| w.is_nan() || w.abs() > TOO_LARGE) {
        return Err(wrong(format!("has a value no training gives: {weight}")));
    }
    Ok(weights)
}

fn unusable(problem: impl ToString) -> Error {
    Error::Checkpoint(problem.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{data::Dataset, training::Trainer};

    fn checkpoint(train: &Dataset) -> Checkpoint {
        let settings = Settings {
            // A number that a careless JSON parser reads as its neighbour.
            alpha: 0.9350901549855263,
            iterations: 1,
            seed: 1,
        };
        let mut trainer = Trainer::new(train, settings).expect("trainer");
        trainer.epoch().expect("epoch");
        trainer.checkpoint().clone()
    }

    fn train() -> Dataset {
        Dataset::digits().expect("digits").split(1).train
    }

    fn problem(bytes: &[u8]) -> String {
        let error = Checkpoint::from_bytes(bytes).expect_err("must be refused");
        error.to_string()
    }

    #[test]
    fn what_was_written_is_read_to_the_last_digit() {
        let written = checkpoint(&train());
        let bytes = written.to_bytes().expect("bytes");
        let read = Checkpoint::from_bytes(&bytes).expect("read");
        assert_eq!(read, written);
        assert_eq!(read.to_bytes().expect("bytes"), bytes);
    }

    #[test]
    fn a_file_cut_short_anywhere_is_refused() {
        let bytes = checkpoint(&train()).to_bytes().expect("bytes");
        for length in (0..bytes.len()).step_by(7) {
            let problem = problem(&bytes[..length]);
            assert!(problem.contains("cut short"), "{length}: {problem}");
        }
    }

    #[test]
    fn a_file_of_another_program_is_refused() {
        let data = 1f64.to_le_bytes();
        let tensor = TensorView::new(Dtype::F64, vec![1, 1], &data).expect("tensor");
        let bytes = safetensors::serialize([(WEIGHTS, tensor)], None).expect("bytes");
        assert!(problem(&bytes).contains("of another program"));
    }

    #[test]
    fn weights_that_do_not_fit_or_are_beyond_computing_are_refused() {
        let good = checkpoint(&train());
        let mut fewer_classes = good.clone();
        fewer_classes.model.class_names.pop();
        let problem_of = |wrong: Checkpoint| problem(&wrong.to_bytes().expect("bytes"));
        let text = problem_of(fewer_classes);
        assert!(text.contains("is F64 [65, 10], expected"), "{text}");

        for weight in [f64::NAN, f64::NEG_INFINITY, 1e200] {
            let mut broken = good.clone();
            broken.model.weights[(3, 3)] = weight;
            let text = problem_of(broken);
            assert!(text.contains("`weights` has a value"), "{text}");
        }
    }

    #[test]
    fn a_model_for_other_rows_cannot_go_on() {
        let train = train();
        let mut smaller = checkpoint(&train);
        smaller.model.weights = Array2::zeros((10, 10));
        let loaded = Checkpoint::from_bytes(&smaller.to_bytes().expect("bytes")).expect("loads");
        let error = Trainer::resume(loaded, &train).expect_err("other width").to_string();
        assert!(error.contains("takes 9 features, the rows have 64"), "{error}");
    }
}
