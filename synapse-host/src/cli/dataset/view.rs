//! `synapse dataset view`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use synapse_datasets::{Dataset, DrawOptions, Watch};
use synapse_sdk::errors::{Result, ResultExt};
use synapse_sdk::{ErrorKind, PluginError};

use super::progress::Stage;
use super::source::{DatasetArg, SourceArgs};
use super::tallies::counted;
use crate::cli::output::Output;
use crate::dataset_error::told;

/// Draw annotations on their pictures, as a PNG file.
///
/// Boxes, polygons, masks, joints and points, a colour a class, with a legend.
/// Several images make a contact sheet. JPEG and PNG files are shown; of others
/// the annotations are drawn on grey.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse dataset view coco/ --index 12 --out page.png
  synapse dataset view coco/ --index 0-8 --out sheet.png
  synapse dataset view coco/ --image train/000012.jpg --out page.png
  synapse dataset view yolo/ --index 3,5,8 --columns 3 --side 300 --out sheet.png")]
pub(crate) struct ViewArgs {
    #[command(flatten)]
    dataset: DatasetArg,
    #[command(flatten)]
    source: SourceArgs,
    /// Which images, by number from 0: `12`, `3,5,8` or `0-8` [default: the first nine]
    #[arg(short, long, value_name = "NUMBERS", value_parser = numbers, conflicts_with = "image")]
    index: Option<Numbers>,
    /// Which image, by its path in the dataset or the end of it; may be given again
    #[arg(long, value_name = "PATH")]
    image: Vec<String>,
    /// The PNG file to write
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// How many pictures stand beside each other
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    columns: usize,
    /// The longer side of each picture, in pixels [default: 1024, of several 400]
    #[arg(long, value_name = "PIXELS")]
    side: Option<u32>,
}

/// Numbers of images.
#[derive(Clone, Debug, PartialEq)]
struct Numbers(Vec<usize>);

/// So many images stand on a page if nothing else is said.
const USUAL: usize = 9;

/// More than these nobody can look at.
const MOST: usize = 400;

fn numbers(text: &str) -> std::result::Result<Numbers, String> {
    const EXPECTED: &str = "expected numbers such as 12, 3,5,8 or 0-8";
    let mut numbers = Vec::new();
    for part in text.split(',') {
        let number = |text: &str| text.trim().parse::<usize>().map_err(|_| EXPECTED.to_owned());
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None => (number(part)?, number(part)?),
        };
        if first > last || last - first >= MOST || numbers.len() > MOST {
            return Err(format!("{EXPECTED}, {MOST} images at most"));
        }
        numbers.extend(first..=last);
    }
    Ok(Numbers(numbers))
}

impl ViewArgs {
    pub(crate) fn execute(self, output: &mut Output) -> Result<()> {
        let mut stage = Stage::new(output)?;
        let dataset = self.source.open(&self.dataset.dataset, None, &mut stage)?;
        let images = self.images(&dataset)?;
        let side = self.side.unwrap_or(if images.len() == 1 { 1024 } else { 400 });
        let options = DrawOptions { side, columns: self.columns };
        let page = stage.show("draw", "images", &Watch::new(), || dataset.draw(&images, &options))?;
        std::fs::write(&self.out, page).with_context(|| format!("--out {}", self.out.display()))?;
        let paths: Vec<&str> = images.iter().map(|image| dataset.source().image(*image).1).collect();
        let document = json!({
            "view": {
                "dataset": self.dataset.dataset,
                "format": dataset.format().name(),
                "out": self.out,
                "images": images,
                "paths": paths,
            }
        });
        stage.end().document(&document, |_| {
            format!("{}: {}\n", self.out.display(), counted(images.len() as u64, "image"))
        })
    }

    fn images(&self, dataset: &Dataset) -> Result<Vec<usize>> {
        if dataset.is_empty() {
            let error = synapse_datasets::Error::new(
                synapse_datasets::ErrorKind::Options,
                "the dataset has no images",
            );
            return Err(told(error));
        }
        if !self.image.is_empty() {
            return self.image.iter().map(|path| by_path(dataset, path)).collect();
        }
        Ok(match &self.index {
            Some(Numbers(numbers)) => numbers.clone(),
            None => (0..dataset.len().min(USUAL)).collect(),
        })
    }
}

/// The image with this path, or the first whose path ends with it.
fn by_path(dataset: &Dataset, wanted: &str) -> Result<usize> {
    let source = dataset.source();
    let path = |index: usize| source.image(index).1;
    let ends =
        |path: &str| path.strip_suffix(wanted).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'));
    let exact = (0..dataset.len()).find(|index| path(*index) == wanted);
    exact.or_else(|| (0..dataset.len()).find(|index| ends(path(*index)))).ok_or_else(|| {
        PluginError::new(ErrorKind::NotFound, format!("there is no image `{wanted}` in the dataset"))
            .hint(format!("its first image is `{}`", path(0)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_chosen_by_numbers_and_ranges() {
        assert_eq!(numbers("12"), Ok(Numbers(vec![12])));
        assert_eq!(numbers("0-2, 7"), Ok(Numbers(vec![0, 1, 2, 7])));
        assert!(numbers("2-1").is_err() && numbers("a").is_err() && numbers("0-99999999999").is_err());
    }
}
