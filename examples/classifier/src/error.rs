//! What can go wrong in data, model files and training.

use std::path::PathBuf;

/// An error of the classifier.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A model file could not be read or written.
    #[error("cannot {doing} {path}: {source}", path = path.display())]
    File {
        /// What was tried: "load" or "save".
        doing: &'static str,
        /// The file it was tried on.
        path: PathBuf,
        /// Why it failed: the system's answer, or [`Error::Checkpoint`].
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Bytes that are not a model this code can use.
    #[error("not a usable model: {0}")]
    Checkpoint(String),
    /// A training setting outside its range.
    #[error("setting `{field}`: {problem}")]
    Setting {
        /// The field of `Settings`.
        field: &'static str,
        /// The value and the range.
        problem: String,
    },
    /// Rows and labels that do not fit each other or the model.
    #[error("data: {0}")]
    Data(String),
    /// A row given for prediction that the model cannot take.
    #[error("row {row}: {problem}")]
    Row {
        /// Its index in the request, from 0.
        row: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// The steps were so long that the weights grew beyond all bounds. What
    /// was learnt before is still of use.
    #[error(
        "training diverged in epoch {epoch}: the loss is {loss}; \
         train again with a `learning_rate` well below {learning_rate}"
    )]
    Training {
        /// The epoch, from 1.
        epoch: u64,
        /// The mean loss of the training rows: infinite, or no number.
        loss: f64,
        /// The length of the steps that led there.
        learning_rate: f64,
    },
}

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
