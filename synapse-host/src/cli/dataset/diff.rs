//! `synapse dataset diff`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use synapse_datasets::{Diff, DiffOptions};
use synapse_sdk::errors::Result;
use synapse_sdk::{ErrorKind, PluginError};

use super::progress::Stage;
use super::source::SourceArgs;
use super::tallies::{counted, grouped};
use crate::cli::output::{Output, table};

/// Compare two datasets, of whatever formats.
///
/// Images are the same by their path (a format without folders makes one name
/// of it), annotations by their class and how much they overlap. Exit code 3
/// says that something differs.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse dataset diff before/ after/
  synapse dataset diff coco/ yolo/ --tolerance 0.5
  synapse dataset diff labels-v1/ labels-v2/ --limit 0 --json")]
pub(crate) struct DiffArgs {
    /// The first dataset
    #[arg(value_name = "A")]
    a: PathBuf,
    /// The second dataset
    #[arg(value_name = "B")]
    b: PathBuf,
    #[command(flatten)]
    source: SourceArgs,
    /// How far apart coordinates may be and still be the same, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 0.01)]
    tolerance: f64,
    /// How much two boxes overlap at least to be of the same object, as
    /// intersection over union
    #[arg(long, value_name = "PART", default_value_t = 0.5)]
    overlap: f64,
    /// How many cases of each kind are shown; 0 for all
    #[arg(long, value_name = "N", default_value_t = 5)]
    limit: usize,
}

impl DiffArgs {
    pub(crate) fn execute(self, output: &mut Output) -> Result<()> {
        let mut stage = Stage::new(output)?;
        let a = self.source.open(&self.a, None, &mut stage)?;
        let b = self.source.open(&self.b, None, &mut stage)?;
        let examples = if self.limit == 0 { usize::MAX } else { self.limit };
        let options = DiffOptions {
            tolerance: self.tolerance,
            overlap: self.overlap,
            examples,
            ..DiffOptions::default()
        };
        let watch = options.watch.clone();
        let diff = stage.show("compare", "images", &watch, || a.diff(&b, &options))?;
        let output = stage.end();
        let document = json!({
            "diff": {
                "a": self.a, "a_format": a.format().name(),
                "b": self.b, "b_format": b.format().name(),
                "same": diff.is_same(),
                "images": diff.images,
                "annotations": diff.annotations,
                "differences": diff.differences,
            }
        });
        let heads = format!(
            "A  {} · {} · {}\nB  {} · {} · {}\n",
            self.a.display(),
            a.format(),
            counted(a.len() as u64, "image"),
            self.b.display(),
            b.format(),
            counted(b.len() as u64, "image"),
        );
        output.document(&document, |columns| heads + &text(&diff, columns))?;
        if diff.is_same() {
            return Ok(());
        }
        let count = diff.differences.iter().map(|difference| difference.count).sum();
        Err(PluginError::new(
            ErrorKind::Validation,
            format!("{} between A and B", counted(count, "difference")),
        ))
    }
}

fn text(diff: &Diff, columns: Option<usize>) -> String {
    let both = format!(
        "both have {} and {}",
        counted(diff.images, "image"),
        counted(diff.annotations, "annotation")
    );
    if diff.is_same() {
        return format!("{both}; nothing differs\n");
    }
    let rows: Vec<Vec<String>> = diff
        .differences
        .iter()
        .map(|difference| vec![difference.kind.to_string(), grouped(difference.count)])
        .collect();
    let mut text = format!("{both}\n\n{}", table(&["DIFFERENCE", "COUNT"], &rows, columns));
    for difference in &diff.differences {
        text.push_str(&format!("\n{}\n", difference.kind));
        for example in &difference.examples {
            text.push_str(&format!("  {example}\n"));
        }
        match difference.count - difference.examples.len() as u64 {
            0 => {}
            more => text.push_str(&format!("  and {} more\n", grouped(more))),
        }
    }
    text
}
