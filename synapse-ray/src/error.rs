//! What can go wrong between here and a cluster.

use std::fmt;
use std::time::Duration;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something of a cluster could not be had.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// An address that names no cluster.
    Address {
        /// The address.
        given: String,
        /// What is wrong with it.
        why: String,
    },
    /// Nothing answers there.
    Unreachable {
        /// Host and port that were tried.
        place: String,
        /// Why not.
        why: String,
    },
    /// A file of TLS cannot be used, or the ends do not trust each other.
    Tls {
        /// Why.
        why: String,
    },
    /// What answers to `https` is not trusted, or speaks no TLS.
    Https {
        /// Host and port.
        place: String,
        /// Why.
        why: String,
    },
    /// The cluster wants a token, or another one.
    Unauthenticated {
        /// What it says.
        message: String,
    },
    /// A call was answered with a gRPC status.
    Status {
        /// The call's path.
        call: &'static str,
        /// The number of the status, from 1 to 16.
        code: u16,
        /// What the cluster says.
        message: String,
    },
    /// The cluster would not open a session.
    Refused {
        /// A Python traceback, most of the time.
        message: String,
    },
    /// The connection ended, and could not be taken up again.
    Closed {
        /// What is known of the reason.
        why: String,
    },
    /// An exception was raised in the cluster.
    Exception(Exception),
    /// There is no such actor.
    NoSuchActor {
        /// Its name.
        name: String,
    },
    /// There is no such job.
    NoSuchJob {
        /// Its name.
        id: String,
    },
    /// A request over HTTP was refused.
    Http {
        /// Method and path.
        call: String,
        /// The status, from 300 to 599.
        status: u16,
        /// What the cluster says.
        message: String,
    },
    /// An answer did not come in time.
    TimedOut {
        /// What was waited for.
        what: String,
        /// For how long.
        after: Duration,
    },
    /// What came cannot be read.
    Malformed {
        /// What it is, and why not.
        what: String,
    },
}

/// An exception of Python's, as text: nothing of it is ever executed here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exception {
    /// The class, such as `ActorDiedError`.
    pub class: String,
    /// Its texts, in their order; among them the traceback.
    pub texts: Vec<String>,
}

impl Exception {
    /// The longest of its texts, which is what a person wants to read.
    pub fn message(&self) -> &str {
        self.texts.iter().max_by_key(|text| text.len()).map_or("", String::as_str)
    }

    /// Whether the actor is gone and will not come back.
    pub fn actor_died(&self) -> bool {
        matches!(self.class.as_str(), "ActorDiedError" | "RayActorError")
    }

    /// Whether the actor may come back: it restarts, or its node is out of reach for now.
    pub fn actor_unavailable(&self) -> bool {
        self.class == "ActorUnavailableError"
    }
}

impl Error {
    pub(crate) fn malformed(what: impl Into<String>) -> Self {
        Self::Malformed { what: what.into() }
    }

    pub(crate) fn closed(why: impl fmt::Display) -> Self {
        Self::Closed { why: why.to_string() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { given, why } => write!(f, "`{given}` is no address of a Ray cluster: {why}"),
            Self::Unreachable { place, why } => write!(f, "Ray cannot be reached at {place}: {why}"),
            Self::Tls { why } => write!(f, "TLS cannot be used: {why}"),
            Self::Https { place, why } => write!(f, "https cannot be spoken with {place}: {why}"),
            Self::Unauthenticated { message } => write!(f, "Ray refused the token: {message}"),
            Self::Status { call, code, message } => {
                write!(f, "Ray answered {call} with gRPC status {code}: {message}")
            }
            Self::Refused { message } => {
                write!(f, "Ray did not open a session: {}", last_line(message))
            }
            Self::Closed { why } => write!(f, "the connection to Ray ended: {why}"),
            Self::Exception(exception) => {
                write!(f, "{} in the cluster: {}", exception.class, last_line(exception.message()))
            }
            Self::NoSuchActor { name } => write!(f, "there is no actor `{name}`"),
            Self::NoSuchJob { id } => write!(f, "the cluster has no job `{id}`"),
            Self::Http { call, status, message } => {
                write!(f, "Ray answered {call} with status {status}: {}", last_line(message))
            }
            Self::TimedOut { what, after } => {
                write!(f, "{what} did not come within {} s", after.as_secs_f64())
            }
            Self::Malformed { what } => write!(f, "what Ray sent cannot be read: {what}"),
        }
    }
}

impl std::error::Error for Error {}

/// Of a traceback, the line that says what went wrong.
fn last_line(text: &str) -> &str {
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_traceback_the_last_line_is_shown() {
        let message = "Traceback (most recent call last):\n  File \"a.py\"\nValueError: no\n\n".to_owned();
        assert_eq!(Error::Refused { message }.to_string(), "Ray did not open a session: ValueError: no");
    }
}
