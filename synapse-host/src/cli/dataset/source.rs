//! Which dataset, and how it is read.

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use synapse_datasets::{Dataset, Error, Format, OnError, ReadOptions};
use synapse_sdk::errors::{Result, ResultExt};

use super::progress::Stage;
use crate::dataset_error::told;

/// Names of formats that are short for others.
const ALIASES: [&str; 2] = ["pascal", "dm"];

/// Takes the names of formats.
pub(super) fn format_names() -> impl TypedValueParser<Value = String> {
    let names = Format::ALL.into_iter().map(Format::name).chain(ALIASES);
    PossibleValuesParser::new(names.collect::<Vec<_>>())
}

/// What becomes of records that are wrong.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum OnErrorArg {
    /// The first ends it, and nothing is written
    Fail,
    /// They are left out, also those that could be written
    Skip,
    /// Those that can be used are kept; all are counted
    Report,
}

/// Whose layout and conventions are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Compat {
    /// The Python SDK: YOLO in a folder for each task, `dataset.yaml`, `valid`,
    /// pixels of VOC counted from 0
    SynapsePy,
}

/// Options on reading a dataset.
#[derive(Args, Clone, Debug)]
pub(super) struct SourceArgs {
    /// The format it is in [default: found by looking at it]
    #[arg(long, value_name = "FORMAT", value_parser = format_names())]
    from: Option<String>,
    /// What becomes of records that are wrong
    #[arg(long, value_name = "WHAT", value_enum, default_value = "report")]
    on_error: OnErrorArg,
    /// The most vertices an outline may have
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    max_vertices: usize,
    /// Class names, separated by commas, or a file with one a line
    #[arg(long, value_name = "NAMES")]
    classes: Option<String>,
    /// Read and write as another program does
    #[arg(long, value_name = "PROGRAM", value_enum)]
    pub(super) compat: Option<Compat>,
}

impl SourceArgs {
    /// The names of classes that were given.
    pub(super) fn classes(&self) -> Result<Vec<String>> {
        let Some(given) = &self.classes else { return Ok(Vec::new()) };
        let names = |text: &str, separator: char| -> Vec<String> {
            let names = text.trim_start_matches('\u{feff}').split(separator).map(str::trim);
            names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
        };
        if !Path::new(given).is_file() {
            return Ok(names(given, ','));
        }
        let text = std::fs::read_to_string(given).with_context(|| format!("--classes {given}"))?;
        Ok(names(&text, '\n'))
    }

    /// The number of VOC's first pixel.
    pub(super) fn first_pixel(&self) -> u8 {
        u8::from(self.compat != Some(Compat::SynapsePy))
    }

    /// Opens the dataset and keeps so many examples of each problem.
    pub(super) fn open(
        &self,
        path: &Path,
        examples: Option<usize>,
        stage: &mut Stage<'_>,
    ) -> Result<Dataset> {
        let mut options = ReadOptions {
            on_error: match self.on_error {
                OnErrorArg::Fail => OnError::Fail,
                OnErrorArg::Skip => OnError::Skip,
                OnErrorArg::Report => OnError::Report,
            },
            max_vertices: self.max_vertices,
            classes: self.classes()?,
            voc_first_pixel: self.first_pixel(),
            ..ReadOptions::default()
        };
        if let Some(examples) = examples {
            options.examples = examples;
        }
        let format = self.format(path).map_err(told)?;
        let watch = options.watch.clone();
        stage.show("read", "B", &watch, || Dataset::open_as(path, format, &options))
    }

    /// Which of the two DM it is, the files say.
    fn format(&self, path: &Path) -> std::result::Result<Format, Error> {
        match self.from.as_deref() {
            None => Dataset::detect(path),
            Some("dm") => match Dataset::detect(path) {
                Ok(Format::DmV1) => Ok(Format::DmV1),
                _ => Ok(Format::DmV2),
            },
            Some(name) => name.parse(),
        }
    }
}

/// The dataset, for commands that look at one.
#[derive(Args, Clone, Debug)]
pub(super) struct DatasetArg {
    /// The dataset: its folder, a COCO file or a YOLO data.yaml
    #[arg(value_name = "DATASET")]
    pub(super) dataset: PathBuf,
}
