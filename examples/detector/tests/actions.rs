//! The actions as an operator runs them, without a host: the store is a folder
//! that goes with the test.

use std::fs;
use std::path::PathBuf;

use detector::inference::Inference;
use detector::train::Train;
use detector::weights::from_bytes;
use synapse_sdk::client::FileStore;
use synapse_sdk::events::EventBody;
use synapse_sdk::kinds::phase;
use synapse_sdk::prelude::*;
use tempfile::TempDir;

/// Few pictures and epochs: enough to see that it learns.
fn small() -> Value {
    json!({ "pictures": 60, "epochs": 3 })
}

fn executor(store: &TempDir) -> LocalExecutor {
    LocalExecutor::new().client(FileStore::at(store.path()))
}

fn pictures(store: &TempDir) -> String {
    store.path().join("datasets/dataset-1/content/images/valid/*.png").to_string_lossy().into_owned()
}

#[test]
fn it_learns_to_find_buoys_it_has_not_seen() -> Result<()> {
    let store = tempfile::tempdir()?;
    let run = executor(&store).execute::<Train>(json!({ "pictures": 200, "epochs": 8 }))?;
    assert!(run["f1"].as_f64() > Some(0.8), "{:?}", run.value());
    let found = executor(&store).execute::<Inference>(
        json!({ "model": run["model_id"], "images": [pictures(&store)], "batch_size": 7 }),
    )?;
    assert_eq!(found["detections"].as_array().map(Vec::len), Some(50));
    assert!(found["buoys"].as_u64() > Some(40), "{}", found["buoys"]);
    Ok(())
}

#[test]
fn the_loss_falls_and_every_phase_is_told() -> Result<()> {
    let store = tempfile::tempdir()?;
    let run = executor(&store).execute::<Train>(small())?;
    let losses: Vec<f64> = run
        .events()
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::Metrics { values } => serde_json::from_str::<Value>(values).ok()?["loss"].as_f64(),
            _ => None,
        })
        .collect();
    assert_eq!(losses.len(), 3);
    assert!(losses.is_sorted_by(|a, b| a > b), "{losses:?}");
    for step in [phase::DATASET, phase::TRAIN, phase::MODEL_UPLOAD] {
        assert_eq!(run.progress(step).last().map(|progress| progress.percent), Some(100.0), "{step}");
    }
    Ok(())
}

#[test]
fn from_a_checkpoint_the_epochs_go_on() -> Result<()> {
    let store = tempfile::tempdir()?;
    let first = executor(&store).execute::<Train>(small())?;
    assert_eq!((&first["model_id"], &first["epochs"]), (&json!("model-1"), &json!(3)));
    let more = executor(&store).execute::<Train>(json!({
        "dataset": first["dataset"], "checkpoint": "model-1", "epochs": 2
    }))?;
    assert_eq!((&more["model_id"], &more["epochs"]), (&json!("model-2"), &json!(5)));
    assert_eq!(more.metrics(phase::TRAIN)["epoch"], 5);
    Ok(())
}

#[test]
fn stopped_in_between_it_gives_the_same_model() -> Result<()> {
    let model = |run: &Value| from_bytes(&fs::read(run["model_path"].as_str().unwrap_or_default())?);
    let whole = tempfile::tempdir()?;
    let whole_model = executor(&whole).execute::<Train>(small())?;

    let (parts, state) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let executor = executor(&parts).state_dir(state.path());
    let store = FileStore::at(parts.path());
    let full = executor.clone().client(move |operation: &str, body: &Value| match operation {
        "model.create" => Err(ExecutionError::new("the disk is full")),
        _ => store.request(operation, body),
    });
    full.execute::<Train>(json!({ "pictures": 60, "epochs": 2 })).expect_err("the disk is full");
    let resumed = executor.execute::<Train>(small())?;
    assert!(resumed.messages().iter().any(|(_, text)| text.starts_with("going on after epoch 2")));
    assert!(model(resumed.value())? == model(whole_model.value())?, "the models differ");
    Ok(())
}

#[test]
fn what_is_wrong_is_named() -> Result<()> {
    let store = tempfile::tempdir()?;
    let executor = executor(&store);
    executor.execute::<Train>(small())?;
    let train = |params: Value| executor.execute::<Train>(params).expect_err("refused");

    assert_eq!(train(json!({ "dataset": "harbour" })).kind(), ErrorKind::NotFound);
    assert_eq!(train(json!({ "checkpoint": "model-9" })).kind(), ErrorKind::NotFound);

    let store_client = FileStore::at(store.path());
    let client: &dyn Client = &store_client;
    let file = store.path().join("other.bin");
    fs::write(&file, "of another program")?;
    client.create_model(NewModel::new(&file).architecture("resnet/50"))?;
    let other = train(json!({ "checkpoint": "model-2" }));
    assert_eq!(other.kind(), ErrorKind::Validation);
    assert!(other.message().contains("`resnet/50`, and this action needs a `buoy-detector/1`"), "{other}");

    let model = client.model(&"model-1".into())?;
    let whole = fs::read(&model.path)?;
    fs::write(&model.path, &whole[..whole.len() / 2])?;
    assert_eq!(train(json!({ "checkpoint": "model-1" })).kind(), ErrorKind::ChecksumMismatch);

    let empty = store.path().join("empty");
    fs::create_dir_all(empty.join("images/train"))?;
    client.create_dataset(NewDataset::new("empty", &empty).split("train", "images/train"))?;
    let error = train(json!({ "dataset": 2 }));
    assert!(error.message().starts_with("split `train` of dataset dataset-2 (empty) is empty"), "{error}");

    let images: PathBuf = store.path().join("no/*.png");
    let none = executor.execute::<Inference>(json!({ "model": "model-2", "images": [images] }));
    assert_eq!(none.expect_err("another architecture").kind(), ErrorKind::Validation);
    Ok(())
}
