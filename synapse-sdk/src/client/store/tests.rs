#![expect(clippy::unwrap_used, reason = "tests")]

use tempfile::TempDir;

use super::*;
use crate::client::{NewDataset, NewModel};

struct Place {
    folder: TempDir,
    store: FileStore,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::at(folder.path().join("store"));
        Self { folder, store }
    }

    fn client(&self) -> &dyn Client {
        &self.store
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }
}

#[test]
fn a_model_is_a_copy_with_what_is_known_of_it() {
    let place = Place::new();
    let weights = place.file("weights.bin", b"abc");
    let new = NewModel::new(&weights)
        .name("boats")
        .description("finds boats")
        .architecture("tiny/1")
        .metrics(json!({ "loss": 0.5 }))
        .epochs(3);
    let made = place.client().create_model(new).unwrap();
    fs::write(&weights, b"changed").unwrap();
    let model = place.client().model(&made.id).unwrap();
    assert_eq!(model, made);
    assert_eq!(fs::read(&model.path).unwrap(), b"abc");
    assert_eq!(model.path.file_name().unwrap(), "weights.bin");
    assert_eq!((model.name.as_str(), model.category.as_str()), ("boats", "fine_tuned"));
    assert_eq!(
        (model.architecture(), model.metrics().unwrap()["loss"].as_f64()),
        (Some("tiny/1"), Some(0.5))
    );
    assert!(model.more["created"].as_str().unwrap().ends_with('Z'), "{:?}", model.more);
    let checkpoint = crate::Checkpoint::from(model);
    assert_eq!((checkpoint.epochs(), checkpoint.is_base()), (3, false));
    assert_eq!(checkpoint.to_string(), "the checkpoint model-1 (boats)");
    let error = checkpoint.expect_architecture("huge/1").unwrap_err();
    assert!(error.message().contains("`tiny/1`, and this action needs a `huge/1`"), "{error}");
}

#[test]
fn a_folder_can_be_a_model_and_ids_are_numbers_or_names() {
    let place = Place::new();
    place.file("net/config.json", b"{}");
    place.file("net/deep/weights.bin", b"abc");
    let made = place.client().create_model(NewModel::new(place.folder.path().join("net"))).unwrap();
    assert_eq!(fs::read(made.path.join("deep/weights.bin")).unwrap(), b"abc");
    place.client().create_model(NewModel::new(place.folder.path().join("net")).name("again")).unwrap();
    for id in [Id::from(2), "2".into(), "model-2".into()] {
        assert_eq!(place.client().model(&id).unwrap().name, "again");
    }
    let names: Vec<String> = place.client().models().unwrap().into_iter().map(|model| model.name).collect();
    assert_eq!(names, ["net", "again"]);
}

#[test]
fn a_dataset_has_a_path_for_each_split() {
    let place = Place::new();
    place.file("harbour/train/a.png", b"a");
    place.file("harbour/val/b.png", b"b");
    fs::create_dir(place.folder.path().join("harbour/test")).unwrap();
    let new = NewDataset::new("harbour", place.folder.path().join("harbour")).format("yolo");
    let made = place.client().create_dataset(new).unwrap();
    let dataset = place.client().dataset(&made.id).unwrap();
    assert_eq!((dataset.id.to_string().as_str(), dataset.format.as_deref()), ("dataset-1", Some("yolo")));
    assert_eq!(fs::read(dataset.split("train").unwrap().join("a.png")).unwrap(), b"a");
    assert!(dataset.split("valid").unwrap().ends_with("val"));
    let empty = dataset.split("test").unwrap_err();
    assert_eq!(empty.kind(), ErrorKind::Validation);
    assert!(empty.message().starts_with("split `test` of dataset dataset-1 (harbour) is empty"), "{empty}");
    let near = dataset.split("trian").unwrap_err();
    assert_eq!((near.kind(), near.hint_text()), (ErrorKind::NotFound, Some("did you mean `train`?")));
}

#[test]
fn the_same_content_has_the_same_revision_and_other_content_another() {
    let place = Place::new();
    let revision = |name: &str, bytes: &[u8]| {
        place.file(&format!("{name}/train/a"), bytes);
        let new = NewDataset::new(name, place.folder.path().join(name));
        place.client().create_dataset(new).unwrap().revision
    };
    let first = revision("a", b"boat");
    assert_eq!(first, revision("b", b"boat"));
    assert_ne!(first, revision("c", b"buoy"));
}

#[test]
fn an_id_that_is_wrong_is_told_with_what_there_is() {
    let place = Place::new();
    let hint = |id: &str| {
        let error = place.client().model(&id.into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        error.hint_text().unwrap().to_owned()
    };
    assert_eq!(hint("model-1"), "it has no model at all yet; --store DIR names another store");
    let weights = place.file("w", b"abc");
    for _ in 0..7 {
        place.client().create_model(NewModel::new(&weights)).unwrap();
    }
    assert_eq!(hint("modle-1"), "did you mean `model-1`?");
    assert_eq!(hint("something"), "it has model-7, model-6, model-5, model-4, model-3 and 2 more");
    assert_eq!(hint("../../etc"), "it has model-7, model-6, model-5, model-4, model-3 and 2 more");
    assert_eq!(
        place.store.request("model.get", &json!({ "id": [1] })).unwrap_err().kind(),
        ErrorKind::Validation
    );
}

#[test]
fn files_that_were_cut_short_or_taken_away_are_told() {
    let place = Place::new();
    let weights = place.file("weights.bin", b"abcdef");
    let model = place.client().create_model(NewModel::new(weights)).unwrap();
    fs::write(&model.path, b"abc").unwrap();
    let error = place.client().model(&model.id).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ChecksumMismatch);
    assert!(error.message().ends_with("it has 3 bytes and was stored with 6"), "{error}");
    fs::remove_file(&model.path).unwrap();
    assert!(place.client().model(&model.id).unwrap_err().message().contains("cannot be read"));
    let record = place.store.root().join("models/model-1/record.json");
    fs::write(&record, b"{\"na").unwrap();
    assert_eq!(place.client().models().unwrap_err().kind(), ErrorKind::ChecksumMismatch);
}

#[test]
fn what_cannot_be_stored_leaves_nothing() {
    let place = Place::new();
    let missing = place.client().create_model(NewModel::new("/nowhere/at/all")).unwrap_err();
    assert_eq!((missing.kind(), missing.message()), (ErrorKind::NotFound, "there is no model to store"));
    place.file("net/a", b"abc");
    std::os::unix::fs::symlink("/nowhere/at/all", place.folder.path().join("net/b")).unwrap();
    let broken = place.client().create_model(NewModel::new(place.folder.path().join("net"))).unwrap_err();
    assert!(broken.message().starts_with("storing the model"), "{broken}");
    let outside = NewDataset::new("d", place.folder.path().join("net")).split("train", "../store");
    assert_eq!(place.client().create_dataset(outside).unwrap_err().kind(), ErrorKind::NotFound);
    let left = fs::read_dir(place.store.root().join("models")).unwrap().count();
    assert_eq!(left, 0);
    assert_eq!(place.client().models().unwrap(), []);
}

#[test]
fn an_unknown_operation_is_told_with_those_there_are() {
    let error = Place::new().store.request("model.teach", &json!({})).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.hint_text().unwrap().contains("model.create"));
}
