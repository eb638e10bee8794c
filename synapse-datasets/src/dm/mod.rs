//! DM v1 and v2: a JSON file an image.
//!
//! Found are `json` and `original_files`, or both in a folder for each split.
//! An image belongs to the JSON file with its stem, whatever its ending.
//! Either version is also read from the envelope with `annotation_data`.
//!
//! An object with several parts, as COCO has them, becomes several
//! annotations, which carry the same `object`; reading makes one of them
//! again. Fields DM has no name for are carried as further keys: on an
//! annotation under the names COCO or VOC has for them, of the image in
//! `image`, of the dataset in `dataset.json`. Readers of DM pass over them.
//!
//! Ids that are missing are made from the path of the image and the place of
//! the annotation, so that the same dataset has the same ids every time.

mod dataset;
mod media;
mod read;
mod v1;
mod v1_write;
mod v2;
mod v2_write;
mod write;

pub(crate) use read::Dm;
pub(crate) use write::Writer;

use crate::format::Format;
use crate::json::{Cursor, Fault, Window};
use crate::walk;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Which DM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V2,
}

/// A folder of JSON files and the one of their images.
#[derive(Clone, Debug)]
struct Group {
    split: Option<&'static str>,
    json: PathBuf,
    images: PathBuf,
}

/// The folders of a dataset at `root`.
fn groups(root: &Path) -> Vec<Group> {
    let group = |folder: &Path, split| Group {
        split,
        json: folder.join("json"),
        images: folder.join("original_files"),
    };
    if root.join("json").is_dir() {
        return vec![group(root, None)];
    }
    let splits = [("train", "train"), ("valid", "val"), ("val", "val"), ("test", "test")];
    let folders = splits.iter().map(|(folder, split)| group(&root.join(folder), Some(*split)));
    folders.filter(|group| group.json.is_dir()).collect()
}

/// The version of the dataset at `root`, if it is DM: told by the first of
/// its files that says it.
pub(crate) fn detect(root: &Path) -> Option<Format> {
    for group in groups(root) {
        let files = walk::files(&group.json, &is_json).ok()?;
        let version = files.iter().take(20).find_map(|name| version_of(&group.json.join(name)));
        if let Some(version) = version {
            return Some(match version {
                Version::V1 => Format::DmV1,
                Version::V2 => Format::DmV2,
            });
        }
    }
    None
}

fn is_json(name: &str) -> bool {
    name.len() > 5 && name.as_bytes()[name.len() - 5..].eq_ignore_ascii_case(b".json")
}

/// The version of a document, told by its keys.
fn version_of(path: &Path) -> Option<Version> {
    let file = File::open(path).ok()?;
    let version = Window::new(file).value(|_, cursor| {
        let mut version = None;
        keys(cursor, &mut version)?;
        Ok::<_, Fault>(version)
    });
    version.ok()?.ok()?
}

fn keys(cursor: &mut Cursor<'_>, version: &mut Option<Version>) -> Result<(), Fault> {
    if cursor.starts_with(b"\xef\xbb\xbf") {
        cursor.go_to(3);
    }
    cursor.object(|key, value| {
        match key {
            b"annotation_data" if value.peek()? == b'{' => return keys(value, version),
            b"annotations" | b"annotationsData" if value.peek()? == b'{' => *version = Some(Version::V1),
            // A v1 document may carry the further images of a v2 one.
            _ if version.is_none() && media::is_array(key) && value.peek()? == b'[' => {
                *version = Some(Version::V2)
            }
            _ => {}
        }
        value.skip()
    })
}
