//! COCO: one JSON file a split.
//!
//! Found are `annotations.json`, `_annotations.coco.json`, the same in a
//! folder for each split, and `annotations/<what>_<split>.json`. If there are
//! several of one split, instances are read rather than keypoints, and these
//! rather than stuff; name a file to read another. Written is
//! `annotations.json`, or `<split>/annotations.json`, with the images beside.
//!
//! Beyond the standard, fields that other formats have are written under names
//! of their own, which COCO readers pass over: `attributes`, `rotation`,
//! `difficult`, `truncated`, `occluded`, `pose`, `source_id` for ids that are
//! no numbers, and `derived` for a box that the source did not have.

mod file;
mod index;
mod object;
mod panoptic;
mod read;
mod write;

pub(crate) use file::canonical;
pub(crate) use index::class_fields;
pub(crate) use read::Coco;
pub(crate) use write::{Writer, write_class, write_union_fields};

use std::path::Path;

/// Whether there are COCO files at `root`.
pub(crate) fn is_coco(root: &Path) -> bool {
    file::find(root).is_ok_and(|files| !files.is_empty())
}
