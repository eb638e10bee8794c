//! Words with a fixed meaning in configs and manifests.

use std::fmt;

/// A word out of a closed vocabulary, as config files spell it.
pub trait Word: Copy + Sized + 'static {
    /// Every word, in the order they are shown to people.
    const ALL: &'static [Self];

    /// The spelling used in config files and on the wire.
    fn as_str(self) -> &'static str;

    /// The word spelled exactly `text`.
    fn find(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|word| word.as_str() == text)
    }
}

/// Says what there is to choose from, and the nearest choice if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownWord {
    /// The word as it was given.
    pub given: String,
    /// Every word that would have been accepted.
    pub allowed: Vec<&'static str>,
    /// The accepted word that looks most like the given one.
    pub nearest: Option<&'static str>,
}

impl UnknownWord {
    /// The error for a word that is none of `W`'s.
    pub fn of<W: Word>(given: &str) -> Self {
        let allowed: Vec<&'static str> = W::ALL.iter().map(|word| word.as_str()).collect();
        let nearest = crate::suggest::nearest(given, allowed.iter().copied());
        Self { given: given.to_owned(), allowed, nearest }
    }

    /// "did you mean …?", when a word is near.
    pub fn suggestion(&self) -> Option<String> {
        self.nearest.map(|nearest| format!("did you mean `{nearest}`?"))
    }
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not one of {}", self.given, self.allowed.join(", "))
    }
}

impl std::error::Error for UnknownWord {}

/// Not public: makes an enum of a closed vocabulary.
#[doc(hidden)]
#[macro_export]
macro_rules! __words {
    ($(#[$about:meta])* $name:ident { $($(#[$word_about:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive($crate::__private::serde::Serialize, $crate::__private::serde::Deserialize)]
        #[serde(crate = "::synapse_sdk::__private::serde")]
        pub enum $name {
            $($(#[$word_about])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// The spelling used in config files and on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl $crate::words::Word for $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)+];

            fn as_str(self) -> &'static str {
                $name::as_str(self)
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::words::UnknownWord;

            fn from_str(text: &str) -> ::std::result::Result<Self, $crate::words::UnknownWord> {
                <Self as $crate::words::Word>::find(text).ok_or_else(|| $crate::words::UnknownWord::of::<Self>(text))
            }
        }
    };
}

pub use crate::__words as words;

words! {
    /// What a plugin is for.
    Category {
        /// Trains, tests, serves models.
        NeuralNet = "neural_net",
        /// Takes data out of the platform.
        Export = "export",
        /// Brings data into the platform.
        Upload = "upload",
        /// Helps a person annotate.
        SmartTool = "smart_tool",
        /// Works on finished annotations.
        PostAnnotation = "post_annotation",
        /// Prepares annotations before a person sees them.
        PreAnnotation = "pre_annotation",
        /// Checks data.
        DataValidation = "data_validation",
        /// Anything else.
        Custom = "custom",
    }
}

words! {
    /// How an action is run where a plugin's own choice counts.
    Method {
        /// A Ray job of its own.
        Job = "job",
        /// A reusable Ray actor.
        Task = "task",
        /// A Ray Serve application.
        Serve = "serve",
        /// A plain HTTP endpoint.
        RestApi = "restapi",
        /// In the calling process.
        Local = "local",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_word_names_the_nearest_and_all_choices() {
        let unknown = "neural-net".parse::<Category>().expect_err("unknown");
        assert_eq!(unknown.nearest, Some("neural_net"));
        assert_eq!(
            unknown.to_string(),
            "`neural-net` is not one of neural_net, export, upload, smart_tool, \
             post_annotation, pre_annotation, data_validation, custom"
        );
        assert_eq!("zebra".parse::<Method>().expect_err("unknown").nearest, None);
    }
}
