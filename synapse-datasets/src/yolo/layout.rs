//! Where the files of a YOLO dataset are.

use super::write::UNSPLIT;
use crate::coco::canonical;
use crate::error::{Error, ErrorKind};
use crate::model::Class;
use crate::walk::first_folder;
use crate::yaml::{self, Node};
use std::fs;
use std::path::{Path, PathBuf};

/// More classes than this are a mistake in the file.
const MAX_CLASSES: usize = 1_000_000;

/// Keys of the YAML file that are no splits.
const OTHER_KEYS: [&str; 9] =
    ["path", "names", "nc", "kpt_shape", "kpt_names", "flip_idx", "download", "channels", "task"];

/// What was found at a path.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    pub(super) classes: Vec<Class>,
    pub(super) splits: Vec<Split>,
    pub(super) joints: Option<JointShape>,
    pub(super) flip: Vec<u32>,
    /// Whether the file says that four corners are a turned box.
    pub(super) is_oriented: bool,
    /// Splits that the file names and that are not there.
    pub(super) missing: Vec<(PathBuf, String)>,
}

/// How many joints an object has and how many numbers a joint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct JointShape {
    pub(super) count: usize,
    pub(super) numbers: usize,
}

/// A split and where its images come from.
#[derive(Clone, Debug)]
pub(super) struct Split {
    pub(super) name: Option<String>,
    pub(super) places: Vec<Place>,
}

/// A folder of images with its labels, or a file that lists images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Folder { images: PathBuf, labels: PathBuf },
    List { file: PathBuf, base: PathBuf },
}

/// The dataset at `root`, a folder or its YAML file. `None` if it is not YOLO.
pub(super) fn find(root: &Path) -> Result<Option<Layout>, Error> {
    if root.is_file() {
        return if is_yaml(root) { from_yaml(root) } else { Ok(None) };
    }
    for path in yaml_files(root) {
        if let Some(layout) = from_yaml(&path)? {
            return Ok(Some(layout));
        }
    }
    if let Some(layout) = from_darknet(root)? {
        return Ok(Some(layout));
    }
    let splits = folders(root);
    let has_labels = splits.iter().flat_map(|split| &split.places).any(|place| match place {
        Place::Folder { images, labels } => images != labels && labels.is_dir(),
        Place::List { .. } => true,
    });
    let classes = names_file(root)?;
    if splits.is_empty() || !has_labels || root.join("json").is_dir() {
        return Ok(None);
    }
    Ok(Some(Layout { classes, splits, ..Layout::default() }))
}

fn is_usual_name(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem == "data" || stem == "dataset")
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml")
}

/// YAML files, those with the usual names first.
fn yaml_files(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| is_yaml(path)).collect();
    let rank = |path: &PathBuf| match path.file_stem().and_then(|stem| stem.to_str()) {
        Some("data") => 0,
        Some("dataset") => 1,
        _ => 2,
    };
    files.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.cmp(b)));
    files
}

fn from_yaml(path: &Path) -> Result<Option<Layout>, Error> {
    let text = read_text(path)?;
    let root = path.parent().unwrap_or(path);
    let node = match yaml::parse(&text, path) {
        Ok(node) => node,
        // Another file may not be about the dataset at all.
        Err(_) if !is_usual_name(path) => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some(classes) = node.get("names").map(|names| classes(names, path)).transpose()? else {
        return Ok(None);
    };
    let is_oriented = node.get("task").and_then(Node::text) == Some("obb");
    let mut layout = Layout { classes, is_oriented, ..Layout::default() };
    if let Some([count, numbers]) = node.get("kpt_shape").and_then(Node::numbers).as_deref() {
        layout.joints = Some(JointShape { count: *count as usize, numbers: *numbers as usize });
        layout.flip = node.get("flip_idx").and_then(Node::numbers).unwrap_or_default();
        name_joints(&mut layout.classes, *count, node.get("kpt_names"));
    }
    let base = match node.get("path").and_then(Node::text) {
        Some(base) if root.join(base).is_dir() => root.join(base),
        _ => root.to_owned(),
    };
    let Node::Map(entries) = &node else { return Ok(None) };
    for (key, value) in entries.iter().filter(|(key, _)| !OTHER_KEYS.contains(&&key[..])) {
        let is_usual = ["train", "val", "valid", "test"].contains(&&key[..]);
        let mut places = Vec::new();
        for text in value.texts() {
            match resolve(root, &base, text) {
                Some(place) => places.push(place),
                None if is_usual => layout.missing.push((path.to_owned(), format!("{key}: {text}"))),
                None => {}
            }
        }
        add_split(&mut layout.splits, key, places);
    }
    if layout.splits.is_empty() {
        layout.splits = folders(root);
    }
    Ok(Some(layout))
}

/// Adds a split. One with the places of another is the whole dataset, given
/// twice because readers ask for both.
fn add_split(splits: &mut Vec<Split>, key: &str, places: Vec<Place>) {
    if places.is_empty() {
        return;
    }
    match splits.iter_mut().find(|split| split.places == places) {
        Some(same) => same.name = None,
        None if key == UNSPLIT => splits.push(Split { name: None, places }),
        None => splits.push(Split { name: Some(split_name(key, &places)), places }),
    }
}

/// The name of a split: that of its folder if it says more than the key, as
/// `train2017` does.
fn split_name(key: &str, places: &[Place]) -> String {
    let [Place::Folder { images, .. }] = places else { return canonical(key) };
    let mut names = images.iter().rev().filter_map(|name| name.to_str()).filter(|name| *name != "images");
    let folder = names.next().filter(|name| name.starts_with(key) && name.len() > key.len());
    canonical(folder.unwrap_or(key))
}

/// What a path of the YAML file leads to.
fn resolve(root: &Path, base: &Path, text: &str) -> Option<Place> {
    let text = text.replace('\\', "/");
    let inner = text.trim_start_matches("./").trim_start_matches("../").to_owned();
    let tries = [base.join(&text), root.join(&text), base.join(&inner), root.join(&inner)];
    let other = inner.replacen("valid", "val", 1);
    let path = tries.into_iter().chain([root.join(other)]).find(|path| path.exists())?;
    if path.is_file() {
        return Some(Place::List { file: path, base: base.to_owned() });
    }
    // A folder that holds the images one level below.
    let images = first_folder(&path, &["images", "img", "imgs"]).unwrap_or(path);
    let labels = labels_of(&images);
    Some(Place::Folder { images, labels })
}

/// The folder of the labels that belong to a folder of images: the same with
/// the last `images` in its path as `labels`, or else that folder itself.
pub(super) fn labels_of(images: &Path) -> PathBuf {
    let parts: Vec<_> = images.components().collect();
    let is_images = |part: &std::path::Component<'_>| {
        ["images", "Images", "img", "imgs"].iter().any(|name| part.as_os_str() == *name)
    };
    let Some(at) = parts.iter().rposition(is_images) else { return images.to_owned() };
    let with = |name: &str| -> PathBuf {
        parts
            .iter()
            .enumerate()
            .map(|(index, part)| if index == at { name.as_ref() } else { part.as_os_str() })
            .collect()
    };
    let names = ["labels", "Labels", "labelTxt", "Annotations"];
    names.iter().map(|name| with(name)).find(|path| path.is_dir()).unwrap_or_else(|| with("labels"))
}

/// Splits told by folders alone.
fn folders(root: &Path) -> Vec<Split> {
    let mut splits = Vec::new();
    for key in ["train", "val", "valid", "validation", "test"] {
        let inside = [root.join("images").join(key), root.join(key).join("images")];
        let places: Vec<Place> = inside
            .into_iter()
            .filter(|images| images.is_dir())
            .map(|images| Place::Folder { labels: labels_of(&images), images })
            .collect();
        add_split(&mut splits, key, places);
    }
    if splits.is_empty()
        && let Some(images) = first_folder(root, &["images", "img", "imgs", "Images"])
    {
        let labels = labels_of(&images);
        splits.push(Split { name: None, places: vec![Place::Folder { images, labels }] });
    }
    splits
}

/// The layout of the first YOLO: `obj.data` names all other files.
fn from_darknet(root: &Path) -> Result<Option<Layout>, Error> {
    let path = root.join("obj.data");
    if !path.is_file() {
        return Ok(None);
    }
    let text = read_text(&path)?;
    let mut layout = Layout { classes: names_file(root)?, ..Layout::default() };
    for line in text.lines() {
        let Some((key, value)) = line.split_once('=') else { continue };
        let (key, value) = (key.trim(), value.trim());
        if !matches!(key, "train" | "valid" | "val" | "test") {
            continue;
        }
        match in_darknet(root, value) {
            Some(file) => {
                add_split(&mut layout.splits, key, vec![Place::List { file, base: root.to_owned() }]);
            }
            None => layout.missing.push((path.clone(), format!("{key} = {value}"))),
        }
    }
    Ok(Some(layout))
}

/// Paths of that layout start with `data/`, whatever the folder is called.
pub(super) fn in_darknet(root: &Path, path: &str) -> Option<PathBuf> {
    let inner = path.strip_prefix("data/").unwrap_or(path);
    [root.join(inner), root.join(path)].into_iter().find(|path| path.is_file())
}

fn names_file(root: &Path) -> Result<Vec<Class>, Error> {
    let names = ["classes.txt", "obj.names", "labels.txt"];
    let Some(path) = names.iter().map(|name| root.join(name)).find(|path| path.is_file()) else {
        return Ok(Vec::new());
    };
    let text = read_text(&path)?;
    Ok(text
        .trim_start_matches('\u{feff}')
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(Class::named)
        .collect())
}

fn read_text(path: &Path) -> Result<String, Error> {
    let bytes = fs::read(path).map_err(|error| Error::io("read", path, error))?;
    String::from_utf8(bytes).map_err(|_| invalid(path, "not UTF-8"))
}

fn invalid(path: &Path, message: &str) -> Error {
    Error::new(ErrorKind::Data(crate::ProblemKind::Malformed), message).at(crate::Place::file(path))
}

/// The names of the classes: a list, or a map by number that may have gaps.
fn classes(names: &Node, path: &Path) -> Result<Vec<Class>, Error> {
    let scalar = |node: &Node| match node {
        Node::Text(text) => text.clone(),
        _ => String::new(),
    };
    match names {
        Node::List(names) => Ok(names.iter().map(|name| Class::named(scalar(name))).collect()),
        Node::Map(entries) => {
            let mut classes = Vec::new();
            for (key, name) in entries {
                let index: usize =
                    key.trim().parse().map_err(|_| invalid(path, "names: a key is not a number"))?;
                if index >= MAX_CLASSES {
                    return Err(invalid(path, "names: more classes than anyone has"));
                }
                while classes.len() <= index {
                    classes.push(Class::named(format!("class_{}", classes.len())));
                }
                classes[index] = Class::named(scalar(name));
            }
            Ok(classes)
        }
        Node::Text(_) => Err(invalid(path, "names: a list or a map is needed")),
    }
}

fn name_joints(classes: &mut [Class], count: u32, names: Option<&Node>) {
    let numbered = || (0..count).map(|joint| format!("joint_{joint}")).collect();
    for (index, class) in classes.iter_mut().enumerate() {
        let own = names.map(|names| names.get(&index.to_string()).map(Node::texts).unwrap_or_default());
        class.joints = match own {
            None => numbered(),
            Some(own) => own.into_iter().map(str::to_owned).collect(),
        };
    }
}
