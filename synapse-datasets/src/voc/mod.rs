//! Pascal VOC: an XML file an image.
//!
//! Coordinates count pixels from 1 and include the last: a box of the first
//! pixel alone is `1 1 1 1`. So `xmin` is the left edge plus one and `xmax`
//! the right edge. Data of tools that count from 0 is read and written with
//! [`ReadOptions::voc_first_pixel`](crate::ReadOptions) and
//! [`ConvertOptions::voc_first_pixel`](crate::ConvertOptions).
//!
//! Found are `Annotations` with `JPEGImages` (or `Images`, `images`), the
//! same in a folder for each split, or XML files beside the images. Splits are
//! read from `ImageSets/Main`, the order of classes from `classes.txt` where
//! there is one, which is written, too.
//!
//! Masks are read from `SegmentationObject`, whose pixels number the objects of
//! the XML file, and `SegmentationClass`, whose pixels number classes: in the
//! order of `labelmap.txt`, of `classes.txt`, or of the challenge. They are
//! written for [`Task::Segment`](crate::Task::Segment), with polygons as their
//! pixels, and without a task if there are masks and no polygons.
//! <http://host.robots.ox.ac.uk/pascal/VOC/voc2012/devkit_doc.pdf>
//!
//! `0` for difficult, truncated and occluded, and the pose `Unspecified`, are
//! what is written when nothing is known, and are read as nothing.

mod labels;
mod layout;
mod planes;
mod read;
mod write;
mod xml;

pub(crate) use read::Voc;
pub(crate) use write::Writer;

use crate::report::Notes;
use std::path::Path;

/// Whether there is a VOC dataset at `root`.
pub(crate) fn is_voc(root: &Path) -> bool {
    layout::find(root, &mut Notes::default()).is_ok_and(|files| !files.is_empty())
}
