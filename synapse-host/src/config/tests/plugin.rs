//! The keys of a plugin.

use super::{config, loaded, refusal, warnings, with_identity, with_line};
use crate::config::{
    AnnotationCategory, AnnotationTool, AnnotationType, Category, DataKind, Method, PackageManager, Severity,
    SmartToolKind, find, parse,
};
use serde_json::{Value, json};
use std::fs;

/// The shorter of the two configs every Synapse plugin author has met.
pub(super) const OVERVIEW_SAMPLE: &str = "\
name: My Training Plugin
code: my-training-plugin
version: 1.0.0
category: neural_net
description: Custom training plugin with YOLO support
package_manager: pip
actions:
  greet:
    entrypoint: my_plugin.actions:greet
    method: task
    description: Simple greeting action
  train:
    entrypoint: my_plugin.train:TrainAction
    method: job
    description: Train model on dataset
    input_type: yolo_dataset
    output_type: model_weights
";

/// The longer one.
pub(super) const GUIDE_SAMPLE: &str = "\
name: YOLOv8 Object Detection
code: yolov8
version: 0.1.0
category: neural_net
description: Train and deploy YOLOv8 object detection models
readme: README.md

# Package management
package_manager: pip
package_manager_options: []
wheels_dir: wheels

# Environment variables
env:
  CUDA_VISIBLE_DEVICES: \"0\"

# Action definitions
actions:
  train:
    entrypoint: plugin.train:TrainAction
    method: job
    description: Train YOLOv8 model on dataset
    input_type: yolo_dataset
    output_type: model_weights

  inference:
    entrypoint: plugin.inference:InferenceAction
    method: task
    description: Run inference on images
";

pub(super) const EVERY_KEY: &str = "\
name: Harbour Watch
code: harbour-watch
version: 2.1.0-rc.1
variant: north
category: export
description: Exports what was seen in the harbour
readme: docs/README.md
package_manager: cargo
package_manager_options: [--features, gpu]
wheels_dir: native
env: {THREADS: 4, RATIO: 1.50, DEBUG: yes, EMPTY: \"\"}
runtime_env: {config: {setup_timeout_seconds: 900}}
data_type: image
tasks: [image.object_detection]
supported_data_types: [image, pcd]
supported_annotation_tools: {image: [bounding_box, annotationGroup], pcd: [3d_bounding_box]}
annotation_category: image
annotation_type: bbox
smart_tool: semi_automatic
requires: {sdk: \">=1.0\", rust: \">=1.95\", cuda: \">=12.1\"}
dependencies: {port-tools: \">=0.3,<1.0\"}
tags: [harbour, ships]
actions:
  export: {entrypoint: export::Export}
";

const NO_DATA_TYPE: &str = "\
f:4:1: warning: data_type: a neural_net plugin should say what data it works on
  hint: add `data_type:` with one of image, text, video, pcd, audio, data
";

#[test]
fn the_overview_sample_loads_as_it_stands() {
    let loaded = loaded(OVERVIEW_SAMPLE);
    let config = &loaded.config;
    assert_eq!(config.code, "my-training-plugin");
    assert_eq!(config.category, Category::NeuralNet);
    let train = config.action("train").expect("train");
    assert_eq!(
        train.entrypoint.as_ref().map(ToString::to_string).as_deref(),
        Some("my_plugin::train::TrainAction")
    );
    assert_eq!(train.method, Some(Method::Job));
    assert_eq!(train.input_type.as_deref(), Some("yolo_dataset"));
    assert_eq!(train.output_type.as_deref(), Some("model_weights"));
    assert_eq!(train.line, 12);
    assert_eq!(
        warnings(OVERVIEW_SAMPLE),
        format!(
            "{NO_DATA_TYPE}\
             f:6:18: warning: package_manager: `pip`: this has no effect on a Rust plugin\n  \
             hint: dependencies are listed in Cargo.toml; write `package_manager: cargo`\n"
        )
    );
}

#[test]
fn the_guide_sample_loads_as_it_stands() {
    let loaded = loaded(GUIDE_SAMPLE);
    let config = &loaded.config;
    assert_eq!(config.env["CUDA_VISIBLE_DEVICES"], "0");
    let names: Vec<&str> = config.actions.iter().map(|a| a.name.as_str()).collect();
    assert_eq!(names, ["train", "inference"]);
    assert_eq!(config.actions[1].method, Some(Method::Task));
    let places: Vec<_> = loaded.warnings.iter().map(|w| (w.severity, w.line, w.path.as_str())).collect();
    assert_eq!(places, [(Severity::Warning, 4, "data_type"), (Severity::Warning, 9, "package_manager")]);
}

#[test]
fn every_key_is_read() {
    let config = config(EVERY_KEY);
    assert_eq!(config.name, "Harbour Watch");
    assert_eq!(config.version, "2.1.0-rc.1");
    assert_eq!(config.variant.as_deref(), Some("north"));
    assert_eq!(config.category, Category::Export);
    assert_eq!(config.readme, "docs/README.md");
    assert_eq!(config.package_manager, PackageManager::Cargo);
    assert_eq!(config.cargo_options(), ["--features", "gpu"]);
    assert_eq!(config.wheels_dir, "native");
    let env: Vec<(&str, &str)> =
        config.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(env, [("DEBUG", "yes"), ("EMPTY", ""), ("RATIO", "1.50"), ("THREADS", "4")]);
    assert_eq!(config.runtime_env, json!({"config": {"setup_timeout_seconds": 900}}));
    assert_eq!(config.data_type, Some(DataKind::Image));
    assert_eq!(config.tasks, ["image.object_detection"]);
    assert_eq!(config.supported_data_types, [DataKind::Image, DataKind::Pcd]);
    assert_eq!(
        config.supported_annotation_tools[&AnnotationCategory::Image],
        [AnnotationTool::BoundingBox, AnnotationTool::AnnotationGroup]
    );
    assert_eq!(config.annotation_category, Some(AnnotationCategory::Image));
    assert_eq!(config.annotation_type, Some(AnnotationType::Bbox));
    assert_eq!(config.smart_tool, Some(SmartToolKind::SemiAutomatic));
    assert_eq!(config.requires.sdk.as_deref(), Some(">=1.0"));
    assert_eq!(config.requires.rust.as_deref(), Some(">=1.95"));
    assert_eq!(config.requires.cuda.as_deref(), Some(">=12.1"));
    assert_eq!(config.dependencies["port-tools"], ">=0.3,<1.0");
    assert_eq!(config.tags, ["harbour", "ships"]);
}

#[test]
fn what_is_left_out_or_null_has_a_default() {
    let config = config(&with_line("variant: null\nreadme:\nruntime_env: ~\ntags:"));
    assert_eq!(config.variant, None);
    assert_eq!(config.description, "");
    assert_eq!(config.readme, "README.md");
    assert_eq!(config.wheels_dir, "wheels");
    assert_eq!(config.package_manager, PackageManager::Cargo);
    assert_eq!(config.runtime_env, Value::Null);
    assert!(config.env.is_empty() && config.tags.is_empty());
}

#[test]
fn all_required_keys_are_asked_for_at_once() {
    assert_eq!(
        refusal("# nothing yet\ndescription: x\nname:\n"),
        "f:2:1: code: the key `code` is missing\n  hint: for example `code: my-plugin`\n\
         f:2:1: version: the key `version` is missing\n  hint: for example `version: 0.1.0`\n\
         f:2:1: category: the key `category` is missing\n  hint: for example `category: custom`\n\
         f:2:1: actions: the key `actions` is missing\n  \
         hint: for example `actions: {greet: {entrypoint: \"my_plugin::greet\"}}`\n\
         f:3:1: name: this key needs a value\n  hint: for example `name: My Plugin`\n"
    );
}

#[test]
fn bad_identities_are_refused_with_a_better_one() {
    let text = "name: no\ncode: B C!\nversion: 1.0\ncategory: neural-net\nactions: {}\n";
    assert_eq!(
        refusal(text),
        "f:1:7: name: expected text, found `no`, which YAML reads as true or false\n  \
         hint: write it in quotes: \"no\"\n\
         f:2:7: code: `B C!` is not a code: \
         use lower-case letters, digits and, between them, hyphens\n  \
         hint: for example `b-c`\n\
         f:3:10: version: YAML reads 1.0 as a number, not as a version\n  \
         hint: write three numbers, in quotes: \"1.0.0\"\n\
         f:4:11: category: `neural-net` is not one of neural_net, export, upload, smart_tool, \
         post_annotation, pre_annotation, data_validation, custom\n  \
         hint: did you mean `neural_net`?\n\
         f:5:10: warning: actions: no action is listed\n"
    );
}

#[test]
fn versions_are_semantic() {
    let text = |version: &str| {
        format!("name: A\ncode: a\nversion: {version}\ncategory: custom\nactions: {{run: m.Run}}\n")
    };
    for version in ["0.1.0", "2026.2.17", "1.0.0-rc.1", "1.0.0+build.5", "'1.2.3'"] {
        assert!(parse(&text(version)).is_ok(), "{version}");
    }
    for (version, expected) in [
        (
            "01.2.3",
            "`01.2.3` is not a semantic version\n  \
             hint: write three numbers, in quotes: \"1.2.3\"\n",
        ),
        (
            "2",
            "YAML reads 2 as a number, not as a version\n  \
             hint: write three numbers, in quotes: \"2.0.0\"\n",
        ),
        (
            "\"1.0\"",
            "`1.0` is not a semantic version\n  \
             hint: write three numbers, in quotes: \"1.0.0\"\n",
        ),
        (
            "latest",
            "`latest` is not a semantic version\n  \
             hint: write three numbers, such as 1.2.0 or 1.2.0-beta.1\n",
        ),
    ] {
        assert_eq!(refusal(&text(version)), format!("f:3:10: version: {expected}"));
    }
}

#[test]
fn texts_that_yaml_takes_for_something_else_want_quotes() {
    for (line, expected) in [
        (
            "description: 42",
            "f:5:14: description: expected text, found the number 42\n  \
             hint: write it in quotes: \"42\"\n",
        ),
        (
            "tags: [a, off]",
            "f:5:11: tags[1]: expected text, found `off`, which YAML reads as true or false\n  \
             hint: write it in quotes: \"off\"\n",
        ),
        (
            "requires: {cuda: 12.1}",
            "f:5:18: requires.cuda: expected text, found the number 12.1\n  \
             hint: write it in quotes: \"12.1\"\n",
        ),
    ] {
        assert_eq!(refusal(&with_line(line)), expected, "{line}");
    }
}

#[test]
fn values_of_the_wrong_type_are_refused() {
    for (line, expected) in [
        ("description: [a]", "f:5:14: description: expected text, found a list\n"),
        ("readme: {a: b}", "f:5:9: readme: expected text, found a map\n"),
        ("tags: ships", "f:5:7: tags: expected a list, found text\n  hint: write it in brackets: [ships]\n"),
        ("tasks: {a: b}", "f:5:8: tasks: expected a list, found a map\n"),
        ("env: [A]", "f:5:6: env: expected a map of keys, found a list\n"),
        ("runtime_env: 3", "f:5:14: runtime_env: expected a map of keys, found the number 3\n"),
        ("package_manager: [cargo]", "f:5:18: package_manager: expected a word, found a list\n"),
        ("dependencies: [a]", "f:5:15: dependencies: expected a map of keys, found a list\n"),
        (
            "smart_tool: automatc",
            "f:5:13: smart_tool: `automatc` is not one of interactive, automatic, semi_automatic\n  \
             hint: did you mean `automatic`?\n",
        ),
        (
            "supported_annotation_tools: {imge: []}",
            "f:5:30: supported_annotation_tools.imge: `imge` is not one of image, video, audio, \
             text, pcd, prompt, time_series\n  hint: did you mean `image`?\n",
        ),
    ] {
        assert_eq!(refusal(&with_line(line)), expected, "{line}");
    }
    let actions = refusal(&with_identity("actions: [train]\n"));
    assert_eq!(actions, "f:5:10: actions: expected a map of keys, found a list\n");
}

#[test]
fn environment_variables_must_be_possible() {
    assert_eq!(
        refusal(&with_line("env: {A: [1], 'x=y': 1, \"\": 2, B: \"\\0\"}")),
        "f:5:10: env.A: expected text, a number, true or false, found a list\n\
         f:5:15: env.x=y: `x=y` cannot name an environment variable\n\
         f:5:25: env.: `` cannot name an environment variable\n\
         f:5:35: env.B: an environment variable cannot hold a NUL character\n"
    );
    let text = with_line("env:\n  A:");
    assert_eq!(loaded(&text).config.env["A"], "");
    assert_eq!(
        warnings(&text),
        "f:6:3: warning: env.A: no value is given; the variable is set to the empty text\n  \
         hint: write \"\" if that is meant\n"
    );
}

#[test]
fn unknown_keys_are_named_with_the_nearest_known_one() {
    assert_eq!(
        warnings(&with_line("descripton: x\nsmart_tool_type: automatic")),
        "f:5:1: warning: descripton: the key `descripton` is unknown and has no effect\n  \
         hint: did you mean `description`?\n\
         f:6:1: warning: smart_tool_type: the key `smart_tool_type` is unknown and has no effect\n  \
         hint: did you mean `smart_tool`?\n"
    );
    assert_eq!(
        warnings(&with_line("requires: {node: '20'}")),
        "f:5:12: warning: requires.node: the key `node` is unknown and has no effect\n  \
         hint: the keys here are sdk, rust, python, cuda\n"
    );
}

#[test]
fn what_only_python_needs_is_reported_once_each() {
    let text = with_line(
        "package_manager: uv\npackage_manager_options: [--prerelease=allow]\n\
         requires: {python: '>=3.12'}\nruntime_env: {pip: [torch]}",
    );
    let loaded = loaded(&text);
    assert_eq!(loaded.config.package_manager, PackageManager::Uv);
    assert!(loaded.config.cargo_options().is_empty());
    assert_eq!(loaded.config.requires.python.as_deref(), Some(">=3.12"));
    assert_eq!(loaded.config.runtime_env, json!({"pip": ["torch"]}));
    assert_eq!(
        warnings(&text),
        "f:5:18: warning: package_manager: `uv`: this has no effect on a Rust plugin\n  \
         hint: dependencies are listed in Cargo.toml; write `package_manager: cargo`\n\
         f:6:26: warning: package_manager_options: options of `uv`: \
         this has no effect on a Rust plugin\n  \
         hint: with `package_manager: cargo` they are given to `cargo build`\n\
         f:7:12: warning: requires.python: this has no effect on a Rust plugin\n  \
         hint: remove it, or write `rust: \">=1.95\"`\n\
         f:8:15: warning: runtime_env.pip: this has no effect on a Rust plugin\n  \
         hint: dependencies are listed in Cargo.toml\n"
    );
}

#[test]
fn the_singular_of_supported_data_types_is_accepted() {
    let singular = config(&with_line("supported_data_type: [audio]"));
    assert_eq!(singular.supported_data_types, [DataKind::Audio]);
    assert_eq!(
        refusal(&with_line("supported_data_types: [audio]\nsupported_data_type: [text]")),
        "f:6:22: supported_data_type: this means the same as `supported_data_types`\n  \
         hint: keep one of the two\n"
    );
}

#[test]
fn the_config_file_is_found_under_either_name() {
    let dir = tempfile::tempdir().expect("a folder");
    assert_eq!(find(dir.path()), None);
    let (first, second) = (dir.path().join("config.yaml"), dir.path().join("synapse.yaml"));
    fs::write(&second, "").expect("written");
    assert_eq!(find(dir.path()), Some(second));
    fs::write(&first, "").expect("written");
    assert_eq!(find(dir.path()), Some(first));
}

#[test]
fn a_folder_is_no_config_file() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir(dir.path().join("config.yaml")).expect("created");
    assert_eq!(find(dir.path()), None);
}
