//! The actions as an author tests them: no host, no cluster.

use classifier::actions::{TrainResult, evaluate, predict, train};
use synapse_sdk::prelude::*;

fn trained(epochs: u64, folder: &std::path::Path) -> Result<Value> {
    let output = folder.join("model.safetensors");
    let run = LocalExecutor::new().execute::<train>(json!({ "epochs": epochs, "output": output }))?;
    Ok(run.value().clone())
}

#[test]
fn training_learns_and_reports() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let output = folder.path().join("model.safetensors");
    let run = LocalExecutor::new().execute::<train>(json!({ "output": output }))?;
    assert!(run["accuracy"].as_f64() >= Some(0.93), "{}", run["accuracy"]);
    assert!(run.result::<TrainResult>().is_ok());
    let last = run.metrics("train");
    assert_eq!((&last["epoch"], &last["loss"]), (&json!(10), &run["final_loss"]));
    let overall: Vec<f64> = run.progress("train").iter().map(|progress| progress.overall).collect();
    assert!(overall.is_sorted(), "{overall:?}");
    assert!(output.exists());
    Ok(())
}

#[test]
fn resuming_continues_the_count_and_gives_what_one_run_gives() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let straight = trained(4, folder.path())?;
    let half = trained(2, folder.path())?;
    let checkpoint = Checkpoint::new("fine_tuned", half["model_path"].as_str().unwrap_or_default());
    let output = folder.path().join("resumed.safetensors");
    let executor = LocalExecutor::new().checkpoint(checkpoint);
    let resumed = executor.execute::<train>(json!({ "epochs": 4, "output": output }))?;
    assert_eq!(resumed["resumed_from"], 2);
    assert_eq!(resumed["epochs"], 4);
    assert_eq!(resumed["final_loss"], straight["final_loss"]);
    Ok(())
}

#[test]
fn a_second_attempt_goes_on_where_the_first_was_stopped() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let executor = LocalExecutor::new().state_dir(folder.path());
    let params = json!({ "epochs": 2, "output": folder.path().join("a.safetensors") });
    executor.execute::<train>(params)?;
    let again = executor.attempt(2).execute::<train>(json!({ "epochs": 3 }))?;
    assert_eq!((&again["resumed_from"], &again["epochs"]), (&json!(2), &json!(3)));
    Ok(())
}

#[test]
fn adam_learns_with_the_betas_given() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let output = folder.path().join("model.safetensors");
    let loss_with = |optimizer: Value| -> Result<f64> {
        let params = json!({ "epochs": 3, "learning_rate": 0.03, "optimizer": optimizer, "output": output });
        Ok(LocalExecutor::new().execute::<train>(params)?["final_loss"].as_f64().unwrap_or(f64::NAN))
    };
    let usual = loss_with(json!({ "kind": "adam" }))?;
    let forgetful = loss_with(json!({ "kind": "adam", "beta1": 0.5, "beta2": 0.9 }))?;
    let sgd = loss_with(json!({ "kind": "sgd" }))?;
    assert!(usual < 0.5 && forgetful < 0.5, "{usual} {forgetful}");
    assert!(usual != forgetful && usual != sgd);
    Ok(())
}

#[test]
fn settings_outside_their_range_are_named() {
    let refused = |params: Value, pointer: &str| {
        let error = LocalExecutor::new().execute::<train>(params).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Validation);
        let named = error.details_json().as_array().into_iter().flatten();
        assert!(named.map(|found| &found["pointer"]).any(|found| found == pointer), "{error}");
    };
    refused(json!({ "epochs": 0 }), "/epochs");
    refused(json!({ "batch_size": 0 }), "/batch_size");
    refused(json!({ "learning_rate": 0 }), "/learning_rate");
    refused(json!({ "weight_decay": -0.1 }), "/weight_decay");
    refused(json!({ "optimizer": { "kind": "sgd", "momentum": 1 } }), "/optimizer/momentum");
    refused(json!({ "optimizer": { "kind": "sgd", "momentun": 0.5 } }), "/optimizer/momentun");
    refused(json!({ "optimizer": { "kind": "adam", "beta2": 1 } }), "/optimizer/beta2");
    refused(json!({ "optimizer": { "kind": "adamw" } }), "/optimizer/kind");
}

#[test]
fn steps_that_are_too_long_end_with_an_error_that_says_so() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let params =
        json!({ "learning_rate": 10, "weight_decay": 1, "epochs": 50, "output": folder.path().join("a") });
    let error = LocalExecutor::new().execute::<train>(params).unwrap_err().to_string();
    assert!(error.contains("diverged") && error.contains("`learning_rate` well below 10"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 0);
    Ok(())
}

#[test]
fn a_model_is_evaluated_and_predicts() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let result = trained(3, folder.path())?;
    let executor = LocalExecutor::new();
    let evaluated = executor.execute::<evaluate>(json!({ "model": result["model_path"] }))?;
    assert_eq!(evaluated["accuracy"], result["accuracy"]);
    let predicted = executor.execute::<predict>(json!({ "model": result["model_path"], "samples": 20 }))?;
    let predictions = predicted["predictions"].as_array().cloned().unwrap_or_default();
    let right = predictions.iter().filter(|prediction| prediction["label"] == prediction["truth"]).count();
    assert_eq!(predictions.len(), 20);
    assert!(right > 14, "{right} of 20");
    Ok(())
}

#[test]
fn mistakes_say_what_to_do() -> Result<()> {
    let executor = LocalExecutor::new();
    let error = executor.execute::<evaluate>(json!({})).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Validation);
    assert!(error.hint_text().is_some_and(|hint| hint.contains("--checkpoint")));

    let missing = executor.execute::<predict>(json!({ "model": "/nowhere.safetensors" })).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "cannot load /nowhere.safetensors: No such file or directory (os error 2)"
    );

    let folder = tempfile::tempdir()?;
    let model = trained(1, folder.path())?["model_path"].clone();
    let short = executor.execute::<predict>(json!({ "model": model, "rows": [[0.0, 1.0]] })).unwrap_err();
    assert!(short.to_string().starts_with("row 0: "), "{short}");
    Ok(())
}
