//! Makes small datasets and looks at what became of them.

#![expect(clippy::unwrap_used, reason = "tests")]
#![allow(dead_code, reason = "each test file uses some of it")]

use std::fs;
use std::path::{Path, PathBuf};
use synapse_datasets::{
    Annotation, ConvertOptions, Dataset, Format, Header, Id, Item, Kind, OnError, ReadOptions, Report, Shape,
};
use tempfile::TempDir;

/// A folder that is removed at the end.
pub(crate) struct Work(TempDir);

impl Work {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.0.path().join(relative)
    }

    pub(crate) fn write(&self, relative: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// A picture as far as its size goes.
    pub(crate) fn picture(&self, relative: &str, width: u32, height: u32) -> PathBuf {
        let mut bmp = b"BM".to_vec();
        bmp.extend([0; 12]);
        bmp.extend(40u32.to_le_bytes());
        bmp.extend(width.to_le_bytes());
        bmp.extend(height.to_le_bytes());
        bmp.extend([0; 28]);
        self.write(relative, bmp)
    }

    pub(crate) fn read(&self, relative: &str) -> String {
        fs::read_to_string(self.path(relative)).unwrap()
    }

    /// The files below a folder, sorted.
    pub(crate) fn files(&self, relative: &str) -> Vec<String> {
        let root = self.path(relative);
        let mut found = Vec::new();
        collect(&root, &root, &mut found);
        found.sort();
        found
    }

    pub(crate) fn convert(&self, from: &str, format: Format, to: &str) -> Report {
        let dataset = Dataset::open(self.path(from)).unwrap();
        dataset.convert(format, self.path(to), &ConvertOptions::default()).unwrap()
    }
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else {
            found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
        }
    }
}

pub(crate) fn open(path: &Path, on_error: OnError) -> Result<Dataset, synapse_datasets::Error> {
    let options = ReadOptions { on_error, ..ReadOptions::default() };
    Dataset::open_as(path, Dataset::detect(path)?, &options)
}

pub(crate) fn items(dataset: &Dataset) -> Vec<Item> {
    let mut items = Vec::new();
    dataset
        .for_each(|item| {
            items.push(item.clone());
            Ok(())
        })
        .unwrap();
    items
}

/// An annotation with everything in plain sight.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seen {
    pub(crate) kind: String,
    pub(crate) id: Option<String>,
    pub(crate) class: Option<String>,
    pub(crate) bbox: Option<Vec<f64>>,
    pub(crate) rings: Vec<Vec<[f64; 2]>>,
    pub(crate) runs: Option<Vec<u32>>,
    pub(crate) joints: Vec<(f64, f64, Option<u8>)>,
    pub(crate) rotation: Option<f64>,
    pub(crate) area: Option<f64>,
    pub(crate) crowd: bool,
    pub(crate) score: Option<f64>,
    pub(crate) flags: [bool; 3],
    pub(crate) pose: Option<String>,
    pub(crate) attributes: String,
    pub(crate) extra: String,
    pub(crate) xml: String,
}

pub(crate) fn seen(header: &Header, item: &Item, annotation: &Annotation) -> Seen {
    let kind = match annotation.kind {
        Kind::Object => "object".to_owned(),
        Kind::Polyline => "polyline".to_owned(),
        Kind::Point { group } => format!("point of {:?}", group.map(|group| item.text(group))),
        Kind::Label => "label".to_owned(),
        Kind::Other { tool, data } => format!("{} {}", item.text(tool), compact(item.text(data))),
    };
    let voc = annotation.voc;
    Seen {
        kind,
        id: annotation.id.map(|id| match id {
            Id::Number(number) => number.to_string(),
            Id::Text(text) => item.text(text).to_owned(),
        }),
        class: annotation.class.map(|class| header.classes[class as usize].name.clone()),
        bbox: annotation.bbox.map(|bbox| bbox.to_vec()),
        rings: item.rings(annotation.shape).map(<[_]>::to_vec).collect(),
        runs: match annotation.shape {
            Shape::Mask(mask) => Some(item.runs(mask).to_vec()),
            _ => None,
        },
        joints: item.joints(annotation).iter().map(|joint| (joint.x, joint.y, joint.seen)).collect(),
        rotation: annotation.rotation,
        area: annotation.area,
        crowd: annotation.crowd == Some(true),
        score: annotation.score,
        flags: [voc.difficult, voc.truncated, voc.occluded].map(|flag| flag == Some(true)),
        pose: voc.pose.map(|pose| item.text(pose).to_owned()),
        attributes: compact(&format!("{{{}}}", item.text(annotation.attributes))),
        extra: compact(&format!("{{{}}}", item.text(annotation.extra))),
        xml: item.text(annotation.xml).to_owned(),
    }
}

fn compact(json: &str) -> String {
    serde_json::from_str::<serde_json::Value>(json).unwrap().to_string()
}

/// Every annotation of a dataset, by image path.
pub(crate) fn all_seen(dataset: &Dataset) -> Vec<(String, Vec<Seen>)> {
    let look = |item: &Item| {
        let annotations =
            item.annotations.iter().map(|annotation| seen(dataset.header(), item, annotation)).collect();
        (item.image.path.clone(), annotations)
    };
    items(dataset).iter().map(look).collect()
}

/// The formats that hold more than a label for each image.
pub(crate) fn annotated() -> impl Iterator<Item = Format> {
    Format::ALL.into_iter().filter(|format| *format != Format::ImageFolder)
}
