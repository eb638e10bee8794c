//! `inference`: from pictures to boxes.

use std::path::PathBuf;

use synapse_sdk::errors::NotFoundError;
use synapse_sdk::kinds::{InferenceAction, ModelCache};
use synapse_sdk::prelude::*;

use crate::boxes::Found;
use crate::model::Model;
use crate::picture::Picture;
use crate::train::load;
use crate::weights::ARCHITECTURE;

/// What to look at, and with which model.
#[params]
pub struct InferenceParams {
    /// Model to look with; that of the run if left out
    model: Option<Id>,
    /// Pictures, by path or by pattern such as `some/*.png`
    #[param(items(min = 1))]
    images: Vec<String>,
    /// Pictures that are looked at together
    #[param(default = 16, ge = 1, le = 1024)]
    batch_size: usize,
}

/// A buoy, in shares of the picture's width and height.
#[result]
pub struct Buoy {
    x: f32,
    y: f32,
    width: f32,
    height: f32,
    score: f32,
}

/// A picture, and the buoys that were found in it.
#[result]
pub struct Detections {
    image: PathBuf,
    buoys: Vec<Buoy>,
}

/// What was found.
#[result]
pub struct InferenceResult {
    model: String,
    buoys: usize,
    detections: Vec<Detections>,
}

/// Finds buoys in pictures.
#[derive(Action, Default)]
#[action(name = "inference", method = Task, input = ModelWeights, output = InferenceResults)]
pub struct Inference {
    models: ModelCache<Model>,
}

impl InferenceAction for Inference {
    type Model = Model;
    type Input = (PathBuf, Picture);
    type Prediction = Detections;

    fn models(&self) -> &ModelCache<Model> {
        &self.models
    }

    fn read_model(&self, checkpoint: &Checkpoint) -> Result<Model> {
        checkpoint.expect_architecture(ARCHITECTURE)?;
        load(&checkpoint.path)
    }

    fn infer(&self, model: &Model, batch: Vec<Self::Input>) -> Result<Vec<Detections>> {
        let look = |(image, picture): (PathBuf, Picture)| {
            let buoys = model.detect(&picture).into_iter().map(Buoy::from).collect();
            Detections { image, buoys }
        };
        Ok(batch.into_iter().map(look).collect())
    }
}

impl Action for Inference {
    type Params = InferenceParams;
    type Output = InferenceResult;

    fn execute(&self, params: InferenceParams, ctx: &Context) -> Result<InferenceResult> {
        self.plan_phases(ctx);
        let model = self.load_model(&params.model, ctx)?;
        let paths = paths(&params.images)?;
        let pictures = paths.into_iter().map(|path| {
            let picture = Picture::load(&path)?;
            Ok((path, picture))
        });
        let mut detections = Vec::new();
        self.infer_all(&model, pictures, params.batch_size, ctx, |found| {
            detections.push(found);
            Ok(())
        })?;
        let buoys = detections.iter().map(|found| found.buoys.len()).sum();
        Ok(InferenceResult { model: model.checkpoint().to_string(), buoys, detections })
    }
}

impl From<Found> for Buoy {
    fn from(Found { place, score }: Found) -> Self {
        Self { x: place.x, y: place.y, width: place.width, height: place.height, score }
    }
}

/// The files that patterns stand for, in order.
fn paths(patterns: &[String]) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for pattern in patterns {
        let before = paths.len();
        let found = glob::glob(pattern).with_context(|| format!("`{pattern}` is no pattern of paths"))?;
        for path in found {
            paths.push(path?);
        }
        if paths.len() == before {
            return Err(NotFoundError::new(format!("no picture is called `{pattern}`"))
                .hint("patterns are relative to the working folder, such as some/*.png"));
        }
    }
    Ok(paths)
}
