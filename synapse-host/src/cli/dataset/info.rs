//! `synapse dataset info`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use synapse_datasets::{ProblemKind, Survey, SurveyOptions};
use synapse_sdk::errors::{Result, ResultExt};

use super::progress::Stage;
use super::source::{DatasetArg, SourceArgs};
use super::tallies::{counted, grouped, kinds};
use crate::cli::output::{Output, table};

/// Show what is in a dataset.
///
/// Images, annotations by kind and class, splits, sizes, and what is wrong
/// with records; `validate` looks closer.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse dataset info coco/
  synapse dataset info yolo/data.yaml --json
  synapse dataset info voc/ --plot voc.svg")]
pub(crate) struct InfoArgs {
    #[command(flatten)]
    dataset: DatasetArg,
    #[command(flatten)]
    source: SourceArgs,
    /// Draw how often classes and sizes are to an SVG file
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// List all classes, also where there are many
    #[arg(long)]
    all: bool,
}

/// So many classes are listed, the most frequent ones.
const CLASSES: usize = 20;

impl InfoArgs {
    pub(crate) fn execute(self, output: &mut Output) -> Result<()> {
        let mut stage = Stage::new(output)?;
        let dataset = self.source.open(&self.dataset.dataset, None, &mut stage)?;
        let options = SurveyOptions::default();
        let watch = options.watch.clone();
        let survey = stage.show("count", "images", &watch, || dataset.survey(&options))?;
        let output = stage.end();
        if let Some(path) = &self.plot {
            std::fs::write(path, survey.to_svg()).with_context(|| format!("--plot {}", path.display()))?;
        }
        output.document(&json!({ "dataset": survey }), |columns| self.text(&survey, columns))
    }

    fn text(&self, survey: &Survey, columns: Option<usize>) -> String {
        let mut parts = vec![
            format!(
                "{} · {} · {} ({} without) · {}\n",
                self.dataset.dataset.display(),
                survey.format,
                counted(survey.images, "image"),
                grouped(survey.empty_images),
                counted(survey.annotations, "annotation"),
            ) + &sizes(survey),
        ];
        let kinds_there = survey.kinds.named().into_iter().filter(|(_, count)| *count > 0);
        let rows: Vec<_> = kinds_there.map(|(name, count)| vec![name.to_owned(), grouped(count)]).collect();
        if !rows.is_empty() {
            parts.push(table(&["KIND", "COUNT"], &rows, columns));
        }
        if survey.splits.iter().any(|split| split.name.is_some()) {
            let row = |split: &synapse_datasets::SplitCount| {
                let name = split.name.clone().unwrap_or_else(|| "(none)".to_owned());
                vec![name, grouped(split.images), grouped(split.annotations)]
            };
            let rows: Vec<_> = survey.splits.iter().map(row).collect();
            parts.push(table(&["SPLIT", "IMAGES", "ANNOTATIONS"], &rows, columns));
        }
        if !survey.classes.is_empty() {
            parts.push(self.classes(survey, columns));
        }
        if !survey.problems.is_empty() {
            parts.push(kinds(
                "PROBLEM",
                &survey.problems,
                |kind: &ProblemKind| kind.hint(),
                &self.dataset.dataset,
                columns,
            ));
        }
        parts.join("\n")
    }

    fn classes(&self, survey: &Survey, columns: Option<usize>) -> String {
        let mut classes: Vec<_> = survey.classes.iter().collect();
        let shown = if self.all { classes.len() } else { classes.len().min(CLASSES) };
        if shown < classes.len() {
            classes.sort_by_key(|class| std::cmp::Reverse(class.annotations));
        }
        let most = classes.iter().map(|class| class.annotations).max().unwrap_or(0).max(1);
        let rows: Vec<_> = classes[..shown]
            .iter()
            .map(|class| {
                let share = class.annotations as f64 / survey.annotations.max(1) as f64 * 100.0;
                vec![
                    class.name.clone(),
                    grouped(class.annotations),
                    grouped(class.images),
                    format!("{share:4.1} %"),
                    "▪".repeat((class.annotations * 20).div_ceil(most) as usize),
                ]
            })
            .collect();
        let list = table(&["CLASS", "ANNOTATIONS", "IMAGES", "SHARE", ""], &rows, columns);
        match classes.len() - shown {
            0 => list,
            more => format!("{list}and {more} more (--all)\n"),
        }
    }
}

/// `images 333 × 375 to 640 × 640, mostly 640 × 480`
fn sizes(survey: &Survey) -> String {
    let sizes = &survey.image_sizes;
    let (Some(small), Some(large)) = (sizes.smallest, sizes.largest) else { return String::new() };
    let span = match small == large {
        true => format!("all {} × {}", small[0], small[1]),
        false => format!("from {} × {} to {} × {}", small[0], small[1], large[0], large[1]),
    };
    let usual = sizes.frequent.first().filter(|_| sizes.different > 1);
    let usual = usual.map_or_else(String::new, |(width, height, count)| {
        format!(", most often {width} × {height} ({})", grouped(*count))
    });
    let unknown = match sizes.unknown {
        0 => String::new(),
        count => format!(", {} of unknown size", grouped(count)),
    };
    format!(
        "sizes {span}{usual}{unknown}; at most {} on one image\n",
        counted(survey.most_annotations, "annotation")
    )
}
