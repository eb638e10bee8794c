//! The model's file, in the format safetensors.

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use synapse_sdk::errors::{ChecksumMismatchError, PluginError, ResultExt, ValidationError};

use crate::model::{Model, PARAMETERS};

/// What the file says it is.
pub const ARCHITECTURE: &str = "buoy-detector/1";

const NAMES: [&str; 3] = ["parameters", "adam.mean", "adam.square"];

/// The file's bytes.
///
/// # Errors
/// None that can be helped.
pub fn to_bytes(model: &Model) -> Result<Vec<u8>, PluginError> {
    let values = [&model.parameters, &model.mean, &model.square];
    let bytes = values.map(|values| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>());
    let tensors = NAMES.iter().zip(&bytes).map(|(name, bytes)| {
        let tensor = TensorView::new(Dtype::F32, vec![PARAMETERS], bytes);
        tensor.map(|tensor| (*name, tensor))
    });
    let tensors = tensors.collect::<Result<Vec<_>, _>>()?;
    let metadata = [("architecture", ARCHITECTURE.to_owned()), ("steps", model.steps.to_string())];
    let metadata = metadata.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(safetensors::serialize(tensors, Some(metadata))?)
}

/// The model in a file's bytes.
///
/// # Errors
/// They were cut short, or are of another model.
pub fn from_bytes(bytes: &[u8]) -> Result<Model, PluginError> {
    let damaged = |error: safetensors::SafeTensorError| {
        ChecksumMismatchError::new(format!("the model's file is damaged or cut short: {error}"))
            .hint("take another model, or train again")
    };
    let tensors = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let metadata = metadata.metadata().clone().unwrap_or_default();
    let found = metadata.get("architecture").map_or("something else", String::as_str);
    if found != ARCHITECTURE {
        let message = format!("the model's file holds `{found}`, not `{ARCHITECTURE}`");
        return Err(ValidationError::new(message).hint("choose a model that `train` has made"));
    }
    let read = |name: &str| -> Result<Vec<f32>, PluginError> {
        let tensor = tensors.tensor(name).map_err(damaged)?;
        let (numbers, _) = tensor.data().as_chunks::<4>();
        if tensor.dtype() != Dtype::F32 || numbers.len() != PARAMETERS {
            return Err(ValidationError::new(format!("`{name}` has the shape {:?}", tensor.shape())));
        }
        Ok(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    };
    let steps = metadata.get("steps").and_then(|steps| steps.parse().ok());
    let [parameters, mean, square] = NAMES.map(read);
    Ok(Model {
        parameters: parameters?,
        mean: mean?,
        square: square?,
        steps: steps.context("the model's file does not say how many steps it was trained for")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_no_part_of_it() -> Result<(), PluginError> {
        let model = Model::untrained(&mut fastrand::Rng::with_seed(1));
        let bytes = to_bytes(&model)?;
        assert_eq!(from_bytes(&bytes)?, model);
        for length in (0..bytes.len()).step_by(997) {
            let error = from_bytes(&bytes[..length]).expect_err("cut short");
            assert!(error.message().contains("cut short"), "{length}: {error}");
        }
        Ok(())
    }
}
