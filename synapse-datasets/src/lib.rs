//! Annotated image datasets: DM v1 and v2, YOLO, COCO, Pascal VOC and image
//! folders, read, written and converted, any to any, at any size.
//!
//! ```
//! use synapse_datasets::{ConvertOptions, Dataset, Format};
//!
//! # fn main() -> Result<(), synapse_datasets::Error> {
//! # let work = tempfile::tempdir().unwrap();
//! # let (path, out) = (work.path().join("in"), work.path().join("out"));
//! # std::fs::create_dir_all(&path).unwrap();
//! # std::fs::write(path.join("annotations.json"), br#"{"images": [{"id": 1, "file_name": "a.jpg",
//! #     "width": 10, "height": 10}], "categories": [{"id": 7, "name": "cat"}],
//! #     "annotations": [{"id": 1, "image_id": 1, "category_id": 7, "bbox": [1, 2, 3, 4]}]}"#).unwrap();
//! let dataset = Dataset::open(&path)?;
//! let report = dataset.convert(Format::Yolo, &out, &ConvertOptions::default())?;
//! assert_eq!(report.annotations, 1);
//! for loss in &report.losses {
//!     println!("{} × {}: {}", loss.count, loss.kind, loss.kind.why());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # The shape of a conversion
//!
//! ```text
//! Source ──read(range)──▶ Item ──check──▶ Target::encode ──▶ Part ──▶ Target::commit
//!  open: an index            one image, reused     in parallel              in order
//! ```
//!
//! A [`Source`] is opened once. Opening makes an index: the list of images,
//! the classes, and where the annotations of each image stand. It holds no
//! geometry. After that any thread may ask for any range of images, and gets
//! them one at a time as an [`Item`].
//!
//! COCO is why. In its one file annotations stand in any order, before or
//! after the images, and a label file cannot be written before the last
//! annotation of its image was seen. To hold the file would cost its size in
//! memory; to sort it would cost a second file. The index costs 16 bytes for
//! a run of annotations of one image (one run an image in a sorted file, one
//! an annotation in a shuffled one). Making it is cheap, because a polygon is
//! passed over by looking for brackets, not by reading numbers. The numbers
//! are read in the second pass, by all threads, from the pages the first has
//! just brought into the cache. Formats with a file for each image fit the
//! same shape: their index is the list of files.
//!
//! A [`Target`] encodes items on any thread and commits what it encoded in the
//! order of the source. Formats with a file for each image do all their work
//! in `encode`; COCO appends to its one file in `commit`. So the output is the
//! same bytes whatever the number of threads.
//!
//! One more format is one more module with a `Source`, a `Target` and an arm
//! in [`Format`]. No format knows another.
//!
//! # One model
//!
//! An [`Item`] is an image and its annotations, lossless for the union of what
//! the formats hold. It is a handful of flat arenas that are cleared and
//! filled again, so reading the millionth image allocates nothing. Numbers are
//! kept as given (`f64`, compared by value: `3` and `3.0` are the same). Fields
//! that no other format has are kept as the JSON or XML text they were, and
//! are written again where the target has a place for unknown fields.
//!
//! A COCO annotation is one object with a box, a shape and joints. DM has one
//! annotation for each of these. The DM writer ties the pieces of an object
//! together with an `object` key, and the reader makes one object of pieces
//! that name the same.
//!
//! # Loss and bad data
//!
//! What a target cannot hold is counted in [`Report::losses`] with examples.
//! What is wrong in a source is counted in [`Report::problems`], and
//! [`OnError`] says what becomes of it. Neither is ever silent.
//!
//! Output goes to a temporary folder beside its destination, which is renamed
//! at the end: an interrupted conversion leaves nothing that looks like a
//! dataset. Paths that come from a dataset are checked before they are joined
//! to anything; `..` never leaves the output.
//!
//! # Exactness
//!
//! | from → to | what comes back |
//! |---|---|
//! | COCO, DM v1, DM v2 among each other | every number as it was |
//! | → YOLO | coordinates to 6 decimals: off by at most `0.5e-6` × width or height ([`ConvertOptions::decimals`]) |
//! | turned boxes → YOLO oriented | corners to 6 decimals; what comes back is the box of these corners |
//! | → VOC | whole pixels, ties to even, counted as loss where it changes a box; [`ConvertOptions::voc_floats`] keeps them |
//! | masks → VOC | every pixel, where masks do not overlap; polygons are the pixels whose middle they hold |
//! | YOLO → any but VOC → YOLO | the same text, if it had 6 decimals |
//! | VOC → any → VOC | the same numbers |
//!
//! # Sources
//!
//! | format | where it is described |
//! |---|---|
//! | COCO, panoptic included | <https://cocodataset.org/#format-data>; runs as text: `common/maskApi.c` of <https://github.com/cocodataset/cocoapi> |
//! | YOLO | <https://docs.ultralytics.com/datasets/detect/>, `/segment/`, `/pose/`, `/obb/`; joined parts: `merge_multi_segment` in `ultralytics/data/converter.py` |
//! | Pascal VOC | <http://host.robots.ox.ac.uk/pascal/VOC/voc2012/devkit_doc.pdf>; label maps: <https://docs.cvat.ai/docs/manual/advanced/formats/format-voc/> |
//! | DM v1, v2 | what the Python package `synapse-sdk` 2026.2.17 reads and writes |

mod bridge;
mod check;
mod coco;
mod convert;
mod dataset;
mod detect;
mod diff;
mod dm;
#[cfg(feature = "draw")]
mod draw;
mod error;
mod fields;
mod format;
mod geometry;
mod imagefolder;
mod json;
mod loss;
mod model;
mod names;
mod number;
mod outline;
mod output;
mod pages;
mod parallel;
mod paths;
mod picture;
mod plane;
mod plot;
mod problem;
mod raster;
mod report;
mod rle;
mod select;
mod stream;
mod survey;
mod voc;
mod walk;
mod watch;
mod yaml;
mod yolo;

pub use convert::{ConvertOptions, Images, Task};
pub use dataset::Dataset;
pub use diff::{Diff, DiffOptions, Difference, DifferenceKind};
#[cfg(feature = "draw")]
pub use draw::DrawOptions;
pub use error::{Error, ErrorKind};
pub use format::Format;
pub use loss::LossKind;
pub use model::{
    Annotation, Class, Contains, Header, Id, Image, Item, Joint, Kind, Mask, Shape, Size, Span, VocFlags,
};
pub use problem::{OnError, Place, Problem, ProblemKind};
pub use report::{Example, Notes, Report, Tally};
pub use select::Splits;
pub use stream::{At, Entry, Part, ReadOptions, Source, Target, Want};

pub use survey::{ClassCount, ImageSizes, Kinds, SizeCount, SplitCount, Survey, SurveyOptions};
pub use watch::Watch;

/// What the functions of this crate return.
pub type Result<T> = std::result::Result<T, Error>;
