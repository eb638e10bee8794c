//! The plugin's actions: train, evaluate, predict.

use std::path::{Path, PathBuf};

use synapse_sdk::prelude::*;

use crate::checkpoint::Checkpoint as Saved;
use crate::data::{Dataset, Splits};
use crate::optimizer;
use crate::training::{Settings, Trainer};

/// How to train.
#[params]
pub struct TrainParams {
    /// Passes over the training data, those of a resumed run included
    #[param(default = 10, ge = 1, le = 1000)]
    epochs: u64,
    /// Rows in each step
    #[param(default = 32, ge = 1, le = 1024)]
    batch_size: usize,
    /// Length of the steps
    #[param(default = 0.1, gt = 0, le = 10)]
    learning_rate: f64,
    /// Strength of the L2 penalty that keeps weights small
    #[param(default = 1e-4, ge = 0, le = 1)]
    weight_decay: f64,
    /// How gradients become steps
    #[param(default = Optimizer::Sgd { momentum: 0.9 })]
    optimizer: Optimizer,
    /// Decides which rows are held out, and in which order the others are learnt
    #[param(default = 42)]
    seed: u64,
    /// A model file to go on from; its settings go before those given here
    checkpoint: Option<PathBuf>,
    /// Where to save the model; the run's work folder if left out
    output: Option<PathBuf>,
}

/// How gradients become steps.
#[params]
#[serde(tag = "kind")]
pub enum Optimizer {
    /// Stochastic gradient descent
    Sgd {
        /// Share of each step that goes on into the next
        #[param(default = 0.9, ge = 0, lt = 1)]
        momentum: f64,
    },
    /// Steps of about the same length for every weight
    Adam {
        /// Decay of the mean of the gradients
        #[param(default = 0.9, ge = 0, lt = 1)]
        beta1: f64,
        /// Decay of the mean of their squares
        #[param(default = 0.999, ge = 0, lt = 1)]
        beta2: f64,
    },
}

/// What training gave.
#[result]
pub struct TrainResult {
    /// The saved model
    model_path: PathBuf,
    /// Epochs the model has been trained for
    epochs: u64,
    /// Mean cross-entropy on the training rows
    final_loss: f64,
    /// Share of held-out rows, never trained or tuned on, that are right
    accuracy: f64,
    /// The epochs that were finished before this run
    resumed_from: u64,
}

/// The key under which a run keeps the model it is training.
const PROGRESS: &str = "model.safetensors";

/// Trains a classifier of handwritten digits.
///
/// Resumes from `--checkpoint`, from the param of that name, or from where an
/// earlier attempt of the same job was stopped.
#[action(output = ModelWeights, method = Job)]
pub fn train(params: TrainParams, ctx: &Context) -> Result<TrainResult> {
    ctx.plan_steps(&[("dataset", 5.0), ("train", 90.0), ("evaluate", 5.0)]);
    ctx.set_progress(0, 1, "dataset")?;
    let start = starting_point(&params, ctx)?;
    let settings = start.as_ref().map_or_else(|| settings(&params), |saved| saved.settings.clone());
    let splits = Dataset::digits()?.split(settings.seed);
    ctx.set_progress(1, 1, "dataset")?;

    let resumed_from = start.as_ref().map_or(0, |saved| saved.epochs);
    let mut trainer = match start {
        Some(saved) => Trainer::resume(saved, &splits.train)?,
        None => Trainer::new(&splits.train, settings)?,
    };
    for epoch in resumed_from + 1..=params.epochs {
        let loss = trainer.epoch()?;
        report(&trainer, &splits, epoch, loss, ctx)?;
        ctx.save_state(PROGRESS, trainer.checkpoint().to_bytes()?)?;
        ctx.set_progress(epoch, params.epochs, "train")?;
    }

    ctx.set_progress(0, 1, "evaluate")?;
    let saved = trainer.checkpoint();
    let model_path = match params.output {
        Some(path) => std::path::absolute(path)?,
        None => ctx.work_dir()?.join("model.safetensors"),
    };
    saved.save(&model_path)?;
    let held_out = saved.model.evaluate(&splits.test)?;
    let train_loss = saved.model.evaluate(&splits.train)?.loss;
    ctx.set_metrics(json!({ "accuracy": held_out.accuracy, "loss": held_out.loss }), "evaluate")?;
    ctx.set_progress(1, 1, "evaluate")?;
    ctx.log_message(
        format!(
            "{:.1} % of {} held-out digits are right",
            held_out.accuracy * 100.0,
            splits.test.labels().len()
        ),
        "success",
    );
    Ok(TrainResult {
        model_path,
        epochs: saved.epochs,
        final_loss: train_loss,
        accuracy: held_out.accuracy,
        resumed_from,
    })
}

fn settings(params: &TrainParams) -> Settings {
    Settings {
        batch_size: params.batch_size,
        learning_rate: params.learning_rate,
        weight_decay: params.weight_decay,
        optimizer: match params.optimizer {
            Optimizer::Sgd { momentum } => optimizer::Optimizer::Sgd { momentum },
            Optimizer::Adam { beta1, beta2 } => optimizer::Optimizer::Adam { beta1, beta2 },
        },
        seed: params.seed,
    }
}

/// What an earlier attempt of this job left, else the checkpoint of the run,
/// else that of the params, else none.
fn starting_point(params: &TrainParams, ctx: &Context) -> Result<Option<Saved>> {
    let (saved, from) = if let Some(bytes) = ctx.load_state(PROGRESS)? {
        (Saved::from_bytes(&bytes)?, "an earlier attempt".to_owned())
    } else if let Some(checkpoint) = ctx.checkpoint() {
        (Saved::load(&checkpoint.path)?, checkpoint.path.display().to_string())
    } else if let Some(path) = &params.checkpoint {
        (Saved::load(path)?, path.display().to_string())
    } else {
        return Ok(None);
    };
    ctx.log_message(format!("resuming after epoch {} from {from}", saved.epochs), "info");
    if saved.epochs >= params.epochs {
        ctx.log_message(
            format!("the model has {} epochs already; epochs={} adds none", saved.epochs, params.epochs),
            "warning",
        );
    }
    Ok(Some(saved))
}

fn report(trainer: &Trainer, splits: &Splits, epoch: u64, loss: f64, ctx: &Context) -> Result<()> {
    let validation = trainer.checkpoint().model.evaluate(&splits.validation)?;
    ctx.set_metrics(
        json!({
            "epoch": epoch,
            "loss": loss,
            "validation_loss": validation.loss,
            "validation_accuracy": validation.accuracy,
        }),
        "train",
    )
}

/// Which model to evaluate.
#[params]
pub struct EvaluateParams {
    /// The model's file; the run's checkpoint if left out
    model: Option<PathBuf>,
}

/// How good a model is on rows it was not trained on.
#[result]
pub struct EvaluateResult {
    /// Share of held-out rows that are right
    accuracy: f64,
    /// Mean cross-entropy on the held-out rows
    loss: f64,
    /// Accuracy for each digit, where the held-out rows have any
    class_accuracy: Vec<Option<f64>>,
    /// Rows by true digit, then by predicted digit
    confusion: Vec<Vec<usize>>,
}

/// Evaluates a model on the rows that were held out when it was trained.
#[action(input = ModelWeights, output = TestResults, method = Task)]
pub fn evaluate(params: EvaluateParams, ctx: &Context) -> Result<EvaluateResult> {
    let saved = load(params.model.as_deref(), ctx)?;
    // Another seed would hold out rows this model has been trained on.
    let splits = Dataset::digits()?.split(saved.settings.seed);
    let evaluation = saved.model.evaluate(&splits.test)?;
    ctx.set_metrics(json!({ "accuracy": evaluation.accuracy, "loss": evaluation.loss }), "evaluate")?;
    Ok(EvaluateResult {
        accuracy: evaluation.accuracy,
        loss: evaluation.loss,
        class_accuracy: evaluation.class_accuracy,
        confusion: evaluation.confusion,
    })
}

/// What to predict, and with which model.
#[params]
pub struct PredictParams {
    /// The model's file; the run's checkpoint if left out
    model: Option<PathBuf>,
    /// Pictures as 64 brightnesses from 0 to 1, row by row
    #[param(default)]
    rows: Vec<Vec<f64>>,
    /// How many held-out pictures to predict when no rows are given
    #[param(default = 5, ge = 1, le = 200)]
    samples: usize,
}

/// One prediction.
#[result]
pub struct Predicted {
    /// The most likely digit
    label: String,
    /// Its probability
    probability: f64,
    /// The right digit, where it is known
    truth: Option<String>,
}

/// Predictions in the order of the rows.
#[result]
pub struct PredictResult {
    predictions: Vec<Predicted>,
}

/// Predicts the digits of pictures.
#[action(input = ModelWeights, output = InferenceResults, method = Task)]
pub fn predict(params: PredictParams, ctx: &Context) -> Result<PredictResult> {
    let saved = load(params.model.as_deref(), ctx)?;
    let (rows, truths) =
        if params.rows.is_empty() { held_out(&saved, params.samples)? } else { (params.rows, Vec::new()) };
    let mut truths = truths.into_iter();
    let predictions = saved.model.predict(&rows)?.into_iter().map(|prediction| Predicted {
        probability: prediction.probabilities[prediction.label],
        label: prediction.class_name,
        truth: truths.next(),
    });
    Ok(PredictResult { predictions: predictions.collect() })
}

/// Pictures the model has not seen, of all digits alike, with the right answers.
fn held_out(saved: &Saved, count: usize) -> Result<(Vec<Vec<f64>>, Vec<String>)> {
    let test = Dataset::digits()?.split(saved.settings.seed).test;
    // They are sorted by digit.
    let every = (test.labels().len() / count).max(1);
    let rows = test.features().outer_iter().step_by(every).take(count).map(|row| row.to_vec());
    let labels = test.labels().iter().step_by(every).take(count);
    Ok((rows.collect(), labels.map(|label| test.class_names()[*label].clone()).collect()))
}

fn load(model: Option<&Path>, ctx: &Context) -> Result<Saved> {
    let path = model.or_else(|| ctx.checkpoint().map(|checkpoint| checkpoint.path.as_path()));
    let Some(path) = path else {
        return Err(ValidationError::new("no model to work with")
            .hint("name its file: -P model=PATH, or --checkpoint PATH; `train` prints it as model_path"));
    };
    Ok(Saved::load(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn params_left_out_are_the_usual_settings() -> Result<()> {
        let params: TrainParams = serde_json::from_value(json!({}))?;
        assert_eq!(settings(&params), Settings::default());
        Ok(())
    }
}
