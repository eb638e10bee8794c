//! One test a sample.

use guide_samples::{TrainAction, check_dataset, convert, greet};
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

#[test]
fn training_begins_with_the_checkpoint_a_test_gives() {
    let checkpoint = |category: &str| Checkpoint {
        category: Some(category.to_owned()),
        path: "/models/pretrained".into(),
        name: Some("yolov8n".to_owned()),
        ..Checkpoint::default()
    };
    let told = |executor: LocalExecutor| {
        let run = executor.execute::<TrainAction>(json!({ "dataset": 123, "epochs": 2 })).expect("trains");
        run.messages()[0].1.to_owned()
    };
    let executor = LocalExecutor::new;
    assert_eq!(told(executor()), "Starting training...");
    assert_eq!(told(executor().checkpoint(checkpoint("base"))), "Loaded pretrained model: yolov8n");
    assert_eq!(told(executor().checkpoint(checkpoint("own"))), "Loaded fine-tuned model: yolov8n");
}

#[test]
fn a_dataset_is_looked_up_with_the_client_a_test_gives() {
    let params = json!({ "dataset": 123 });
    let alone =
        LocalExecutor::new().job_id("job-7").execute::<check_dataset>(&params).expect_err("no client");
    assert_eq!((alone.kind(), &alone.details_json()["job_id"]), (ErrorKind::Execution, &json!("job-7")));
    let with = |answer: fn() -> Result<Value>| {
        let client = move |operation: &str, _body: &Value| {
            assert_eq!(operation, "dataset.get");
            answer()
        };
        LocalExecutor::new().client(client).execute::<check_dataset>(&params)
    };
    let found = with(|| Ok(json!({ "name": "boats" }))).expect("it is there");
    assert_eq!(found["name"], "boats");
    let invalid = with(|| Err(ValidationError::new("no such split"))).expect_err("it is invalid");
    assert_eq!(invalid.kind(), ErrorKind::Validation);
    let gone =
        with(|| Err(ExecutionError::new("the connection was closed"))).expect_err("it is out of reach");
    assert_eq!(gone.to_string(), "Training failed: the connection was closed");
    assert_eq!(gone.details_json()["dataset"], 123);
}
