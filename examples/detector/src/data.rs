//! A dataset in YOLO's layout: a picture and a text file of boxes each.

use std::fs;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use synapse_sdk::errors::{PluginError, ResultExt, ValidationError};

use crate::boxes::Box2;
use crate::picture::Picture;

/// A picture and where its buoys are.
pub type Sample = (Picture, Vec<Box2>);

const YAML: &str = "path: .\ntrain: images/train\nval: images/valid\nnames:\n  0: buoy\n";

/// Draws a dataset: `images/train`, `images/valid`, and `labels` beside them.
///
/// # Errors
/// A file cannot be written.
pub fn make(folder: &Path, train: usize, seed: u64) -> Result<(), PluginError> {
    let mut rng = Rng::with_seed(seed);
    for (split, count) in [("train", train), ("valid", train.div_ceil(4))] {
        let [images, labels] = ["images", "labels"].map(|kind| folder.join(kind).join(split));
        fs::create_dir_all(&images)?;
        fs::create_dir_all(&labels)?;
        for number in 0..count {
            let (picture, boxes) = Picture::draw(&mut rng);
            picture.save(&images.join(format!("{number:04}.png")))?;
            let lines = boxes.iter().map(|b| format!("0 {} {} {} {}\n", b.x, b.y, b.width, b.height));
            fs::write(labels.join(format!("{number:04}.txt")), lines.collect::<String>())?;
        }
    }
    fs::write(folder.join("dataset.yaml"), YAML)?;
    Ok(())
}

/// Reads the pictures of a split, in the order of their names, with their boxes.
///
/// # Errors
/// There are none; a picture or its boxes cannot be read.
pub fn load(images: &Path) -> Result<Vec<Sample>, PluginError> {
    let entries = fs::read_dir(images).with_context(|| format!("reading {}", images.display()))?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "png"));
    paths.sort();
    if paths.is_empty() {
        return Err(ValidationError::new(format!("there are no PNG files in {}", images.display())));
    }
    paths.iter().map(|path| Ok((Picture::load(path)?, labels_of(path)?))).collect()
}

/// The boxes of `…/images/train/a.png` are in `…/labels/train/a.txt`. A picture
/// without such a file has none.
fn labels_of(picture: &Path) -> Result<Vec<Box2>, PluginError> {
    let place = || Some((picture.parent()?, picture.parent()?.parent()?.parent()?));
    let Some((folder, root)) = place() else { return Ok(Vec::new()) };
    let split = folder.file_name().unwrap_or_default();
    let name = picture.with_extension("txt");
    let path = root.join("labels").join(split).join(name.file_name().unwrap_or_default());
    let Ok(text) = fs::read_to_string(&path) else { return Ok(Vec::new()) };
    text.lines().enumerate().map(|(number, line)| parse(line, &path, number + 1)).collect()
}

fn parse(line: &str, path: &Path, number: usize) -> Result<Box2, PluginError> {
    let fields: Vec<f32> = line.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    let [_, x, y, width, height] = fields[..] else {
        let message = format!("{}:{number}: `{line}` is no box", path.display());
        return Err(ValidationError::new(message).hint("a line is: class x y width height"));
    };
    Ok(Box2 { x, y, width, height })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_read_with_its_boxes() -> Result<(), PluginError> {
        let folder = tempfile::tempdir()?;
        make(folder.path(), 5, 7)?;
        let train = load(&folder.path().join("images/train"))?;
        assert_eq!(train.len(), 5);
        assert!(train.iter().all(|(_, boxes)| !boxes.is_empty()));
        fs::write(folder.path().join("labels/valid/0000.txt"), "0 0.5 0.5 0.1 0.1\n0 half\n")?;
        let error = load(&folder.path().join("images/valid")).expect_err("half a box");
        assert!(error.message().ends_with("0000.txt:2: `0 half` is no box"), "{error}");
        Ok(())
    }
}
