//! The closed vocabularies of `config.yaml`.

use synapse_sdk::words::words;

pub use synapse_sdk::words::{Category, Method, UnknownWord, Word};

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
    use serde::Serialize;
    use std::fmt;

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
}
