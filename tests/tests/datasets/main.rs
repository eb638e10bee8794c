//! `synapse dataset`: what a user does with annotated images.

mod commands;
mod conversions;
mod shapes;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use synapse_tests::{Invocation, Synapse};
use tempfile::TempDir;

/// A folder with datasets.
struct Bench {
    synapse: Synapse,
    folder: TempDir,
}

impl Bench {
    /// With a COCO dataset of two images in `coco`.
    fn new() -> Self {
        let bench = Self { synapse: Synapse::new(), folder: tempfile::tempdir().expect("a folder") };
        bench.write("coco/annotations.json", &coco().to_string());
        for name in ["a.bmp", "b c.bmp"] {
            bench.picture(&format!("coco/{name}"), 100, 50);
        }
        bench
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    fn write(&self, relative: &str, text: &str) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().expect("a folder above")).expect("it can be made");
        fs::write(path, text).expect("it can be written");
    }

    /// A picture as far as its size goes.
    fn picture(&self, relative: &str, width: u32, height: u32) {
        let mut bmp = b"BM".to_vec();
        bmp.extend([0; 12]);
        bmp.extend(40u32.to_le_bytes());
        bmp.extend(width.to_le_bytes());
        bmp.extend(height.to_le_bytes());
        bmp.extend([0; 28]);
        fs::write(self.path(relative), bmp).expect("it can be written");
    }

    fn read(&self, relative: &str) -> String {
        fs::read_to_string(self.path(relative)).expect("it is there")
    }

    /// The names in a folder, sorted.
    fn names(&self, relative: &str) -> Vec<String> {
        let names = fs::read_dir(self.path(relative)).expect("it is there");
        let mut names: Vec<String> =
            names.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// `synapse dataset …` in the folder.
    fn call(&self, words: &str) -> Invocation {
        self.synapse.call("dataset").words(words).within(Path::new(self.folder.path()))
    }
}

fn coco() -> Value {
    json!({
        "info": {"description": "two"},
        "images": [
            {"id": 1, "file_name": "a.bmp", "width": 100, "height": 50},
            {"id": 2, "file_name": "b c.bmp", "width": 100, "height": 50},
        ],
        "categories": [{"id": 3, "name": "cat"}, {"id": 7, "name": "dog"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 7, "bbox": [10, 10, 20, 20], "area": 400, "iscrowd": 0,
             "segmentation": [[10, 10, 30, 10, 30, 30, 10, 30]]},
            {"id": 2, "image_id": 1, "category_id": 3, "bbox": [0, 0, 5, 5], "area": 25, "iscrowd": 0},
            {"id": 3, "image_id": 2, "category_id": 7, "bbox": [50, 5, 40, 40], "area": 1600, "iscrowd": 0},
        ],
    })
}
