//! Where the files of a VOC dataset are.

use crate::coco::canonical;
use crate::error::Error;
use crate::paths::{self, is_picture, split_ending};
use crate::report::Notes;
use crate::walk::{self, first_folder};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A folder of XML files and the one of their images.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// The folder all of it is in.
    pub(super) root: PathBuf,
    pub(super) annotations: PathBuf,
    pub(super) images: PathBuf,
    /// The XML files, sorted, and the split of each.
    pub(super) files: Vec<(String, Option<String>)>,
}

/// The groups of files at `root`.
pub(super) fn find(root: &Path, notes: &mut Notes) -> Result<Vec<Group>, Error> {
    if !root.is_dir() {
        return Ok(Vec::new());
    }
    if let Some(group) = group(root, None, notes)? {
        return Ok(vec![group]);
    }
    let mut groups = Vec::new();
    for name in ["train", "val", "valid", "validation", "test"] {
        let folder = root.join(name);
        if folder.is_dir() {
            groups.extend(group(&folder, Some(canonical(name)), notes)?);
        }
    }
    Ok(groups)
}

fn group(folder: &Path, split: Option<String>, notes: &mut Notes) -> Result<Option<Group>, Error> {
    let annotations =
        first_folder(folder, &["Annotations", "annotations"]).unwrap_or_else(|| folder.to_owned());
    let is_folder_of_its_own = annotations != folder;
    let names = if is_folder_of_its_own {
        walk::files_of_dataset(&annotations, &is_xml, notes)?
    } else {
        let entries = fs::read_dir(folder).map_err(|error| Error::io("list", folder, error))?;
        let mut names: Vec<String> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| is_xml(name))
            .collect();
        names.sort_unstable();
        names
    };
    let images =
        first_folder(folder, &["JPEGImages", "Images", "images"]).unwrap_or_else(|| folder.to_owned());
    let sets = image_sets(folder)?;
    if names.is_empty() && sets.is_empty() {
        return Ok(None);
    }
    let mut files: Vec<(String, Option<String>)> = names
        .into_iter()
        .map(|name| {
            let set = sets.get(split_ending(&name).0).cloned();
            (name, set.or_else(|| split.clone()))
        })
        .collect();
    let known: HashSet<&str> = files.iter().map(|(name, _)| split_ending(name).0).collect();
    // An image of a set that has no annotations yet, as those of a test set.
    let mut bare: Vec<(String, Option<String>)> = sets
        .iter()
        .filter(|(stem, _)| !known.contains(stem.as_str()) && find_image(&images, stem).is_some())
        .map(|(stem, set)| (format!("{stem}.xml"), Some(set.clone())))
        .collect();
    files.append(&mut bare);
    files.sort_unstable();
    Ok(Some(Group { root: folder.to_owned(), annotations, images, files }))
}

fn is_xml(name: &str) -> bool {
    name.len() > 4 && name.as_bytes()[name.len() - 4..].eq_ignore_ascii_case(b".xml")
}

/// The set of each image: those of objects, and for images in none of these
/// those of masks.
fn image_sets(folder: &Path) -> Result<HashMap<String, String>, Error> {
    let mut sets = HashMap::new();
    for kind in ["Main", "Segmentation"] {
        add_sets(&folder.join("ImageSets").join(kind), &mut sets)?;
    }
    Ok(sets)
}

/// Sets of one class have its name before a `_` and are no splits; `trainval`
/// says nothing if its parts are there.
fn add_sets(folder: &Path, sets: &mut HashMap<String, String>) -> Result<(), Error> {
    if !folder.is_dir() {
        return Ok(());
    }
    let mut names = walk::files(folder, &|name| name.ends_with(".txt") && !name.contains('_'))?;
    names.sort_by_key(|name| name == "trainval.txt");
    for name in names {
        let path = folder.join(&name);
        let bytes = fs::read(&path).map_err(|error| Error::io("read", &path, error))?;
        let text = String::from_utf8_lossy(&bytes);
        let set = canonical(name.trim_end_matches(".txt"));
        for line in text.trim_start_matches('\u{feff}').lines() {
            let stem = line.trim();
            if let paths::Checked::Safe(stem) = paths::check(stem) {
                sets.entry(stem).or_insert_with(|| set.clone());
            }
        }
    }
    Ok(())
}

/// The image with this stem, in whatever kind it is stored.
pub(super) fn find_image(images: &Path, stem: &str) -> Option<String> {
    let endings = ["jpg", "jpeg", "png", "JPG", "JPEG", "PNG", "bmp", "webp", "tif", "tiff", "gif"];
    endings
        .iter()
        .map(|ending| format!("{stem}.{ending}"))
        .find(|name| is_picture(name) && images.join(name).is_file())
}
