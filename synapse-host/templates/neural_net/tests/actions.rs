//! The actions as their author tests them: no host, no cluster. Models are
//! kept in a folder that goes with the test.

use std::fs;
use std::path::PathBuf;

use synapse_sdk::client::FileStore;
use synapse_sdk::prelude::*;

use __CRATE__::inference::Inference;
use __CRATE__::test::Test;
use __CRATE__::train::Train;

/// A folder that is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("__CRATE__-{name}-{}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn executor(&self) -> LocalExecutor {
        LocalExecutor::new().client(FileStore::at(self.0.join("store")))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn training_learns_and_records_progress_and_metrics() -> Result<()> {
    let folder = Folder::new("learns");
    let run = folder
        .executor()
        .execute::<Train>(json!({ "epochs": 20 }))?;
    assert!(run["loss"].as_f64() < Some(0.3), "{}", run["loss"]);
    let percent: Vec<f64> = run.progress("train").iter().map(|p| p.percent).collect();
    assert_eq!((percent[0], percent[19]), (5.0, 100.0));
    assert_eq!(run.metrics("train")["epoch"], 20);
    assert_eq!(
        run.messages().last(),
        Some(&(Level::Success, "saved as model-1"))
    );
    Ok(())
}

#[test]
fn training_goes_on_from_a_checkpoint() -> Result<()> {
    let folder = Folder::new("goes-on");
    let half = folder.executor().execute::<Train>(json!({ "epochs": 5 }))?;
    let params = json!({ "epochs": 5, "checkpoint": "model-1" });
    let more = folder.executor().execute::<Train>(&params)?;
    assert_eq!(
        (&more["epochs"], &more["model_id"]),
        (&json!(10), &json!("model-2"))
    );
    assert!(more["loss"].as_f64() < half["loss"].as_f64());

    // As a run with --checkpoint has it; it goes before that of the params.
    let base = half["model_path"].as_str().unwrap_or_default();
    let executor = folder.executor().checkpoint(Checkpoint::new("base", base));
    assert_eq!(executor.execute::<Train>(&params)?["epochs"], 5);
    Ok(())
}

#[test]
fn a_model_is_tested_and_applied() -> Result<()> {
    let folder = Folder::new("applied");
    folder.executor().execute::<Train>(json!({}))?;
    let tested = folder
        .executor()
        .execute::<Test>(json!({ "model": "model-1" }))?;
    let accuracy = &tested["accuracy"];
    assert!(accuracy.as_f64() > Some(0.9), "{accuracy}");
    let params = json!({ "model": "model-1", "points": [[0.0, 0.0], [1.0, 1.0]] });
    let told = folder.executor().execute::<Inference>(params)?;
    let classes = (&told[0]["first_class"], &told[1]["first_class"]);
    assert_eq!(classes, (&json!(false), &json!(true)));
    Ok(())
}

#[test]
fn mistakes_say_what_to_do() {
    let folder = Folder::new("mistakes");
    let executor = folder.executor();
    let error = executor
        .execute::<Train>(json!({ "epochs": 0 }))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Validation);
    let error = executor.execute::<Test>(json!({})).unwrap_err();
    let hint = error.hint_text().unwrap_or_default();
    assert!(hint.contains("--checkpoint"), "{hint}");
    let params = json!({ "model": "model-9", "points": [[0.0, 0.0]] });
    let error = executor.execute::<Inference>(params).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
