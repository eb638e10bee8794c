//! The actions as their author tests them: no host, no cluster.

use std::path::Path;

use synapse_sdk::prelude::*;

use __CRATE__::inference::Inference;
use __CRATE__::test::test as test_model;
use __CRATE__::train::{TrainResult, train};

/// A model trained for so many epochs, in a folder that the executor keeps.
fn trained(executor: &LocalExecutor, epochs: u32, folder: &Path) -> Result<TrainResult> {
    let output = folder.join(format!("{epochs}.json"));
    let run = executor.execute::<train>(json!({ "epochs": epochs, "output": output }))?;
    run.result()
}

#[test]
fn training_learns_and_records_progress_and_metrics() -> Result<()> {
    let run = LocalExecutor::new().execute::<train>(json!({ "epochs": 20 }))?;
    assert!(run["accuracy"].as_f64() > Some(0.9), "{}", run["accuracy"]);
    let percent: Vec<f64> = run.progress("train").iter().map(|p| p.percent).collect();
    assert_eq!((percent[0], percent[19]), (5.0, 100.0));
    let metrics = run.metrics("train");
    assert_eq!(
        (&metrics["epoch"], &metrics["loss"]),
        (&json!(20), &run["final_loss"])
    );
    Ok(())
}

#[test]
fn training_goes_on_from_a_checkpoint() -> Result<()> {
    let executor = LocalExecutor::new();
    let ctx = executor.context();
    let folder = ctx.work_dir()?;
    let half = trained(&executor, 5, &folder)?;
    let checkpoint = Checkpoint::new("fine_tuned", half.model_path.as_str());
    let resumed = trained(&LocalExecutor::new().checkpoint(checkpoint), 10, &folder)?;
    assert_eq!(resumed.epochs, 10);
    assert!(resumed.final_loss < half.final_loss);
    Ok(())
}

#[test]
fn a_model_is_tested_and_applied() -> Result<()> {
    let executor = LocalExecutor::new();
    let ctx = executor.context();
    let model = trained(&executor, 20, &ctx.work_dir()?)?.model_path;
    let tested = executor.execute::<test_model>(json!({ "model": model }))?;
    assert!(
        tested["accuracy"].as_f64() > Some(0.9),
        "{}",
        tested["accuracy"]
    );
    let params = json!({ "model": model, "points": [[0.0, 0.0], [1.0, 1.0]] });
    let told = executor.execute::<Inference>(params)?;
    assert_eq!(
        (&told[0]["first_class"], &told[1]["first_class"]),
        (&json!(false), &json!(true))
    );
    Ok(())
}

#[test]
fn mistakes_say_what_to_do() {
    let executor = LocalExecutor::new();
    let error = executor
        .execute::<train>(json!({ "epochs": 0 }))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Validation);
    let error = executor.execute::<test_model>(json!({})).unwrap_err();
    assert!(
        error
            .hint_text()
            .is_some_and(|hint| hint.contains("--checkpoint"))
    );
    let params = json!({ "model": "/nowhere.json", "points": [[0.0, 0.0]] });
    let error = executor.execute::<Inference>(params).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("loading the model /nowhere.json"),
        "{error}"
    );
}
