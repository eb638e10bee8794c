//! Training and inference through the command: the store, checkpoints, and runs
//! that are killed, stopped by time, or out of room.

use std::path::Path;

use serde_json::{Value, json};
use synapse_sdk::client::{Client, FileStore, ModelInfo};
use synapse_tests::Synapse;

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
fn killed_in_any_phase_the_next_attempt_goes_on_and_nothing_is_left() {
    for phase in ["dataset", "train", "model_upload"] {
        let synapse = Synapse::new();
        let words = "train --json --job-id j1 -P epochs=4";
        let mut running = synapse.act("detector", words).words(SMALL).start();
        running.until_it_says(&format!(r#""step":"{phase}""#));
        running.signal(libc::SIGKILL);
        running.wait();
        let before = models(&synapse).len();
        train(&synapse, "--job-id j1 -P epochs=4");
        assert_eq!(models(&synapse).len(), before + 1, "killed in {phase}");
        assert_eq!(unfinished(&synapse), [""; 0], "killed in {phase}");
    }
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
