//! What can go wrong for good.

use crate::problem::{Place, Problem, ProblemKind};
use std::path::Path;

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// There is nothing at the path.
    NotFound,
    /// It is not a dataset this crate knows.
    UnknownFormat,
    /// The dataset is damaged, and the caller asked to stop at that.
    Data(ProblemKind),
    /// The target cannot hold everything, and the caller asked to stop at that.
    Loss,
    /// The destination is already there.
    OutputExists,
    /// The formats allow it, this crate does not do it.
    Unsupported,
    /// Options that do not fit the dataset.
    Options,
    /// Its end was asked for.
    Cancelled,
    /// Reading or writing failed.
    Io,
}

/// What went wrong, where, and what to do about it.
#[derive(Debug)]
pub struct Error(Box<Inner>);

/// Boxed, because results travel through every function.
#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    place: Option<Place>,
    hint: Option<String>,
    source: Option<std::io::Error>,
}

impl Error {
    /// An error of `kind` with a message for people.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), place: None, hint: None, source: None }))
    }

    /// Reading or writing `path` failed; `doing` says what was tried.
    pub fn io(doing: &str, path: &Path, source: std::io::Error) -> Self {
        let kind =
            if source.kind() == std::io::ErrorKind::NotFound { ErrorKind::NotFound } else { ErrorKind::Io };
        let message = format!("cannot {doing} {}: {source}", path.display());
        Self(Box::new(Inner { kind, message, place: None, hint: None, source: Some(source) }))
    }

    pub(crate) fn data(problem: Problem) -> Self {
        let kind = ErrorKind::Data(problem.kind);
        Self::new(kind, problem.message).at(problem.place).hint(problem.kind.hint())
    }

    /// With the place it is about.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.0.place = Some(place);
        self
    }

    /// With what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Where in the dataset, if it is about a place in it.
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    /// What to do next, if there is advice.
    pub fn advice(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(place) = &self.0.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| source as _)
    }
}
