//! Training and inference through the command: the store, checkpoints, and runs
//! that are killed, stopped by time, or out of room.

use std::path::Path;

use serde_json::{Value, json};
use synapse_sdk::client::{Client, FileStore, ModelInfo, NewDataset};
use synapse_tests::{Generated, Synapse, can_mount, fits};

/// Small, so that drawing takes no time.
const SMALL: &str = "-P pictures=40";

fn train(synapse: &Synapse, words: &str) -> Value {
    let call = synapse.act("detector", "train --json").words(SMALL).words(words);
    call.run().code(0).document()["result"].clone()
}

/// Every model of the store; that it can be listed shows that each is whole.
fn models(synapse: &Synapse) -> Vec<ModelInfo> {
    let store = FileStore::at(synapse.home().join("store"));
    let client: &dyn Client = &store;
    let models = client.models().expect("every model is whole");
    models.into_iter().map(|model| client.model(&model.id).expect("every file is whole")).collect()
}

/// What is being written, or was left behind, in the store.
fn unfinished(synapse: &Synapse) -> Vec<String> {
    let names = |shelf: &str| {
        let entries = std::fs::read_dir(synapse.home().join("store").join(shelf));
        let entries = entries.into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    let all = names("models").into_iter().chain(names("datasets"));
    all.filter(|name| name.starts_with('.')).collect()
}

#[test]
fn a_model_is_trained_trained_on_and_used() {
    let synapse = Synapse::new();
    let first = train(&synapse, "-P epochs=3");
    assert_eq!(
        (&first["model_id"], &first["epochs"], &first["dataset"]),
        (&json!("model-1"), &json!(3), &json!("dataset-1"))
    );
    let more = train(&synapse, "-P checkpoint=model-1 -P epochs=2");
    assert_eq!(
        (&more["model_id"], &more["epochs"], &more["dataset"]),
        (&json!("model-2"), &json!(5), &json!("dataset-1"))
    );
    let made = models(&synapse);
    assert_eq!((&made[1].more["checkpoint"], &made[1].more["epochs"]), (&json!("model-1"), &json!(5)));
    let images = synapse.home().join("store/datasets/dataset-1/content/images/valid/*.png");
    for words in ["inference --json", "inference --json --isolated"] {
        let call = synapse.act("detector", words).words("-P model=model-2 -P batch_size=4 -P");
        let found = call.arg(format!("images={}", images.display())).run().code(0).document();
        assert_eq!(found["result"]["detections"].as_array().map(Vec::len), Some(10));
    }
}

#[test]
fn an_isolated_training_keeps_its_model_in_the_same_store() {
    let synapse = Synapse::new();
    train(&synapse, "-P epochs=1 --isolated");
    assert_eq!(models(&synapse).len(), 1);
}

#[test]
fn killed_while_it_works_the_next_attempt_goes_on_and_nothing_is_left() {
    for phase in ["dataset", "train"] {
        let synapse = Synapse::new();
        // So many that it cannot end before the signal reaches it.
        let words = "train --json --job-id j1 -P epochs=1000";
        let mut running = synapse.act("detector", words).words(SMALL).start();
        running.until_it_says(&format!(r#""step":"{phase}""#));
        running.signal(libc::SIGKILL);
        running.wait();
        assert_eq!(models(&synapse), [], "killed in {phase}");
        train(&synapse, "--job-id j1 -P epochs=4");
        assert_eq!(models(&synapse).len(), 1, "killed in {phase}");
        assert_eq!(unfinished(&synapse), [""; 0], "killed in {phase}");
    }
}

/// A training that waits wherever it is told to.
const PHASES: &str = r#"//! A generated plugin.
use synapse_sdk::kinds::{DatasetAction, TrainAction};
use synapse_sdk::prelude::*;

/// How to train.
#[params]
pub struct PhasesParams {
    dataset: Option<Id>,
    wait_in: Option<String>,
    /// Size of the model
    #[param(default = 4)]
    bytes: usize,
}

/// What training gave.
#[result]
pub struct PhasesResult {
    model: Id,
    trained: Vec<u64>,
}

/// Trains for four epochs.
#[derive(Action, Default)]
#[action(name = "phases")]
pub struct Phases;

impl TrainAction for Phases {}
impl DatasetAction for Phases {}

impl Action for Phases {
    type Params = PhasesParams;
    type Output = PhasesResult;

    fn execute(&self, params: PhasesParams, ctx: &Context) -> Result<PhasesResult> {
        let wait = |place: &str| {
            while params.wait_in.as_deref() == Some(place) {
                ctx.log_message(format!("waiting in {place}"), "info");
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
        };
        if params.dataset.is_some() {
            let dataset = self.get_dataset(&params.dataset, ctx)?;
            wait("dataset");
            self.convert(&dataset.path, None, "coco", None, ctx)?;
            wait("convert");
        }
        let mut epochs = self.epochs(4, ctx);
        let mut model = epochs.resume()?.unwrap_or_default();
        let mut trained = Vec::new();
        while let Some(epoch) = epochs.next_epoch()? {
            if epoch == 3 {
                wait("train");
            }
            model.push(epoch as u8);
            trained.push(epoch);
            epochs.end_epoch(json!({}), || Ok(model.clone()))?;
        }
        let path = ctx.work_dir()?.join("weights.bin");
        model.resize(params.bytes, 0);
        std::fs::write(&path, model)?;
        wait("model_upload");
        let model = self.create_model(path).save(ctx)?.id;
        wait("return");
        Ok(PhasesResult { model, trained })
    }
}

synapse_sdk::export_plugin!(Phases);
"#;

/// Files that only a dead process can have left, anywhere in the home.
fn left_behind(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_part = [".new-", ".part-", ".tmp-", "~"].iter().any(|start| name.starts_with(start));
        found.extend((is_part || name.ends_with(".tmp")).then_some(name));
        found.extend(left_behind(&entry.path()));
    }
    found
}

#[test]
fn killed_in_each_phase_a_training_gives_one_model_and_trains_no_epoch_twice() {
    let plugin = Generated::new("phases_plugin", PHASES);
    let dataset = tempfile::tempdir().expect("a folder");
    let coco = json!({
        "images": [{ "id": 1, "file_name": "a.png", "width": 8, "height": 8 }], "annotations": [],
        "categories": [{ "id": 1, "name": "boat" }],
    });
    std::fs::write(dataset.path().join("annotations.json"), coco.to_string()).expect("a dataset");
    for (phase, trained) in [
        ("dataset", json!([1, 2, 3, 4])),
        ("convert", json!([1, 2, 3, 4])),
        ("train", json!([3, 4])),
        ("model_upload", json!([])),
        ("return", json!([])),
    ] {
        let synapse = Synapse::new();
        let store = FileStore::at(synapse.home().join("store"));
        (&store as &dyn Client).create_dataset(NewDataset::new("boats", dataset.path())).expect("a dataset");
        let act = |words: &str| plugin.act(&synapse, "phases --json --job-id j1 -P dataset=1").words(words);
        let mut running = act(&format!("-P wait_in={phase}")).start();
        running.until_it_says(&format!("waiting in {phase}"));
        running.signal(libc::SIGKILL);
        running.wait();
        assert_eq!(models(&synapse).len(), usize::from(phase == "return"), "killed in {phase}");
        let result = act("").run().code(0).document()["result"].clone();
        assert_eq!(result, json!({ "model": "model-1", "trained": trained }), "killed in {phase}");
        let model = std::fs::read(&models(&synapse)[0].path).expect("the model");
        assert_eq!((models(&synapse).len(), model), (1, vec![1, 2, 3, 4]), "killed in {phase}");
        assert_eq!(left_behind(synapse.home()), [""; 0], "killed in {phase}");
    }
}

/// The store is a disk of its own with 256 KiB; what is on it in the end is written down elsewhere.
const SMALL_STORE: &str = r#"exec unshare -rm sh -c '
    mount -t tmpfs -o size=256k none "$SYNAPSE_STORE" || exit 99
    "$@"; code=$?
    find "$SYNAPSE_STORE" -mindepth 2 > "$SYNAPSE_HOME/on-the-disk"
    exit $code' sh "$@""#;

#[test]
fn a_disk_without_room_for_the_model_is_told_and_what_was_trained_is_kept() {
    if !can_mount() {
        return;
    }
    let plugin = Generated::new("full_plugin", PHASES);
    let (synapse, store) = (Synapse::new(), tempfile::tempdir().expect("a folder"));
    let act = || plugin.act(&synapse, "phases --json --job-id j1 -P bytes=1000000");
    let full = act().env("SYNAPSE_STORE", store.path()).through(SMALL_STORE).run().code(1);
    let error = full.error();
    assert!(error["message"].as_str().is_some_and(|text| text.starts_with("storing the model")), "{error}");
    assert!(full.stderr.contains("No space left on device"), "{full}");
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("--store DIR")), "{error}");
    let left = std::fs::read_to_string(synapse.home().join("on-the-disk")).expect("what was on the disk");
    assert_eq!(left, "", "of the model");
    let elsewhere = act().run().code(0).document()["result"].clone();
    assert_eq!(elsewhere, json!({ "model": "model-1", "trained": [] }));
}

#[test]
fn models_are_listed_and_copied_out() {
    let synapse = Synapse::new();
    synapse
        .call("model list")
        .run()
        .code(0)
        .prints(&format!("no models in {}\n", synapse.home().join("store").display()));
    train(&synapse, "-P epochs=1 -P name=harbour");
    let listed = synapse.call("model list --json").run().code(0).document();
    fits(&listed, "model-list");
    assert_eq!((&listed["models"][0]["id"], &listed["models"][0]["epochs"]), (&json!("model-1"), &json!(1)));
    let shown = synapse.call("model list").run().code(0);
    assert!(shown.stdout.contains("model-1  harbour"), "{shown}");

    let folder = tempfile::tempdir().expect("a folder");
    let download = |words: &str| synapse.call("model download").words(words).within(folder.path());
    fits(&download("model-1 --json").run().code(0).document(), "model-download");
    let copy = std::fs::read(folder.path().join("buoys.safetensors")).expect("the copy");
    assert_eq!(copy, std::fs::read(&models(&synapse)[0].path).expect("the model"));
    download("model-1").run().code(2).says("buoys.safetensors is there already").says("--out");
    download("model-1 --out mine.bin").run().code(0).prints("model-1 is in mine.bin\n");
    download("model-2").run().code(4).says("has no model `model-2`").says("did you mean `model-1`?");
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 2);
}

#[test]
fn killed_between_epochs_the_counter_goes_on() {
    let synapse = Synapse::new();
    let mut running = synapse.act("detector", "train --json --job-id j1 -P epochs=1000").words(SMALL).start();
    running.until_it_says(r#""epoch":3"#);
    running.signal(libc::SIGKILL);
    running.wait();
    assert_eq!(models(&synapse), []);
    // Far fewer than were done already: nothing is left to train.
    let call = synapse.act("detector", "train --json --job-id j1 -P epochs=3").words(SMALL);
    let ended = call.run().code(0).says("going on after epoch ");
    assert!(ended.document()["result"]["epochs"].as_u64() >= Some(3));
}

#[test]
fn stopped_by_time_the_next_attempt_goes_on() {
    let synapse = Synapse::new();
    train(&synapse, "-P epochs=1");
    let call = synapse.act("detector", "train --json --job-id j1 -P epochs=1000 --timeout 1s").words(SMALL);
    call.run().code(1).says("the run took longer than 1s");
    let call = synapse.act("detector", "train --json --job-id j1 -P epochs=1").words(SMALL);
    call.run().code(0).says("going on after epoch ");
}

#[test]
fn without_room_for_a_file_nothing_half_is_left_and_the_next_attempt_succeeds() {
    // Too small for a picture, then for a model: limits of files, in blocks.
    for (blocks, says) in [(1, "File too large"), (32, "saving the state of epoch 1")] {
        let synapse = Synapse::new();
        let words = "train --json --no-record --job-id j1 -P epochs=2";
        let full = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
        synapse.act("detector", words).words(SMALL).through(&full).run().code(1).says(says);
        assert_eq!((models(&synapse), unfinished(&synapse)), (Vec::new(), Vec::new()));
        let made = train(&synapse, "--job-id j1 -P epochs=2");
        assert_eq!((&made["model_id"], &made["epochs"]), (&json!("model-1"), &json!(2)));
    }
}

#[test]
fn what_is_wrong_is_said_with_the_exit_code_for_it() {
    let synapse = Synapse::new();
    train(&synapse, "-P epochs=1");
    let refused = |words: &str, code: i32| {
        let ended = synapse.act("detector", "train --json").words(SMALL).words(words).run().code(code);
        ended.error()["message"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(refused("-P checkpoint=model-9", 4), "the params name the checkpoint `model-9`");
    assert_eq!(refused("-P dataset=9", 4), "the params name the dataset `9`");
    let model = models(&synapse).remove(0);
    let damage = |path: &Path, bytes: &[u8]| std::fs::write(path, bytes).expect("a file to damage");
    let whole = std::fs::read(&model.path).expect("a model's file");
    damage(&model.path, &whole[..100]);
    assert_eq!(refused("-P checkpoint=model-1", 5), "the params name the checkpoint `model-1`");
    // By path nobody knows how long it was: the file itself has to tell.
    let call = synapse.act("detector", "train --json").words(SMALL).words("--checkpoint").arg(&model.path);
    call.run().code(5).says("damaged or cut short");
}
