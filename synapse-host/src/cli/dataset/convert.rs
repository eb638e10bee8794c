//! `synapse dataset convert`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use synapse_datasets::{
    ConvertOptions, Dataset, Format, Images, LossKind, ProblemKind, Report, Splits, Task,
};
use synapse_sdk::errors::{Result, ResultExt};
use synapse_sdk::{ErrorKind, PluginError};

use super::progress::Stage;
use super::source::{Compat, SourceArgs, format_names};
use super::tallies::{counted, kinds};
use crate::cli::output::{Output, duration};
use crate::dataset_error::told;

/// Convert a dataset to another format.
///
/// The output is written beside its destination and gets its name at the end:
/// an interrupted conversion leaves nothing, or with --resume what can be gone
/// on with. What the target cannot hold and
/// what is wrong in the source is told with its number and the first place of
/// each kind, and with --report kept in a file.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ConvertArgs {
    /// The dataset: its folder, a COCO file or a YOLO data.yaml
    #[arg(value_name = "DATASET")]
    dataset: PathBuf,
    /// The format to write
    #[arg(long, value_name = "FORMAT", value_parser = format_names())]
    to: String,
    /// The folder to write, which must not be there or be empty
    #[arg(short, long, value_name = "FOLDER")]
    out: PathBuf,
    #[command(flatten)]
    source: SourceArgs,
    /// YOLO: what the dataset is for [default: what its annotations allow];
    /// VOC: `segment` writes outlines as masks, `detect` boxes alone
    #[arg(long, value_enum)]
    task: Option<TaskArg>,
    /// YOLO: join the parts of a polygon by bridges to one line, instead of a
    /// line for each
    #[arg(long)]
    join_parts: bool,
    /// `train,val` keeps these splits, `train=0.8,val=0.2` makes new ones,
    /// `none` makes one dataset of all
    #[arg(long, value_name = "SPLITS", value_parser = splits)]
    splits: Option<Splits>,
    #[command(flatten)]
    images: ImagesArgs,
    /// How many threads work [default: one for each processor core]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    jobs: usize,
    /// Write what was lost and what was wrong to a file, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Go on with what an interrupted conversion to the same folder left, and
    /// leave it when interrupted: images are not copied again
    #[arg(long)]
    resume: bool,
    /// Fail when anything would be lost
    #[arg(long)]
    strict: bool,
    /// YOLO: the decimals of a coordinate
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u8).range(1..=15))]
    decimals: u8,
    /// VOC: keep coordinates that are not whole, which many readers refuse
    #[arg(long)]
    voc_floats: bool,
}

const EXAMPLES: &str = "\
Examples:
  synapse dataset convert coco/ --to yolo --out yolo/
  synapse dataset convert annotations.json --to dm --out dm/ --no-images
  synapse dataset convert voc/ --to coco --out coco/ --splits train=0.8,val=0.2 --copy
  synapse dataset convert yolo/data.yaml --to voc --out voc/ --classes cat,dog --report loss.json
  synapse dataset convert coco/ --to yolo --task segment --join-parts --out outlines/
  synapse dataset convert coco/ --to yolo --task detect --out boxes/ --strict
  synapse dataset convert coco/ --to voc --out voc/ --copy --resume";

/// What becomes of image files.
#[derive(Args, Clone, Copy, Debug)]
#[group(multiple = false)]
struct ImagesArgs {
    /// Hard-link the images, or copy them where that cannot be done (the default)
    #[arg(long)]
    link: bool,
    /// Copy the images, sharing their blocks where the file system can
    #[arg(long)]
    copy: bool,
    /// Make symbolic links to the images
    #[arg(long)]
    symlink: bool,
    /// Write annotations alone
    #[arg(long)]
    no_images: bool,
}

impl From<ImagesArgs> for Images {
    fn from(args: ImagesArgs) -> Self {
        match args {
            ImagesArgs { copy: true, .. } => Self::Copy,
            ImagesArgs { symlink: true, .. } => Self::Symlink,
            ImagesArgs { no_images: true, .. } => Self::Without,
            _ => Self::Link,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TaskArg {
    /// Boxes
    Detect,
    /// Polygons
    Segment,
    /// Boxes with joints
    #[value(alias = "pose")]
    Keypoints,
    /// Turned boxes
    #[value(alias = "obb")]
    Oriented,
}

impl From<TaskArg> for Task {
    fn from(task: TaskArg) -> Self {
        match task {
            TaskArg::Detect => Self::Detect,
            TaskArg::Segment => Self::Segment,
            TaskArg::Keypoints => Self::Keypoints,
            TaskArg::Oriented => Self::Oriented,
        }
    }
}

fn splits(text: &str) -> std::result::Result<Splits, String> {
    if text == "none" {
        return Ok(Splits::Merge);
    }
    let names: Vec<&str> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return Err("expected names such as train,val or shares such as train=0.8,val=0.2".to_owned());
    }
    if !text.contains('=') {
        return Ok(Splits::Only(names.into_iter().map(str::to_owned).collect()));
    }
    let share = |entry: &str| -> std::result::Result<(String, f64), String> {
        let (name, share) = entry.split_once('=').ok_or("every split needs a share, such as val=0.2")?;
        let share = share.trim().parse().map_err(|_| format!("`{share}` is not a number"))?;
        Ok((name.trim().to_owned(), share))
    };
    names.into_iter().map(share).collect::<std::result::Result<_, _>>().map(Splits::Divide)
}

impl ConvertArgs {
    pub(crate) fn execute(self, output: &mut Output) -> Result<()> {
        let format: Format = self.to.parse().map_err(told)?;
        let started = Instant::now();
        let mut stage = Stage::new(output)?;
        let dataset = self.source.open(&self.dataset, None, &mut stage)?;
        let options = self.options()?;
        let watch = options.watch.clone();
        let report =
            stage.show("convert", "images", &watch, || dataset.convert(format, &self.out, &options))?;
        let output = stage.end();
        let seconds = started.elapsed().as_secs_f64();
        let document = self.document(&dataset, format, &report, seconds);
        if let Some(path) = &self.report {
            write_report(path, &document)?;
        }
        output.document(&document, |columns| self.text(&dataset, format, &report, seconds, columns))
    }

    fn options(&self) -> Result<ConvertOptions> {
        Ok(ConvertOptions {
            images: self.images.into(),
            resume: self.resume,
            strict: self.strict,
            jobs: self.jobs,
            task: self.task.map(Task::from),
            join_parts: self.join_parts,
            decimals: self.decimals,
            voc_floats: self.voc_floats,
            voc_first_pixel: self.source.first_pixel(),
            splits: self.splits.clone().unwrap_or_default(),
            classes: self.source.classes()?,
            synapse_py: self.source.compat == Some(Compat::SynapsePy),
            ..ConvertOptions::default()
        })
    }

    fn document(&self, dataset: &Dataset, format: Format, report: &Report, seconds: f64) -> Value {
        json!({
            "conversion": {
                "source": self.dataset,
                "from": dataset.format().name(),
                "out": self.out,
                "to": format.name(),
                "images": report.images,
                "annotations": report.annotations,
                "passed_over": report.passed_over,
                "seconds": (seconds * 1e6).round() / 1e6,
                "losses": report.losses,
                "problems": report.problems,
            }
        })
    }

    fn text(
        &self,
        dataset: &Dataset,
        format: Format,
        report: &Report,
        seconds: f64,
        columns: Option<usize>,
    ) -> String {
        let mut text = format!(
            "{}: {} and {} from {} to {} in {}\n",
            self.out.display(),
            counted(report.images, "image"),
            counted(report.annotations, "annotation"),
            dataset.format(),
            format,
            duration(seconds)
        );
        if report.passed_over > 0 {
            text.push_str(&format!(
                "{} of other classes left out\n",
                counted(report.passed_over, "annotation")
            ));
        }
        if !report.losses.is_empty() {
            text.push('\n');
            text.push_str(&kinds(
                "LOST OR CHANGED",
                &report.losses,
                |kind: &LossKind| kind.why(),
                dataset.root(),
                columns,
            ));
        }
        if !report.problems.is_empty() {
            text.push('\n');
            text.push_str(&kinds(
                "PROBLEM",
                &report.problems,
                |kind: &ProblemKind| kind.hint(),
                dataset.root(),
                columns,
            ));
        }
        text
    }
}

fn write_report(path: &Path, document: &Value) -> Result<()> {
    std::fs::write(path, format!("{document:#}\n"))
        .with_context(|| format!("--report {}", path.display()))
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => error,
            _ => PluginError::with_kind(error, ErrorKind::Io),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_are_named_shared_or_merged() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(splits("train, val"), Ok(Splits::Only(names(&["train", "val"]))));
        assert_eq!(splits("none"), Ok(Splits::Merge));
        let divided = Splits::Divide(vec![("train".to_owned(), 0.8), ("val".to_owned(), 0.2)]);
        assert_eq!(splits("train=0.8,val=0.2"), Ok(divided));
        assert!(splits("train=much").is_err() && splits("train=1,val").is_err() && splits(",").is_err());
    }
}
