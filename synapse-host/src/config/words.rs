//! The closed vocabularies of `config.yaml`.

use serde::{Deserialize, Serialize};
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
    pub(super) fn new<W: Word>(given: &str) -> Self {
        let allowed: Vec<&'static str> = W::ALL.iter().map(|word| word.as_str()).collect();
        let nearest = crate::suggest::nearest(given, allowed.iter().copied());
        Self {
            given: given.to_owned(),
            allowed,
            nearest,
        }
    }

    pub(super) fn suggestion(&self) -> Option<String> {
        self.nearest
            .map(|nearest| format!("did you mean `{nearest}`?"))
    }
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not one of {}",
            self.given,
            self.allowed.join(", ")
        )
    }
}

impl std::error::Error for UnknownWord {}

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$word_about:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$word_about])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// The spelling used in config files and on the wire.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl Word for $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)+];

            fn as_str(self) -> &'static str {
                $name::as_str(self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                Self::find(text).ok_or_else(|| UnknownWord::new::<Self>(text))
            }
        }
    };
}

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
        Restapi = "restapi",
        /// In the calling process.
        Local = "local",
    }
}

words! {
    /// The tool that resolves a plugin's dependencies.
    PackageManager {
        /// The one that has an effect.
        Cargo = "cargo",
        /// Accepted in configs of Python plugins.
        Pip = "pip",
        /// Accepted in configs of Python plugins.
        Uv = "uv",
    }
}

words! {
    /// The kind of data a plugin works on.
    DataKind {
        /// Pictures.
        Image = "image",
        /// Text.
        Text = "text",
        /// Moving pictures.
        Video = "video",
        /// Point clouds.
        Pcd = "pcd",
        /// Sound.
        Audio = "audio",
        /// Anything else.
        Data = "data",
    }
}

words! {
    /// The kind of data an annotation tool works on.
    AnnotationCategory {
        /// Pictures.
        Image = "image",
        /// Moving pictures.
        Video = "video",
        /// Sound.
        Audio = "audio",
        /// Text.
        Text = "text",
        /// Point clouds.
        Pcd = "pcd",
        /// Prompts and answers.
        Prompt = "prompt",
        /// Values over time.
        TimeSeries = "time_series",
    }
}

words! {
    /// The shape a smart tool draws.
    AnnotationType {
        /// A rectangle.
        Bbox = "bbox",
        /// A closed outline.
        Polygon = "polygon",
        /// A point.
        Point = "point",
        /// A line.
        Line = "line",
        /// A set of pixels.
        Mask = "mask",
        /// A class name.
        Label = "label",
    }
}

words! {
    /// A tool a person annotates with.
    AnnotationTool {
        /// An axis-aligned rectangle.
        BoundingBox = "bounding_box",
        /// A closed outline.
        Polygon = "polygon",
        /// An open line.
        Polyline = "polyline",
        /// A named point.
        Keypoint = "keypoint",
        /// A set of pixels.
        Segmentation = "segmentation",
        /// A link between annotations.
        Relation = "relation",
        /// A class of the whole item.
        Classification = "classification",
        /// Several annotations as one.
        AnnotationGroup = "annotationGroup",
        /// A span of text.
        NamedEntity = "named_entity",
        /// A box in a point cloud.
        BoundingBox3d = "3d_bounding_box",
        /// A set of points of a cloud.
        Segmentation3d = "3d_segmentation",
        /// A prompt.
        Prompt = "prompt",
        /// An answer to a prompt.
        Answer = "answer",
        /// A span of time.
        TimeRange = "time_range",
    }
}

words! {
    /// How much a smart tool does by itself.
    SmartToolKind {
        /// Follows each gesture of a person.
        Interactive = "interactive",
        /// Needs nobody.
        Automatic = "automatic",
        /// Proposes, and is corrected.
        SemiAutomatic = "semi_automatic",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads_back<W: Word + PartialEq + fmt::Debug + Serialize>() {
        for word in W::ALL {
            assert_eq!(W::find(word.as_str()), Some(*word));
            let json = serde_json::to_value(word).expect("serializes");
            assert_eq!(json, word.as_str());
        }
    }

    #[test]
    fn every_word_is_found_by_the_spelling_it_is_written_with() {
        reads_back::<Category>();
        reads_back::<Method>();
        reads_back::<PackageManager>();
        reads_back::<DataKind>();
        reads_back::<AnnotationCategory>();
        reads_back::<AnnotationType>();
        reads_back::<AnnotationTool>();
        reads_back::<SmartToolKind>();
    }

    #[test]
    fn an_unknown_word_names_the_nearest_and_all_choices() {
        let unknown = "neural-net".parse::<Category>().expect_err("unknown");
        assert_eq!(unknown.nearest, Some("neural_net"));
        assert_eq!(
            unknown.to_string(),
            "`neural-net` is not one of neural_net, export, upload, smart_tool, \
             post_annotation, pre_annotation, data_validation, custom"
        );
        let far = "zebra".parse::<Method>().expect_err("unknown");
        assert_eq!(far.nearest, None);
    }
}
