//! Words with a fixed meaning in configs and manifests.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$word_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$word_doc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word in configs and manifests.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                let known = Self::ALL.iter().copied();
                known.into_iter().find(|known| known.as_str() == word).ok_or_else(|| UnknownWord {
                    what: $what,
                    word: word.to_owned(),
                    known: Self::ALL.iter().map(|known| known.as_str()).collect(),
                })
            }
        }
    };
}

/// A word that is none of those allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownWord {
    what: &'static str,
    word: String,
    known: Vec<&'static str>,
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no {} `{}`; expected one of {}", self.what, self.word, self.known.join(", "))?;
        match crate::suggest::nearest(&self.word, self.known.iter().copied()) {
            Some(near) => write!(f, "; did you mean `{near}`?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for UnknownWord {}

words! {
    /// What a plugin is for.
    Category, "category" {
        /// Training, inference, deployment.
        NeuralNet = "neural_net",
        /// Export and conversion of data.
        Export = "export",
        /// Upload and checks of files.
        Upload = "upload",
        /// Annotation with a model's help.
        SmartTool = "smart_tool",
        /// Work before annotation.
        PreAnnotation = "pre_annotation",
        /// Work after annotation.
        PostAnnotation = "post_annotation",
        /// Checks of data quality.
        DataValidation = "data_validation",
        /// Anything else.
        Custom = "custom",
    }
}

words! {
    /// How an action is best run.
    Method, "method" {
        /// As a task in a reusable worker: starts fast, returns the result.
        Task = "task",
        /// As a job of its own: isolated, tracked, for long work.
        Job = "job",
        /// As an HTTP endpoint that scales.
        Serve = "serve",
        /// Behind a REST interface of its own.
        RestApi = "restapi",
        /// In the process of whoever calls.
        Local = "local",
    }
}
