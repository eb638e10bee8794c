//! What flows between actions: datasets, models and results, as a hierarchy.
//!
//! A data type is a name for what a path or a value holds, so that a pipeline
//! can be checked before it runs. The built-in ones:
//!
//! | type | id | parent |
//! |---|---|---|
//! | [`Data`] | `data` | |
//! | [`Dataset`] | `dataset` | `data` |
//! | [`DmDataset`] | `dm_dataset` | `dataset` |
//! | [`DmV1Dataset`], [`DmV2Dataset`] | `dm_v1_dataset`, `dm_v2_dataset` | `dm_dataset` |
//! | [`YoloDataset`], [`CocoDataset`], [`PascalVocDataset`] | `yolo_dataset`, `coco_dataset`, `pascal_voc_dataset` | `dataset` |
//! | [`Model`] | `model` | `data` |
//! | [`ModelWeights`], [`OnnxModel`], [`TensorrtModel`] | `model_weights`, `onnx_model`, `tensorrt_model` | `model` |
//! | [`ResultData`] | `result` | `data` |
//! | [`TestResults`], [`InferenceResults`] | `test_results`, `inference_results` | `result` |
//!
//! More are made by derive:
//!
//! ```
//! use synapse_sdk::prelude::*;
//! use synapse_sdk::data_type::{Compatibility, CocoDataset, Dataset};
//!
//! /// COCO with panoptic masks.
//! #[derive(DataType)]
//! #[data_type(parent = CocoDataset, format = "coco_panoptic")]
//! struct CocoPanoptic;
//!
//! let panoptic = CocoPanoptic::FACTS;
//! assert_eq!(panoptic.id, "coco_panoptic");
//! assert_eq!(panoptic.fits(Dataset::FACTS), Compatibility::Widening);
//! assert_eq!(CocoDataset::FACTS.fits(panoptic), Compatibility::Narrowing);
//! assert!(panoptic.is_compatible_with(CocoDataset::FACTS));
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};

pub use synapse_macros::DataType;

/// A type of data that flows between actions. Made by `#[derive(DataType)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a data type",
    label = "expected a data type such as `YoloDataset` or `ModelWeights`",
    note = "make one with `#[derive(DataType)] #[data_type(parent = Dataset)]`"
)]
pub trait DataType: 'static {
    /// Its id, format, description and ancestors.
    const FACTS: &'static DataTypeFacts;

    /// Not public: itself behind its ancestors, as the compiler compares them.
    #[doc(hidden)]
    type Path: Path;
}

/// Not public: a path, which can be gone on with.
#[doc(hidden)]
pub trait Path {
    /// The path with `Last` behind it.
    type With<Last>: Path;
}

impl Path for () {
    type With<Last> = (Last, ());
}

impl<First, Rest: Path> Path for (First, Rest) {
    type With<Last> = (First, Rest::With<Last>);
}

/// What is known of a data type.
#[derive(Debug)]
pub struct DataTypeFacts {
    /// The name in config.yaml and manifests, such as `yolo_dataset`.
    pub id: &'static str,
    /// The file format, such as `yolo`.
    pub format: Option<&'static str>,
    /// One line for people.
    pub description: &'static str,
    /// The next more general type.
    pub parent: Option<&'static DataTypeFacts>,
}

/// How what one action produces fits what the next one expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compatibility {
    /// The same type.
    Exact,
    /// The produced type is a special case of the expected one: always right.
    Widening,
    /// The produced type is more general: right only if the value at hand is
    /// of the expected special case, which is checked when it is there.
    Narrowing,
    /// Neither contains the other.
    Mismatch,
}

impl fmt::Display for Compatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exact => "exact",
            Self::Widening => "widening",
            Self::Narrowing => "narrowing",
            Self::Mismatch => "mismatch",
        })
    }
}

impl DataTypeFacts {
    /// Whether this is `other` or a special case of it.
    pub fn is_a(&self, other: &Self) -> bool {
        self.lineage().any(|facts| facts.id == other.id)
    }

    /// How data of this type fits where `expected` is expected.
    pub fn fits(&self, expected: &Self) -> Compatibility {
        match (self.is_a(expected), expected.is_a(self)) {
            (true, true) => Compatibility::Exact,
            (true, false) => Compatibility::Widening,
            (false, true) => Compatibility::Narrowing,
            (false, false) => Compatibility::Mismatch,
        }
    }

    /// Whether one of the two types contains the other.
    pub fn is_compatible_with(&self, other: &Self) -> bool {
        self.fits(other) != Compatibility::Mismatch
    }

    /// This type and its ancestors, most special first.
    pub fn lineage(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |facts| facts.parent)
    }
}

macro_rules! data_types {
    ($($(#[$doc:meta])* $name:ident { $($facts:tt)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, DataType)]
            #[data_type($($facts)*)]
            pub struct $name;
        )*

        /// All built-in types, parents before children.
        pub const BUILT_IN: &[&DataTypeFacts] = &[$($name::FACTS),*];
    };
}

data_types! {
    /// Any data.
    Data { root }
    /// Any dataset.
    Dataset { parent = Data }
    /// A DataMaker dataset.
    DmDataset { parent = Dataset, format = "dm" }
    /// A DataMaker dataset, version 1.
    DmV1Dataset { parent = DmDataset, format = "dm_v1" }
    /// A DataMaker dataset, version 2.
    DmV2Dataset { parent = DmDataset, format = "dm_v2" }
    /// A YOLO dataset.
    YoloDataset { parent = Dataset, format = "yolo" }
    /// A COCO dataset.
    CocoDataset { parent = Dataset, format = "coco" }
    /// A Pascal VOC dataset.
    PascalVocDataset { parent = Dataset, format = "pascal" }
    /// Any model.
    Model { parent = Data }
    /// Trained weights.
    ModelWeights { parent = Model, format = "weights" }
    /// A model in ONNX format.
    OnnxModel { parent = Model, format = "onnx" }
    /// A model compiled for TensorRT.
    TensorrtModel { parent = Model, format = "tensorrt" }
    /// Any result of an action.
    ResultData { parent = Data, id = "result" }
    /// Metrics of a test or evaluation.
    TestResults { parent = ResultData, format = "metrics" }
    /// Predictions of a model.
    InferenceResults { parent = ResultData, format = "predictions" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_the_platform() {
        let ids: Vec<_> = BUILT_IN.iter().map(|facts| facts.id).collect();
        assert_eq!(
            ids,
            [
                "data",
                "dataset",
                "dm_dataset",
                "dm_v1_dataset",
                "dm_v2_dataset",
                "yolo_dataset",
                "coco_dataset",
                "pascal_voc_dataset",
                "model",
                "model_weights",
                "onnx_model",
                "tensorrt_model",
                "result",
                "test_results",
                "inference_results"
            ]
        );
    }

    #[test]
    fn compatibility_is_graded() {
        let fits = |from: &DataTypeFacts, to: &DataTypeFacts| from.fits(to);
        assert_eq!(fits(YoloDataset::FACTS, YoloDataset::FACTS), Compatibility::Exact);
        assert_eq!(fits(DmV2Dataset::FACTS, DmDataset::FACTS), Compatibility::Widening);
        assert_eq!(fits(DmV2Dataset::FACTS, Data::FACTS), Compatibility::Widening);
        assert_eq!(fits(Dataset::FACTS, YoloDataset::FACTS), Compatibility::Narrowing);
        assert_eq!(fits(DmV1Dataset::FACTS, DmV2Dataset::FACTS), Compatibility::Mismatch);
        assert_eq!(fits(Dataset::FACTS, Model::FACTS), Compatibility::Mismatch);
    }

    #[test]
    fn compatible_is_symmetric_as_in_the_python_system() {
        for left in BUILT_IN {
            for right in BUILT_IN {
                assert_eq!(left.is_compatible_with(right), right.is_compatible_with(left));
            }
        }
        assert!(DmDataset::FACTS.is_compatible_with(DmV2Dataset::FACTS));
        assert!(!DmV1Dataset::FACTS.is_compatible_with(DmV2Dataset::FACTS));
    }
}
