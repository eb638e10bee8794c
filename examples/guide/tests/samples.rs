//! One test a sample. Those of the guide's training stand in `train.rs`.

use std::path::Path;

use guide_samples::{
    LoadCheckpoint, LoadDataset, LoopAction, SaveModel, check_dataset, convert, greet, prepare,
    tell_everything,
};
use synapse_sdk::action::ActionMeta;
use synapse_sdk::client::FileStore;
use synapse_sdk::data_type::{
    Data, DataTypeFacts, Dataset, DmDataset, DmV1Dataset, DmV2Dataset, Model, ResultData,
};
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
    assert_eq!((&run["output_path"], &run["files_converted"]), (&json!("cats.yolo"), &json!(100)));
    assert_eq!(run.messages()[0].1, "converting to yolo");
    assert_eq!(<convert as ActionMeta>::FACTS.category, Some(Category::Export));
}

#[test]
fn a_type_that_trains_reports_each_epoch() {
    let run = LocalExecutor::new().execute::<LoopAction>(json!({ "dataset": 123, "epochs": 10 }));
    let run = run.expect("trains");
    assert_eq!((&run["model_path"], &run["final_loss"]), (&json!("/models/best.pt"), &json!(0.05)));
    let done: Vec<u64> = run.progress("training").iter().map(|progress| progress.current).collect();
    // The end of the run says once more that all is done.
    assert_eq!(done[..11], (0..=10).collect::<Vec<_>>());
    assert_eq!(run.metrics("training")["mAP50"], 0.85);
    let declared = <LoopAction as ActionMeta>::FACTS;
    assert_eq!(declared.input.map(|facts| facts.id), Some("yolo_dataset"));
    assert_eq!(declared.output.map(|facts| facts.id), Some("model_weights"));
    let refused = LocalExecutor::new().execute::<LoopAction>(json!({ "dataset": 123, "batch_size": 0 }));
    assert_eq!(refused.expect_err("no batch").kind(), ErrorKind::Validation);
}

#[test]
fn the_context_has_what_the_test_gives_it_and_keeps_what_is_told() {
    let alone = LocalExecutor::new().execute::<tell_everything>(json!({})).expect("tells");
    assert_eq!((&alone["has_client"], &alone["job_id"]), (&json!(false), &Value::Null));

    let client = |_: &str, _: &Value| Ok(Value::Null);
    let executor = LocalExecutor::new().env([("DEBUG", "true")]).job_id("local-test-001").client(client);
    let executor = executor.checkpoint(Checkpoint::new("base", "/models/pretrained.pt"));
    let run = executor.execute::<tell_everything>(json!({})).expect("tells");
    let expected = json!({
        "debug": "true", "job_id": "local-test-001", "checkpoint": "/models/pretrained.pt",
        "has_client": true, "has_agent_client": false,
    });
    assert_eq!(run.value(), &expected);
    assert_eq!(run.progress("tell")[0].percent, 50.0);
    assert_eq!(run.metrics("tell")["accuracy"], 0.9);
    let told: Vec<&str> = run.messages().into_iter().map(|(_, text)| text).collect();
    assert!(told.contains(&"half of it is done") && told.contains(&"few rows"), "{told:?}");
    let events = format!("{:?}", run.events());
    assert!(events.contains("checkpoint") && events.contains("batch"), "{events}");
}

#[test]
fn data_types_are_the_hierarchy_of_the_overview() {
    let parents: [(&DataTypeFacts, &DataTypeFacts); 14] = [
        (Dataset::FACTS, Data::FACTS),
        (DmDataset::FACTS, Dataset::FACTS),
        (DmV1Dataset::FACTS, DmDataset::FACTS),
        (DmV2Dataset::FACTS, DmDataset::FACTS),
        (YoloDataset::FACTS, Dataset::FACTS),
        (CocoDataset::FACTS, Dataset::FACTS),
        (PascalVocDataset::FACTS, Dataset::FACTS),
        (Model::FACTS, Data::FACTS),
        (ModelWeights::FACTS, Model::FACTS),
        (OnnxModel::FACTS, Model::FACTS),
        (TensorrtModel::FACTS, Model::FACTS),
        (ResultData::FACTS, Data::FACTS),
        (TestResults::FACTS, ResultData::FACTS),
        (InferenceResults::FACTS, ResultData::FACTS),
    ];
    for (child, parent) in parents {
        assert_eq!(child.parent.map(|facts| facts.id), Some(parent.id), "{}", child.id);
        assert!(child.is_compatible_with(parent) && parent.is_compatible_with(child), "{}", child.id);
    }
    assert!(!YoloDataset::FACTS.is_compatible_with(CocoDataset::FACTS));
}

#[test]
fn a_checkpoint_is_that_of_the_run_else_that_of_the_params() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pretrained.pt");
    std::fs::write(&file, "pretrained weights").expect("a file");
    let store = FileStore::at(folder.path().join("store"));
    (&store as &dyn Client).create_model(NewModel::new(&file).name("mine")).expect("a model");

    let executor = LocalExecutor::new().client(store);
    let scratch = executor.execute::<LoadCheckpoint>(json!({})).expect("trains");
    assert_eq!((scratch.value(), scratch.messages()), (&json!("new"), Vec::new()));
    let tuned = executor.execute::<LoadCheckpoint>(json!({ "checkpoint": "model-1" })).expect("trains");
    assert_eq!(tuned.messages()[0].1, "Loaded fine-tuned model: mine");
    let executor = executor.checkpoint(Checkpoint::new("base", file));
    let base = executor.execute::<LoadCheckpoint>(json!({ "checkpoint": "model-1" })).expect("trains");
    assert_eq!(base.value(), "pretrained weights");
    assert_eq!(base.messages()[0].1, "Loaded pretrained model: unknown");
}

/// A client that knows the dataset 123, with two splits below `folder`.
fn harbour(folder: &Path) -> impl Client + 'static {
    for name in ["train/a", "train/b", "val/c"] {
        let file = folder.join("harbour").join(name);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(file, name).expect("a file");
    }
    let path = folder.join("harbour");
    move |operation: &str, body: &Value| match (operation, body["id"].as_u64()) {
        ("dataset.get", Some(123)) => Ok(json!({
            "id": 123, "name": "harbour", "path": path,
            "splits": { "train": path.join("train"), "val": path.join("val") },
        })),
        _ => Err(synapse_sdk::errors::NotFoundError::new("there is no such dataset")),
    }
}

#[test]
fn a_dataset_has_a_name_a_path_and_splits() {
    let folder = tempfile::tempdir().expect("a folder");
    let executor = LocalExecutor::new().client(harbour(folder.path()));
    let run = executor.execute::<LoadDataset>(json!({ "dataset": 123 })).expect("loads");
    assert_eq!(run.value(), &json!({ "train": 2, "val": 1 }));
    assert_eq!(run.messages()[0].1, "Loaded dataset: harbour (123)");
    let error = executor.execute::<LoadDataset>(json!({ "dataset": 7 })).expect_err("another");
    assert_eq!(error.to_string(), "the params name the dataset `7`: there is no such dataset");
}

#[test]
fn a_saved_model_has_an_id_and_what_was_said_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = FileStore::at(folder.path());
    let run = LocalExecutor::new().client(store.clone()).execute::<SaveModel>(json!({})).expect("saves");
    assert_eq!((&run["model_id"], run.messages()[0].1), (&json!("model-1"), "Model uploaded: model-1"));
    assert!(Path::new(run["model_path"].as_str().expect("a path")).starts_with(folder.path()));
    let model = (&store as &dyn Client).model(&"model-1".into()).expect("it is there");
    assert_eq!(model.name, "yolov8-detection");
    assert_eq!(model.more["description"], "Trained on custom dataset");
    assert_eq!(model.metrics().and_then(|metrics| metrics["mAP50"].as_f64()), Some(0.85));
}

#[test]
fn errors_keep_their_kind_or_say_what_was_done_when_they_came() {
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

#[test]
fn a_pipeline_of_two_actions_is_one_action() {
    let run = LocalExecutor::new().execute::<prepare>(json!({ "source_path": "cats" })).expect("prepares");
    assert_eq!(run.value(), &json!({ "path": "cats.yolo", "enough": true }));
}
