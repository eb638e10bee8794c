//! What can go wrong in data, model files and training.

use std::{fmt, io, path::PathBuf};

/// An error of the classifier; its message says what to do next.
#[derive(Debug)]
pub enum Error {
    /// A file could not be read or written.
    Io {
        /// What was tried, as in "cannot read".
        doing: &'static str,
        /// The file it was tried on.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Bytes that are not a model this code can use.
    Checkpoint {
        /// The file they came from, if they came from one.
        path: Option<PathBuf>,
        /// What is wrong with them.
        problem: String,
    },
    /// A training setting outside its range.
    Setting {
        /// The field of `Settings`.
        field: &'static str,
        /// The value and the range.
        problem: String,
    },
    /// Rows and labels that do not fit each other or the model.
    Data(String),
    /// A row given for prediction that the model cannot take.
    Row {
        /// Its index in the request, from 0.
        row: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// The loss of an epoch was infinite or not a number.
    Diverged {
        /// The epoch, from 1.
        epoch: u64,
        /// The learning rate it happened with.
        learning_rate: f32,
    },
}

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io {
                doing,
                path,
                source,
            } => write!(f, "{doing} {}: {source}", path.display()),
            Self::Checkpoint {
                path: Some(path),
                problem,
            } => write!(f, "{} is not a usable model: {problem}", path.display()),
            Self::Checkpoint {
                path: None,
                problem,
            } => write!(f, "not a usable model: {problem}"),
            Self::Setting { field, problem } => write!(f, "setting `{field}`: {problem}"),
            Self::Data(problem) => write!(f, "data: {problem}"),
            Self::Row { row, problem } => write!(f, "row {row}: {problem}"),
            Self::Diverged {
                epoch,
                learning_rate,
            } => write!(
                f,
                "training diverged in epoch {epoch}; lower the learning rate (now {learning_rate})"
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
