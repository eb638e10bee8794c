//! What is kept of a training, and its bytes: safetensors that need nothing
//! beside them, to predict with and to go on training from.

use ndarray::Array2;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    model::Model,
    optimizer::Memory,
    training::Settings,
};

/// Counted up when older code could no longer read the file. One key holds all
/// metadata: with more, their order, and so the bytes of the file, would change
/// from run to run.
const METADATA: &str = "softmax-classifier-1";
const WEIGHTS: &str = "weights";
const FIRST_MOMENT: &str = "optimizer.first_moment";
const SECOND_MOMENT: &str = "optimizer.second_moment";

/// A model with all it takes to continue its training.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The model itself.
    pub model: Model,
    /// What it was trained with. Its seed gives the split it was trained on.
    pub settings: Settings,
    /// What its optimiser remembers.
    pub memory: Memory,
    /// Epochs finished.
    pub epochs: u64,
}

#[derive(Serialize, Deserialize)]
struct Metadata {
    class_names: Vec<String>,
    settings: Settings,
    epochs: u64,
    steps: u64,
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
            steps: self.memory.steps,
        };
        let metadata = serde_json::to_string(&metadata).map_err(unusable)?;
        let metadata = [(METADATA.to_owned(), metadata)].into();
        let tables = [
            (WEIGHTS, &self.model.weights),
            (FIRST_MOMENT, &self.memory.first_moment),
            (SECOND_MOMENT, &self.memory.second_moment),
        ];
        let bytes = tables.map(|(_, values)| bytes_of(values));
        let tensors = tables.iter().zip(&bytes).map(|((name, values), bytes)| {
            let tensor = TensorView::new(Dtype::F64, values.shape().to_vec(), bytes);
            Ok((*name, tensor.map_err(unusable)?))
        });
        let tensors = tensors.collect::<Result<Vec<_>>>()?;
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
        let weights = read_weights(&tensors, metadata.class_names.len())?;
        let memory = Memory {
            first_moment: read_moment(&tensors, FIRST_MOMENT, &weights)?,
            second_moment: read_moment(&tensors, SECOND_MOMENT, &weights)?,
            steps: metadata.steps,
        };
        Ok(Self {
            model: Model { weights, class_names: metadata.class_names },
            settings: metadata.settings,
            memory,
            epochs: metadata.epochs,
        })
    }
}

fn bytes_of(values: &Array2<f64>) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
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
    let weights = read_tensor(tensors, WEIGHTS)?;
    // The last row is the bias, the others are for one feature each.
    if weights.nrows() < 2 || classes == 0 || weights.ncols() != classes {
        let expected = format!("[features + 1, {classes} classes]");
        return Err(unusable(format!("tensor `{WEIGHTS}` is {:?}, expected {expected}", weights.shape())));
    }
    Ok(weights)
}

fn read_moment(tensors: &SafeTensors<'_>, name: &str, weights: &Array2<f64>) -> Result<Array2<f64>> {
    let moment = read_tensor(tensors, name)?;
    if moment.dim() != weights.dim() {
        let (found, expected) = (moment.shape(), weights.shape());
        return Err(unusable(format!("tensor `{name}` is {found:?}, the weights are {expected:?}")));
    }
    Ok(moment)
}

fn read_tensor(tensors: &SafeTensors<'_>, name: &str) -> Result<Array2<f64>> {
    let wrong = |problem: String| unusable(format!("tensor `{name}` {problem}"));
    let tensor = tensors.tensor(name).map_err(|_| wrong("is missing".to_owned()))?;
    let (Dtype::F64, &[rows, columns]) = (tensor.dtype(), tensor.shape()) else {
        let (dtype, shape) = (tensor.dtype(), tensor.shape());
        return Err(wrong(format!("is {dtype:?} {shape:?}, expected F64 [rows, columns]")));
    };
    let (numbers, _) = tensor.data().as_chunks::<8>();
    let numbers = numbers.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
    let values = Array2::from_shape_vec((rows, columns), numbers);
    let values = values.map_err(|error| wrong(error.to_string()))?;
    if let Some(value) = values.iter().find(|value| !value.is_finite()) {
        return Err(wrong(format!("has a value no training gives: {value}")));
    }
    Ok(values)
}

fn unusable(problem: impl ToString) -> Error {
    Error::Checkpoint(problem.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{data::Dataset, optimizer::Optimizer, training::Trainer};

    fn checkpoint(train: &Dataset) -> Checkpoint {
        let settings = Settings {
            // A number that a careless JSON parser reads as its neighbour.
            learning_rate: 0.9350901549855263,
            optimizer: Optimizer::Adam { beta1: 0.9, beta2: 0.999 },
            seed: 1,
            ..Settings::default()
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
    fn numbers_that_do_not_fit_or_are_beyond_computing_are_refused() {
        let good = checkpoint(&train());
        let refused = |damage: fn(&mut Checkpoint), expected: &str| {
            let mut damaged = good.clone();
            damage(&mut damaged);
            let text = problem(&damaged.to_bytes().expect("bytes"));
            assert!(text.contains(expected), "{text}");
        };
        refused(
            |it| drop(it.model.class_names.pop()),
            "`weights` is [65, 10], expected [features + 1, 9 classes]",
        );
        refused(
            |it| it.memory.first_moment = Array2::zeros((64, 10)),
            "`optimizer.first_moment` is [64, 10], the weights are [65, 10]",
        );
        refused(|it| it.model.weights[(3, 3)] = f64::NAN, "`weights` has a value");
        refused(|it| it.model.weights[(3, 3)] = f64::NEG_INFINITY, "`weights` has a value");
        refused(
            |it| it.memory.second_moment[(3, 3)] = f64::INFINITY,
            "`optimizer.second_moment` has a value",
        );
        refused(|it| it.settings.learning_rate = -1.0, "setting `learning_rate`");
    }

    #[test]
    fn a_model_for_other_rows_cannot_go_on() {
        let train = train();
        let mut smaller = checkpoint(&train);
        smaller.model.weights = Array2::zeros((10, 10));
        smaller.memory = Memory::empty((10, 10));
        let loaded = Checkpoint::from_bytes(&smaller.to_bytes().expect("bytes")).expect("loads");
        let error = Trainer::resume(loaded, &train).expect_err("other width").to_string();
        assert!(error.contains("takes 9 features, the rows have 64"), "{error}");
    }
}
