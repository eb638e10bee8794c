//! YOLO: a text file an image and a `data.yaml`.
//!
//! A line is a class and numbers, parts of the width and height: a box
//! (4 numbers), a polygon (an even count from 6), or a box with joints where
//! `kpt_shape` says so. One number more is a score. Four corners are a turned
//! box where `data.yaml` has `task: obb`, which is written with them, or where
//! all shapes are rectangles and some of them turned; else, and where they are
//! no rectangle, they are a polygon with four points.
//!
//! Found are `data.yaml`, `dataset.yaml` or another YAML file with `names`,
//! its splits as folders, lists of folders, or text files of image paths;
//! without it `classes.txt` or `obj.names` beside `images` and `labels`, in
//! either order of split and kind. Paths in the YAML file that lead nowhere
//! are tried without their `../`, and from the file itself, as exports from
//! the wild need. Splits that are one and the same folder are no splits.
//!
//! Written is `<split>/images` and `<split>/labels`, or without splits
//! `images` and `labels`; `data.yaml`, and `classes.txt` for readers that do
//! not know it.

mod layout;
mod lines;
mod read;
mod write;

pub(crate) use read::Yolo;
pub(crate) use write::Writer;

use std::path::Path;

/// Whether there is a YOLO dataset at `root`.
pub(crate) fn is_yolo(root: &Path) -> bool {
    // A data.yaml that cannot be read is still one, and opening says why.
    layout::find(root).map_or(true, |found| found.is_some())
}
