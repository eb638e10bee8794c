//! `synapse plugin update-config`: what the code declares goes into config.yaml,
//! and all else stays.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use synapse_tests::{Generated, Synapse};

const LIB: &str = r#"
use synapse_sdk::prelude::*;

/// Fits a model.
#[action(input = YoloDataset, output = ModelWeights)]
fn train(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

/// Tries a model.
#[action(method = Job, input = ModelWeights)]
fn test(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

synapse_sdk::export_plugin!(train, test);
"#;

const BEFORE: &str = "\
# Ours
name: 'Updated'
code: updated
version: 0.1.0
category: custom

actions: # all of them
  train: # the first
    method: task     # quick
    entrypoint: \"plugin:train\"
    input_type: 'coco_dataset'
    # the end
";

const AFTER: &str = "\
# Ours
name: 'Updated'
code: updated
version: 0.1.0
category: custom

actions: # all of them
  train: # the first
    method: task     # quick
    entrypoint: \"plugin:train\"
    input_type: 'yolo_dataset'
    output_type: model_weights
  test:
    entrypoint: updated::test
    method: job
    input_type: model_weights
    # the end
";

#[test]
fn drift_is_shown_then_written_and_then_gone() {
    let plugin = Generated::new("updated", LIB);
    let synapse = Synapse::new();
    let file = plugin.folder().join("config.yaml");
    let read = || fs::read_to_string(&file).expect("the config");
    let call = |words: &str| plugin.call(&synapse, words).within(plugin.folder()).run();
    plugin.write("config.yaml", BEFORE);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("a mode");

    let shown = call("plugin update-config --check").code(3);
    for line in ["-    input_type: 'coco_dataset'", "+    input_type: 'yolo_dataset'", "+    method: job"] {
        assert!(shown.stdout.lines().any(|shown| shown == line), "`{line}` is not in {shown}");
    }
    shown
        .says("config.yaml does not say what the code says")
        .says("config.yaml:11: actions.train.input_type: yolo_dataset")
        .says("config.yaml:7: actions.test, a new entry")
        .says("hint: `synapse plugin update-config` writes it");
    assert_eq!(read(), BEFORE);

    let document = call("plugin update-config --json").code(0).document();
    assert_eq!(document["written"], true);
    assert_eq!(document["changes"].as_array().map(Vec::len), Some(3));
    assert_eq!(read(), AFTER);
    assert_eq!(fs::metadata(&file).expect("the file").permissions().mode() & 0o777, 0o640);

    call("plugin update-config --check").code(0).prints("./config.yaml says what the code says\n");
    call("plugin update-config").code(0);
    assert_eq!(read(), AFTER);
    call("plugin check").code(0);

    let aliased = AFTER.replace(
        "  train: # the first\n    method: task     # quick\n",
        "  train: &base\n    method: task\n",
    );
    let aliased = aliased.replace("'yolo_dataset'", "coco_dataset") + "  again: *base\n";
    plugin.write("config.yaml", &aliased);
    call("plugin update-config").code(3).says("write it by hand");
    assert_eq!(read(), aliased);
}

#[test]
fn a_config_that_cannot_be_written_is_told_and_stays() {
    let plugin = Generated::new("locked", LIB);
    let synapse = Synapse::new();
    plugin.write("config.yaml", &BEFORE.replace("updated", "locked"));
    plugin.call(&synapse, "plugin build").arg(plugin.folder()).run().code(0);
    let before = fs::read_to_string(plugin.folder().join("config.yaml")).expect("the config");
    let mode = |mode| fs::set_permissions(plugin.folder(), fs::Permissions::from_mode(mode)).expect("a mode");
    mode(0o555);
    let call = plugin.call(&synapse, "plugin update-config").within(plugin.folder());
    let ended = call.bound_by_modes().run();
    mode(0o755);
    ended
        .code(1)
        .prints("")
        .says("./config.yaml could not be written: Permission denied")
        .says("hint: the folder and the file have to be writable");
    assert_eq!(fs::read_to_string(plugin.folder().join("config.yaml")).expect("the config"), before);
    let left = fs::read_dir(plugin.folder()).expect("the folder").flatten();
    assert!(left.into_iter().all(|entry| !entry.file_name().to_string_lossy().starts_with("config.yaml.")));
}
