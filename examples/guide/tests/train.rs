//! The guide's test of its training, and one each of the samples around it.

use std::path::Path;

use guide_samples::{FineTune, TrainAction, TrainParams};
use synapse_sdk::client::FileStore;
use synapse_sdk::prelude::*;

/// An executor whose client knows the dataset 123, and keeps models in `folder`.
fn executor(folder: &Path) -> LocalExecutor {
    std::fs::create_dir_all(folder.join("harbour/train")).expect("a folder");
    std::fs::write(folder.join("harbour/train/boat.txt"), "boat").expect("a file");
    let (store, harbour) = (FileStore::at(folder.join("store")), folder.join("harbour"));
    let client = move |operation: &str, body: &Value| match (operation, body["id"].as_u64()) {
        ("dataset.get", Some(123)) => Ok(json!({
            "id": 123, "name": "harbour", "path": harbour, "splits": { "train": harbour.join("train") }
        })),
        _ => store.request(operation, body),
    };
    LocalExecutor::new().env([("TEST_MODE", "true")]).client(client)
}

#[test]
fn train_params_validation() {
    let params = TrainParams::from_json(r#"{ "dataset": 123, "epochs": 10 }"#).expect("valid params");
    assert_eq!(params.epochs, 10);

    let error = TrainParams::from_json(r#"{ "dataset": 123, "epochs": -1 }"#).expect_err("no epochs");
    assert_eq!(error.kind(), ErrorKind::Validation);
}

#[test]
fn train_action_execution() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = executor(folder.path());
    let run = run.execute::<TrainAction>(json!({ "dataset": 123, "epochs": 2 })).expect("trains");

    assert!(Path::new(run["model_path"].as_str().expect("a path")).exists());
    assert!(run["final_loss"].as_f64() < Some(1.0));
    assert_eq!(run.metrics("train")["epoch"], 2);
    assert_eq!(run.progress("model_upload").last().map(|progress| progress.percent), Some(100.0));
}

#[test]
fn train_action_with_checkpoint() {
    let folder = tempfile::tempdir().expect("a folder");
    let pretrained = folder.path().join("pretrained.pt");
    std::fs::write(&pretrained, "weights").expect("a file");
    let run = executor(folder.path()).checkpoint(Checkpoint::new("base", pretrained));
    let run = run.execute::<TrainAction>(json!({ "dataset": 123, "epochs": 2 })).expect("trains");

    assert!(run.messages().iter().any(|(_, text)| *text == "Resuming from checkpoint: base"));
}

#[test]
fn without_a_client_the_error_says_so() {
    let error =
        LocalExecutor::new().execute::<TrainAction>(json!({ "dataset": 123 })).expect_err("no client");
    assert_eq!(error.kind(), ErrorKind::Execution);
    assert_eq!(error.message(), "Backend client required for training");
    assert_eq!(error.details_json()["job_id"], Value::Null);
}

#[test]
fn fine_tuning_begins_with_the_model_it_is_given() {
    let folder = tempfile::tempdir().expect("a folder");
    let executor = executor(folder.path());
    executor.execute::<TrainAction>(json!({ "dataset": 123, "epochs": 2 })).expect("trains");
    let tuned = executor
        .execute::<FineTune>(json!({ "dataset": 123, "checkpoint": "model-1", "name": "tuned" }))
        .expect("tunes");
    assert_eq!(tuned["model_id"], "model-2");
    assert_eq!(tuned["metrics"]["images"], 1);
    assert_eq!(tuned.messages()[0].1, "Loaded fine-tuned model: yolov8-trained");
}
