//! One error type for everything that can go wrong with a plugin.
//!
//! Authors return [`PluginError`] (through [`Result`]) and use `?` on any
//! error. Each error has a [`kind`](PluginError::kind), which survives the way
//! out of the plugin, through a worker or a cluster, up to the exit code of
//! the command line.
//!
//! ```
//! use synapse_sdk::prelude::*;
//! use synapse_sdk::errors::{ErrorKind, ExecutionError};
//!
//! fn read_epochs(text: &str) -> Result<u32> {
//!     let epochs: u32 = text.parse().context("epochs in train.cfg")?;
//!     if epochs == 0 {
//!         return Err(ExecutionError::new("nothing to train")
//!             .details(json!({ "epochs": epochs }))
//!             .hint("set epochs to 1 or more"));
//!     }
//!     Ok(epochs)
//! }
//!
//! let error = read_epochs("ten").unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::Execution);
//! assert_eq!(error.to_string(), "epochs in train.cfg: invalid digit found in string");
//! ```

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::words::{Word, words};

/// `Result` with [`PluginError`] as its error, unless another is named.
pub type Result<T, E = PluginError> = std::result::Result<T, E>;

words! {
    /// What went wrong, coarsely: enough to choose a reaction and an exit code.
    #[non_exhaustive]
    ErrorKind {
        /// Params, a config.yaml, a dataset or a result break their rules.
        Validation = "validation",
        /// The plugin has no action of that name.
        ActionNotFound = "action_not_found",
        /// A plugin, config, run or file is not there.
        NotFound = "not_found",
        /// The action ran and failed.
        Execution = "execution",
        /// The action panicked.
        Panic = "panic",
        /// A plugin could not be uploaded.
        PluginUpload = "plugin_upload",
        /// An archive could not be made or read.
        Archive = "archive",
        /// A plugin could not be built.
        Build = "build",
        /// A file is not what its checksum says.
        ChecksumMismatch = "checksum_mismatch",
        /// A run could not be started or watched.
        PluginRun = "plugin_run",
        /// The plugin does not fit this host: ABI, target, panic strategy.
        IncompatiblePlugin = "incompatible_plugin",
        /// The run was cancelled.
        Cancelled = "cancelled",
        /// The run took longer than allowed.
        TimedOut = "timed_out",
        /// The worker process died.
        WorkerCrashed = "worker_crashed",
        /// A backend, a cluster or the network failed.
        Remote = "remote",
        /// The host does not offer what the plugin asked for.
        Unsupported = "unsupported",
        /// The call itself makes no sense: malformed JSON, unknown option or mode.
        Usage = "usage",
        /// Reading or writing failed.
        Io = "io",
        /// A fault of Synapse itself.
        Internal = "internal",
    }
}

impl ErrorKind {
    /// The exit code of the command line for this kind.
    ///
    /// | code | kinds |
    /// |---|---|
    /// | 1 | the action or a build failed, input/output failed |
    /// | 2 | usage |
    /// | 3 | validation |
    /// | 4 | something named was not found |
    /// | 5 | incompatible or damaged |
    /// | 6 | elsewhere: backend, cluster, network |
    /// | 70 | a fault of Synapse itself |
    /// | 130 | cancelled |
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Execution
            | Self::Panic
            | Self::Build
            | Self::TimedOut
            | Self::WorkerCrashed
            | Self::PluginRun
            | Self::Unsupported
            | Self::Io => 1,
            Self::Usage => 2,
            Self::Validation | Self::PluginUpload => 3,
            Self::ActionNotFound | Self::NotFound => 4,
            Self::Archive | Self::ChecksumMismatch | Self::IncompatiblePlugin => 5,
            Self::Remote => 6,
            Self::Internal => 70,
            Self::Cancelled => 130,
        }
    }

    /// The kind for input and output that failed: what is not there is told
    /// apart from all else.
    pub fn of_io(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::NotFound,
            _ => Self::Io,
        }
    }
}

/// An error with a kind, a message, details for programs and a hint for people.
///
/// It does not implement [`std::error::Error`] itself, so that `?` can turn
/// every such error into it.
pub struct PluginError(Box<Body>);

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Body {
    kind: ErrorKind,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip_serializing_if = "Value::is_null")]
    details: Value,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    source: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backtrace: Option<String>,
}

impl PluginError {
    /// An error of `kind` with a message that says what happened.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Body {
            kind,
            message: message.into(),
            hint: None,
            details: Value::Null,
            source: Vec::new(),
            location: None,
            backtrace: None,
        }))
    }

    /// The error an action returns when it noticed that it was cancelled.
    pub fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "the run was cancelled")
    }

    /// Adds facts a program can read, such as `json!({"epoch": 3})`.
    #[must_use]
    pub fn details(mut self, details: Value) -> Self {
        self.0.details = details;
        self
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Puts a message before this one; the old message becomes the source.
    #[must_use]
    pub fn context(mut self, message: impl Into<String>) -> Self {
        let cause = std::mem::replace(&mut self.0.message, message.into());
        self.0.source.insert(0, cause);
        self
    }

    /// Changes the kind, keeping all else.
    #[must_use]
    pub fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Records where in the source it happened, as `file:line:column`.
    #[must_use]
    pub fn at(mut self, location: impl Into<String>) -> Self {
        self.0.location = Some(location.into());
        self
    }

    /// Attaches a printed backtrace.
    #[must_use]
    pub fn with_backtrace(mut self, backtrace: impl Into<String>) -> Self {
        self.0.backtrace = Some(backtrace.into());
        self
    }

    /// What went wrong, coarsely.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The outermost message, without its causes. [`Display`](fmt::Display)
    /// prints the causes as well.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Facts for programs; `null` when there are none.
    pub fn details_json(&self) -> &Value {
        &self.0.details
    }

    /// What to do next, when known.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The causes, outermost first.
    pub fn causes(&self) -> impl Iterator<Item = &str> {
        self.0.source.iter().map(String::as_str)
    }

    /// Where in the source it happened, as `file:line:column`, when known.
    pub fn location(&self) -> Option<&str> {
        self.0.location.as_deref()
    }

    /// The printed backtrace, when one was taken.
    pub fn backtrace(&self) -> Option<&str> {
        self.0.backtrace.as_deref()
    }

    /// The form in which an error leaves the plugin, a worker or the command
    /// line: `{"kind", "message", "hint", "details", "source", …}`.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(&self.0).unwrap_or_else(|_| Value::String(self.0.message.clone()))
    }

    /// As [`to_json`](Self::to_json), as text.
    pub fn to_json_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&self.0).unwrap_or_else(|_| self.0.message.clone().into_bytes())
    }

    /// Reads what [`to_json`](Self::to_json) wrote. A kind that this version
    /// does not know becomes [`ErrorKind::Execution`].
    pub fn from_json(bytes: &[u8]) -> Self {
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(fields)) => Self::from_fields(fields),
            _ => Self::new(ErrorKind::Execution, String::from_utf8_lossy(bytes)),
        }
    }

    /// By hand, because what serde would derive makes every plugin larger.
    fn from_fields(mut fields: Map<String, Value>) -> Self {
        let mut text = |name: &str| match fields.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let kind = text("kind").and_then(|word| ErrorKind::find(&word)).unwrap_or(ErrorKind::Execution);
        let mut body = Body {
            kind,
            message: text("message").unwrap_or_default(),
            hint: text("hint"),
            location: text("location"),
            backtrace: text("backtrace"),
            details: Value::Null,
            source: Vec::new(),
        };
        body.details = fields.remove("details").unwrap_or_default();
        if let Some(Value::Array(causes)) = fields.remove("source") {
            body.source = causes.iter().filter_map(|cause| Some(cause.as_str()?.to_owned())).collect();
        }
        Self(Box::new(body))
    }
}

impl fmt::Display for PluginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        for cause in &self.0.source {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for PluginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} error: {self}", self.0.kind)?;
        if !self.0.details.is_null() {
            write!(f, " {}", self.0.details)?;
        }
        if let Some(hint) = &self.0.hint {
            write!(f, " (hint: {hint})")?;
        }
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl<E: std::error::Error + Send + Sync + 'static> From<E> for PluginError {
    fn from(error: E) -> Self {
        let mut plugin_error = Self::new(ErrorKind::Execution, error.to_string());
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Many errors print their source as part of their own text.
            if !plugin_error.to_string().ends_with(&text) {
                plugin_error.0.source.push(text);
            }
            cause = error.source();
        }
        plugin_error
    }
}

/// Adds `.context("…")` to results and options.
pub trait ResultExt<T> {
    /// Puts a message before the error; on `None`, makes it the error.
    ///
    /// # Errors
    /// The error of `self`, with the message before it.
    fn context(self, message: impl Into<String>) -> Result<T>;

    /// Like [`context`](Self::context), the message made only when needed.
    ///
    /// # Errors
    /// The error of `self`, with the message before it.
    fn with_context<M: Into<String>>(self, message: impl FnOnce() -> M) -> Result<T>;
}

impl<T, E: Into<PluginError>> ResultExt<T> for std::result::Result<T, E> {
    fn context(self, message: impl Into<String>) -> Result<T> {
        self.map_err(|error| error.into().context(message))
    }

    fn with_context<M: Into<String>>(self, message: impl FnOnce() -> M) -> Result<T> {
        self.map_err(|error| error.into().context(message()))
    }
}

impl<T> ResultExt<T> for Option<T> {
    fn context(self, message: impl Into<String>) -> Result<T> {
        self.ok_or_else(|| PluginError::new(ErrorKind::Execution, message))
    }

    fn with_context<M: Into<String>>(self, message: impl FnOnce() -> M) -> Result<T> {
        self.ok_or_else(|| PluginError::new(ErrorKind::Execution, message()))
    }
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $kind:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}

        impl $name {
            #[doc = concat!("A [`PluginError`] of kind [`ErrorKind::", stringify!($kind), "`].")]
            #[expect(clippy::new_ret_no_self, reason = "names a kind of the one error type")]
            pub fn new(message: impl Into<String>) -> PluginError {
                PluginError::new(ErrorKind::$kind, message)
            }
        }
    )*};
}

constructors! {
    /// Makes errors about params, configs, datasets and results that break their rules.
    ValidationError => Validation;
    /// Makes errors about actions that are not there.
    ActionNotFoundError => ActionNotFound;
    /// Makes errors about plugins, configs, runs and files that are not there.
    NotFoundError => NotFound;
    /// Makes errors about actions that ran and failed.
    ExecutionError => Execution;
    /// Makes errors about uploads of plugins.
    PluginUploadError => PluginUpload;
    /// Makes errors about archives.
    ArchiveError => Archive;
    /// Makes errors about builds.
    BuildError => Build;
    /// Makes errors about files that are not what their checksum says.
    ChecksumMismatchError => ChecksumMismatch;
    /// Makes errors about runs that could not be started or watched.
    PluginRunError => PluginRun;
    /// Makes errors about plugins that do not fit this host.
    IncompatiblePlugin => IncompatiblePlugin;
    /// Makes errors about cancelled runs.
    Cancelled => Cancelled;
    /// Makes errors about runs that took too long.
    TimedOut => TimedOut;
    /// Makes errors about worker processes that died.
    WorkerCrashed => WorkerCrashed;
    /// Makes errors about backends, clusters and the network.
    RemoteError => Remote;
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn any_error_becomes_one_with_its_causes() {
        fn fails() -> Result<()> {
            std::fs::read("/nowhere/at/all").context("reading the weights")?;
            Ok(())
        }
        let error = fails().unwrap_err();
        assert_eq!(error.message(), "reading the weights");
        assert_eq!(error.to_string(), "reading the weights: No such file or directory (os error 2)");
    }

    #[test]
    fn json_keeps_kind_details_and_hint() {
        let error = ValidationError::new("two fields are wrong")
            .details(json!([{"pointer": "/epochs"}]))
            .hint("see the schema")
            .at("src/lib.rs:3:9");
        let text = error.to_json().to_string();
        let back = PluginError::from_json(text.as_bytes());
        assert_eq!(back.kind(), ErrorKind::Validation);
        assert_eq!(back.details_json(), &json!([{"pointer": "/epochs"}]));
        assert_eq!(back.hint_text(), Some("see the schema"));
        assert_eq!(back.location(), Some("src/lib.rs:3:9"));
    }

    #[test]
    fn an_unknown_kind_and_plain_text_are_read_as_execution_errors() {
        let newer =
            PluginError::from_json(br#"{"kind":"out_of_tea","message":"no tea","details":{"cups":0}}"#);
        assert_eq!(newer.kind(), ErrorKind::Execution);
        assert_eq!(newer.message(), "no tea");
        assert_eq!(newer.details_json(), &json!({"cups": 0}));
        assert_eq!(PluginError::from_json(b"boom").message(), "boom");
    }

    #[test]
    fn the_word_of_a_kind_is_its_json() {
        for kind in ErrorKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(ErrorKind::find(kind.as_str()), Some(*kind));
        }
        assert_eq!(ErrorKind::ActionNotFound.as_str(), "action_not_found");
    }
}
