//! One test a sample.

use guide_samples::{TrainAction, convert, greet};
use synapse_sdk::prelude::*;

#[test]
fn greeting_is_formal_when_asked() {
    let run =
        LocalExecutor::new().execute::<greet>(json!({ "name": "Ada", "formal": true })).expect("greets");
    assert_eq!(run["message"], "Dear Ada!");
    assert_eq!(run.messages()[0].1, "Dear Ada!");
}

#[test]
fn conversion_has_a_default_format() {
    let run = LocalExecutor::new().execute::<convert>(json!({ "source_path": "cats" })).expect("converts");
    assert_eq!(run["output_path"], "cats.yolo");
}

#[test]
fn params_are_checked() {
    let error = LocalExecutor::new().execute::<TrainAction>(json!({ "dataset": 1, "epochs": -1 }));
    assert_eq!(error.expect_err("no epochs").kind(), ErrorKind::Validation);
}

#[test]
fn training_reports_progress_metrics_and_a_model() {
    let run = LocalExecutor::new().env([("TEST_MODE", "true")]);
    let run = run.execute::<TrainAction>(json!({ "dataset": 123, "epochs": 2 })).expect("trains");
    assert_eq!(run["model_path"], "/models/best");
    assert_eq!(run["final_loss"], 0.25);
    assert_eq!(run.metrics("train")["epoch"], 2);
    assert_eq!(run.progress("train").last().map(|progress| progress.percent), Some(100.0));
}

#[test]
fn a_failure_carries_its_details() {
    let error = LocalExecutor::new().execute::<TrainAction>(json!({ "dataset": 0 })).expect_err("no dataset");
    assert_eq!(error.kind(), ErrorKind::Execution);
    assert_eq!(error.details_json()["dataset"], 0);
}
