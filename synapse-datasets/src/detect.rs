//! Finds the format of a dataset by looking at it.

use crate::error::{Error, ErrorKind};
use crate::format::Format;
use crate::{coco, dm, imagefolder, voc, yolo};
use std::path::Path;

/// The format of what is at `root`. The signs of each format are looked for
/// in the order of how sure they are.
pub(crate) fn format(root: &Path) -> Result<Format, Error> {
    if let Err(error) = std::fs::metadata(root) {
        return Err(Error::io("open", root, error).hint("check the path"));
    }
    let found = dm::detect(root)
        .or_else(|| yolo::is_yolo(root).then_some(Format::Yolo))
        .or_else(|| coco::is_coco(root).then_some(Format::Coco))
        .or_else(|| voc::is_voc(root).then_some(Format::Voc))
        .or_else(|| imagefolder::is_imagefolder(root).then_some(Format::ImageFolder));
    found.ok_or_else(|| {
        Error::new(ErrorKind::UnknownFormat, format!("{} is of no known format", root.display()))
            .hint("name the format, or point at the folder that has annotations.json, data.yaml, Annotations, json or a folder for each class")
    })
}
