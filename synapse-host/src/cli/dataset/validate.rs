//! `synapse dataset validate`.

use clap::Args;
use serde_json::json;
use synapse_datasets::{ProblemKind, SurveyOptions};
use synapse_sdk::errors::Result;
use synapse_sdk::{ErrorKind, PluginError};

use super::progress::Stage;
use super::source::{DatasetArg, SourceArgs};
use super::tallies::{cases, counted};
use crate::cli::output::Output;

/// Look for everything that is wrong with a dataset.
///
/// Problems are grouped by kind, each with its file and line or JSON pointer.
/// Exit code 3 says that there are any.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse dataset validate coco/
  synapse dataset validate yolo/data.yaml --limit 0
  synapse dataset validate annotations.json --no-images --json")]
pub(crate) struct ValidateArgs {
    #[command(flatten)]
    dataset: DatasetArg,
    #[command(flatten)]
    source: SourceArgs,
    /// Do not look at the files of images
    #[arg(long)]
    no_images: bool,
    /// How many cases of each kind are shown; 0 for all [default: 10, with --json all]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

impl ValidateArgs {
    pub(crate) fn execute(self, output: &mut Output) -> Result<()> {
        let limit = match self.limit {
            Some(0) => usize::MAX,
            Some(limit) => limit,
            None if output.is_json() => usize::MAX,
            None => 10,
        };
        let mut stage = Stage::new(output)?;
        let dataset = self.source.open(&self.dataset.dataset, Some(limit), &mut stage)?;
        let options = SurveyOptions { shapes: true, files: !self.no_images, ..SurveyOptions::default() };
        let watch = options.watch.clone();
        let survey = stage.show("check", "images", &watch, || dataset.survey(&options))?;
        let output = stage.end();
        let count: u64 = survey.problems.iter().map(|tally| tally.count).sum();
        let document = json!({
            "validation": {
                "dataset": self.dataset.dataset,
                "format": survey.format,
                "images": survey.images,
                "annotations": survey.annotations,
                "valid": count == 0,
                "problems": survey.problems,
            }
        });
        output.document(&document, |_| {
            let what = format!(
                "{} · {}, {}",
                survey.format,
                counted(survey.images, "image"),
                counted(survey.annotations, "annotation")
            );
            match count {
                0 => format!("{what}: nothing is wrong\n"),
                _ => format!(
                    "{what}\n\n{}",
                    cases(&survey.problems, |kind: &ProblemKind| kind.hint(), &self.dataset.dataset)
                ),
            }
        })?;
        if count == 0 {
            return Ok(());
        }
        let message = format!(
            "{} of {} in {}",
            counted(count, "problem"),
            counted(survey.problems.len() as u64, "kind"),
            self.dataset.dataset.display()
        );
        Err(PluginError::new(ErrorKind::Validation, message))
    }
}
