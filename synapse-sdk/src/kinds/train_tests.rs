#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::{Goal, SteppedTrainAction, TrainAction, TrainData, TrainInputs, TrainOutcome, phase};
use crate::client::FileStore;
use crate::prelude::*;
use crate::testing::LocalRun;

#[params]
struct FitParams {
    dataset: Option<Id>,
    checkpoint: Option<Id>,
    #[param(default = 4, ge = 1)]
    epochs: u64,
    /// The loss of each epoch, counted from the first; 0.5 beyond
    #[param(default)]
    losses: Vec<Option<f64>>,
    patience: Option<u64>,
    /// Fails in this epoch, as if the process had been killed
    fail_in: Option<u64>,
    #[param(default = 0.1)]
    rate: f64,
    /// Fails once the model is stored
    #[param(default = false)]
    fail_after: bool,
}

#[result]
struct FitResult {
    model: Id,
    epochs: Vec<u64>,
    best: Option<(u64, f64, Vec<u8>)>,
    resumed: bool,
}

/// Learns nothing; its weights are the epochs it has seen.
#[derive(Action, Default)]
#[action(name = "fit")]
struct Fit;

impl TrainAction for Fit {}

impl Action for Fit {
    type Params = FitParams;
    type Output = FitResult;

    fn execute(&self, params: FitParams, ctx: &Context) -> Result<FitResult> {
        self.plan_phases(ctx);
        if params.dataset.is_some() {
            self.get_dataset(&params.dataset, ctx)?;
        }
        let checkpoint = self.get_checkpoint(&params.checkpoint, ctx)?;
        let mut epochs = self
            .epochs(params.epochs, ctx)
            .after(checkpoint.as_ref())
            .best("loss", Goal::Min)
            .patience(params.patience)
            .settings(&params.rate);
        let mut weights = match (epochs.resume()?, &checkpoint) {
            (Some(saved), _) => saved,
            (None, Some(checkpoint)) => fs::read(&checkpoint.path)?,
            (None, None) => Vec::new(),
        };
        let mut seen = Vec::new();
        while let Some(epoch) = epochs.next_epoch()? {
            for step in 1..=2 {
                epochs.step(step, 2, &[("batch", step.into())])?;
            }
            if params.fail_in == Some(epoch) {
                return Err(ExecutionError::new("killed"));
            }
            weights.push(epoch as u8);
            seen.push(epoch);
            let loss = params.losses.get(epoch as usize - 1).copied().unwrap_or(Some(0.5));
            epochs.end_epoch(json!({ "loss": loss }), || Ok(weights.clone()))?;
        }
        let best = epochs.best_so_far().map(|best| (best.epoch, best.value, best.model.clone()));
        let path = ctx.work_dir()?.join("weights.bin");
        fs::write(&path, &weights)?;
        let model = self.create_model(path).epochs(epochs.done()).architecture("fit/1").save(ctx)?;
        if params.fail_after {
            return Err(ExecutionError::new("killed"));
        }
        Ok(FitResult { model: model.id, epochs: seen, best, resumed: epochs.is_resumed() })
    }
}

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("harbour/train")).unwrap();
        fs::write(folder.path().join("harbour/train/a.txt"), "boat").unwrap();
        let place = Self { folder };
        let new = NewDataset::new("harbour", place.folder.path().join("harbour"));
        (&place.store() as &dyn Client).create_dataset(new).unwrap();
        place
    }

    fn store(&self) -> FileStore {
        FileStore::at(self.folder.path().join("store"))
    }

    fn executor(&self) -> LocalExecutor {
        LocalExecutor::new().client(self.store()).state_dir(self.folder.path().join("state"))
    }

    fn fit(&self, params: Value) -> Result<LocalRun> {
        self.executor().execute::<Fit>(params)
    }
}

fn weights(place: &Place, id: &str) -> Vec<u8> {
    fs::read((&place.store() as &dyn Client).model(&id.into()).unwrap().path).unwrap()
}

#[test]
fn phases_have_their_shares_and_the_run_ends_at_a_hundred() {
    let place = Place::new();
    let run = place.fit(json!({ "dataset": 1, "epochs": 2 })).unwrap();
    let overall = |step: &str| run.progress(step).last().unwrap().overall;
    assert_eq!(
        (overall(phase::DATASET), overall(phase::TRAIN), overall(phase::MODEL_UPLOAD)),
        (20.0, 95.0, 100.0)
    );
    let of_train: Vec<f64> = run.progress(phase::TRAIN).iter().map(|progress| progress.percent).collect();
    assert_eq!(of_train, [25.0, 50.0, 50.0, 75.0, 100.0, 100.0]);
    assert_eq!(Value::from(run.metrics(phase::TRAIN)), json!({ "batch": 2.0, "loss": 0.5, "epoch": 2 }));
}

#[test]
fn the_counter_goes_on_after_a_checkpoint() {
    let place = Place::new();
    let first = place.fit(json!({ "epochs": 3 })).unwrap();
    assert_eq!((&first["epochs"], &first["model"]), (&json!([1, 2, 3]), &json!("model-1")));
    let second = place.fit(json!({ "epochs": 2, "checkpoint": "model-1" })).unwrap();
    assert_eq!((&second["epochs"], &second["resumed"]), (&json!([4, 5]), &json!(false)));
    assert_eq!(weights(&place, "model-2"), [1, 2, 3, 4, 5]);
    // The context's checkpoint goes before that of the params.
    let of_context = Checkpoint::new("base", place.folder.path().join("harbour/train/a.txt"));
    let third = place.executor().checkpoint(of_context);
    let third = third.execute::<Fit>(json!({ "epochs": 1, "checkpoint": "model-2" })).unwrap();
    assert_eq!(third["epochs"], json!([1]));
    assert_eq!(weights(&place, "model-3"), b"boat\x01");
}

#[test]
fn an_attempt_after_a_kill_goes_on_and_its_model_is_the_same() {
    let place = Place::new();
    let params = |fail_in: Option<u64>| json!({ "losses": [0.9, 0.2, 0.8, 0.4], "fail_in": fail_in });
    place.fit(params(Some(3))).unwrap_err();
    let again = place.fit(params(None)).unwrap();
    assert_eq!((&again["epochs"], &again["resumed"]), (&json!([3, 4]), &json!(true)));
    assert_eq!(again["best"], json!([2, 0.2, [1, 2]]));
    assert_eq!(weights(&place, "model-1"), [1, 2, 3, 4]);
    assert!(again.messages().iter().any(|(_, text)| *text == "going on after epoch 2 of an earlier attempt"));
    // Once a model is saved the job's next training begins anew.
    assert_eq!(place.fit(params(None)).unwrap()["epochs"], json!([1, 2, 3, 4]));
}

#[test]
fn an_attempt_that_was_stopped_after_its_model_was_stored_is_given_that_model() {
    let place = Place::new();
    place.fit(json!({ "fail_after": true })).unwrap_err();
    let again = place.fit(json!({})).unwrap();
    assert_eq!((&again["model"], &again["epochs"]), (&json!("model-1"), &json!([])));
    assert_eq!((&place.store() as &dyn Client).models().unwrap().len(), 1);
    // Another training of the job, although it gives the same model.
    let next = place.fit(json!({})).unwrap();
    assert_eq!((&next["model"], &next["epochs"]), (&json!("model-2"), &json!([1, 2, 3, 4])));
}

#[test]
fn state_of_other_settings_or_that_cannot_be_read_is_not_used() {
    let place = Place::new();
    place.fit(json!({ "fail_in": 3 })).unwrap_err();
    let other = place.fit(json!({ "rate": 0.2 })).unwrap();
    assert_eq!(other["epochs"], json!([1, 2, 3, 4]));
    assert!(other.messages()[0].1.contains("other settings"), "{:?}", other.messages());

    place.fit(json!({ "fail_in": 3 })).unwrap_err();
    fs::write(place.folder.path().join("state/state/train-last"), b"{\"done\": 2, \"bef").unwrap();
    let damaged = place.fit(json!({})).unwrap();
    assert_eq!(damaged["epochs"], json!([1, 2, 3, 4]));
    assert!(damaged.messages()[0].1.contains("cannot be read"), "{:?}", damaged.messages());
}

#[test]
fn training_stops_when_it_has_not_been_better_for_long() {
    let place = Place::new();
    let run = place.fit(json!({ "epochs": 10, "losses": [0.9, 0.2, 0.8, 0.4, 0.1], "patience": 2 })).unwrap();
    assert_eq!((&run["epochs"], &run["best"][0]), (&json!([1, 2, 3, 4]), &json!(2)));
    let expected = "stopped after epoch 4: `loss` was best in epoch 2 (0.2) and not better since";
    assert!(run.messages().iter().any(|(_, text)| *text == expected), "{:?}", run.messages());
}

#[test]
fn a_loss_that_is_no_number_is_never_the_best() {
    let place = Place::new();
    let run = place.fit(json!({ "epochs": 3, "losses": [null, 0.5, null] })).unwrap();
    assert_eq!(run["best"][0], 2);
}

#[test]
fn cancelling_ends_the_loop_with_its_state_saved() {
    let executor = LocalExecutor::new();
    let ctx = executor.context();
    let mut epochs = Fit.epochs(3, &ctx);
    epochs.next_epoch().unwrap();
    executor.cancel();
    assert_eq!(epochs.step(1, 2, &[]).unwrap_err().kind(), ErrorKind::Cancelled);
    let error = epochs.end_epoch(json!({}), || Ok(vec![7])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let mut again = Fit.epochs(3, &ctx);
    assert_eq!((again.resume().unwrap(), again.done()), (Some(vec![7]), 1));
    assert_eq!(again.next_epoch().unwrap_err().kind(), ErrorKind::Cancelled);
}

#[test]
fn each_helper_says_who_lacked_what() {
    let place = Place::new();
    let failed = |executor: LocalExecutor, params: Value| {
        let error = executor.execute::<Fit>(params).unwrap_err();
        (error.kind(), error.to_string())
    };
    let alone = || LocalExecutor::new();
    assert_eq!(
        failed(alone(), json!({ "dataset": 7 })),
        (
            ErrorKind::Unsupported,
            "the params name the dataset `7`, and nobody can be asked for it: this run has no backend client"
                .to_owned()
        )
    );
    let (kind, text) = failed(alone(), json!({ "epochs": 1 }));
    assert_eq!(kind, ErrorKind::Unsupported);
    assert_eq!(text, "nobody can be asked to keep the model: this run has no backend client");
    let (kind, text) = failed(place.executor(), json!({ "dataset": 7 }));
    assert_eq!(kind, ErrorKind::NotFound);
    assert!(text.starts_with("the params name the dataset `7`: the store "), "{text}");
    let (kind, text) = failed(place.executor(), json!({ "checkpoint": "model-7" }));
    assert_eq!(kind, ErrorKind::NotFound);
    assert!(text.starts_with("the params name the checkpoint `model-7`: the store "), "{text}");
    let gone = place.executor().checkpoint(Checkpoint::new("base", "/nowhere/at/all"));
    let (kind, text) = failed(gone, json!({}));
    assert_eq!(
        (kind, text.as_str()),
        (ErrorKind::NotFound, "the context's checkpoint is not at /nowhere/at/all")
    );
    let error = Fit.get_dataset(None::<Id>, &alone().context()).unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Validation, "the params name no dataset"));
}

#[test]
fn a_watched_metric_that_is_missing_is_named() {
    let executor = LocalExecutor::new();
    let ctx = executor.context();
    let mut epochs = Fit.epochs(1, &ctx).best("accuracy", Goal::Max);
    epochs.next_epoch().unwrap();
    let error = epochs.end_epoch(json!({ "loss": 1 }), || Ok(Vec::new())).unwrap_err();
    assert_eq!(error.message(), "epoch 1 has no metric `accuracy` to find the best by");
    assert_eq!(error.hint_text(), Some("it has loss"));
    let error = epochs.end_epoch(json!({ "accuracy": 1 }), || Ok(Vec::new())).unwrap_err();
    assert_eq!(error.message(), "an epoch ended that had not begun");
}

#[params]
struct SteppedParams {
    dataset: Option<Id>,
    checkpoint: Option<Id>,
    name: Option<String>,
}

/// Copies what it is handed.
#[derive(Action, Default)]
#[action(name = "stepped")]
struct Stepped;

impl TrainAction for Stepped {}

impl SteppedTrainAction for Stepped {
    fn inputs(&self, params: &SteppedParams) -> TrainInputs {
        let inputs = TrainInputs::new().dataset(&params.dataset).checkpoint(&params.checkpoint);
        inputs.name(params.name.clone())
    }

    fn train(&self, _: &SteppedParams, data: &TrainData, ctx: &Context) -> Result<NewModel> {
        let path: PathBuf = ctx.work_dir()?.join("copy.bin");
        let from = match &data.checkpoint {
            Some(checkpoint) => checkpoint.path.clone(),
            None => data.path()?.join("train/a.txt"),
        };
        fs::copy(from, &path)?;
        Ok(self.create_model(path).metrics(json!({ "loss": 0.25 })))
    }
}

impl Action for Stepped {
    type Params = SteppedParams;
    type Output = TrainOutcome;

    fn execute(&self, params: SteppedParams, ctx: &Context) -> Result<TrainOutcome> {
        self.run(&params, ctx)
    }
}

#[test]
fn in_steps_data_and_checkpoint_are_handed_in() {
    let place = Place::new();
    let run = place.executor().execute::<Stepped>(json!({ "dataset": 1, "name": "boats" })).unwrap();
    assert_eq!((&run["model_id"], &run["metrics"]), (&json!("model-1"), &json!({ "loss": 0.25 })));
    assert_eq!(weights(&place, "model-1"), b"boat");
    let overall = |step: &str| run.progress(step).last().unwrap().overall;
    assert_eq!(
        (overall(phase::DATASET), overall(phase::TRAIN), overall(phase::MODEL_UPLOAD)),
        (20.0, 95.0, 100.0)
    );
    let more = place.executor().execute::<Stepped>(json!({ "checkpoint": "model-1" })).unwrap();
    assert_eq!(more["model_id"], "model-2");
    let model = (&place.store() as &dyn Client).model(&"model-1".into()).unwrap();
    assert_eq!((model.name.as_str(), &model.more["action"]), ("boats", &json!("stepped")));
}
