//! Which files a COCO dataset is made of.

use crate::error::{Error, ErrorKind};
use crate::json::{Cursor, Fault, Window};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Top-level keys of a COCO file, by one of which it is known.
const KEYS: [&[u8]; 8] =
    [b"info", b"images", b"annotations", b"categories", b"licenses", b"type", b"videos", b"licences"];

/// What `annotations/<what>_<split>.json` may be about, the best first. The
/// last two cannot be read; they are found so that this can be said.
const TOPICS: [&str; 8] =
    ["instances_", "person_keypoints_", "stuff_", "labels_", "image_info_", "", "panoptic_", "captions_"];

/// An annotation file and the name of its split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) split: Option<String>,
}

/// The annotation files at `root`, which may be one itself.
pub(super) fn find(root: &Path) -> Result<Vec<Found>, Error> {
    if root.is_file() {
        return Ok(if is_coco(root) {
            vec![Found { path: root.to_owned(), split: None }]
        } else {
            Vec::new()
        });
    }
    if let Some(path) = plain(root) {
        // Images that are in no split stand beside those that are.
        let mut found = in_split_folders(root)?;
        found.retain(|found| found.split.as_deref().is_some_and(is_usual_split));
        found.push(Found { path, split: None });
        return Ok(found);
    }
    let found = by_topic(&root.join("annotations"));
    if !found.is_empty() {
        return Ok(found);
    }
    let mut found = in_split_folders(root)?;
    if found.is_empty() {
        found = alone(root)?;
    }
    Ok(found)
}

/// The file that stands by itself in a folder under one of its usual names.
fn plain(folder: &Path) -> Option<PathBuf> {
    let names = ["annotations.json", "_annotations.coco.json", "instances_default.json"];
    names.iter().map(|name| folder.join(name)).find(|path| path.is_file() && is_coco(path))
}

/// The one COCO file among the JSON files of a folder.
fn alone(folder: &Path) -> Result<Vec<Found>, Error> {
    let mut files = json_files(folder);
    files.retain(|path| is_coco(path));
    match files.len() {
        0 | 1 => Ok(files.into_iter().map(|path| Found { path, split: None }).collect()),
        _ => {
            let names: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
            Err(Error::new(ErrorKind::UnknownFormat, format!("several COCO files: {}", names.join(", ")))
                .hint("name one of them"))
        }
    }
}

/// `annotations/instances_train.json` and its like, one for each split.
fn by_topic(folder: &Path) -> Vec<Found> {
    let files = json_files(folder);
    let mut found: Vec<Found> = Vec::new();
    for topic in TOPICS {
        for path in &files {
            let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
            let Some(split) = stem.strip_prefix(topic) else { continue };
            if topic.is_empty() && is_other_topic(stem) || !is_coco(path) {
                continue;
            }
            let split = Some(canonical(split)).filter(|split| split != "default");
            if found.iter().all(|earlier| earlier.split != split) && (!topic.is_empty() || found.is_empty()) {
                found.push(Found { path: path.clone(), split });
            }
        }
    }
    if let [only] = &mut found[..]
        && only.split.as_deref() == Some("annotations")
    {
        only.split = None;
    }
    found
}

fn is_other_topic(stem: &str) -> bool {
    stem.starts_with("captions_") || stem.starts_with("panoptic_")
}

fn in_split_folders(root: &Path) -> Result<Vec<Found>, Error> {
    let entries = fs::read_dir(root).map_err(|error| Error::io("list", root, error))?;
    let mut found: Vec<Found> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            plain(&entry.path()).map(|path| Found { path, split: Some(canonical(&name)) })
        })
        .collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")))
        .collect();
    files.sort();
    files
}

/// A split under its usual name. Targets make folders of it, so it is never a
/// path: in data.yaml it is a key like any other.
pub(crate) fn canonical(name: &str) -> String {
    match name.to_ascii_lowercase().as_str() {
        "val" | "valid" | "validation" => "val".to_owned(),
        "train" | "training" => "train".to_owned(),
        "test" | "testing" => "test".to_owned(),
        _ if name.bytes().all(|byte| byte == b'.') => "_".to_owned(),
        _ => name.replace(['/', '\\', ':', '\0'], "_"),
    }
}

fn is_usual_split(name: &str) -> bool {
    ["train", "val", "test"].iter().any(|usual| name.starts_with(usual))
}

/// Whether the first key of a file is one that COCO has.
fn is_coco(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    let first = Window::new(file).value(|_, cursor| {
        pass_mark(cursor);
        cursor.expect(b'{', "an object")?;
        Ok::<_, Fault>(cursor.key()?.to_vec())
    });
    first.is_ok_and(|key| key.is_ok_and(|key| KEYS.contains(&&key[..])))
}

/// Some editors put a mark before UTF-8.
pub(super) fn pass_mark(cursor: &mut Cursor<'_>) {
    if cursor.starts_with(b"\xef\xbb\xbf") {
        cursor.go_to(3);
    }
}

/// The folder that the paths of images start from: the first below which one
/// of `samples` is found.
pub(super) fn picture_folder(root: &Path, found: &Found, samples: &[&str]) -> PathBuf {
    let own = found.path.parent().unwrap_or(root);
    let root = if root.is_file() { own.parent().unwrap_or(own) } else { root };
    let mut folders = vec![own.to_owned(), own.join("images"), root.to_owned(), root.join("images")];
    if let Some(split) = &found.split {
        for name in [&split[..], "valid"].iter().take(if split == "val" { 2 } else { 1 }) {
            folders.extend([root.join(name), root.join("images").join(name), root.join(name).join("images")]);
        }
    }
    let has_one = |folder: &&PathBuf| samples.iter().any(|path| folder.join(path).is_file());
    folders.iter().find(has_one).cloned().unwrap_or_else(|| own.to_owned())
}
