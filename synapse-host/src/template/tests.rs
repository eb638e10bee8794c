use std::fs;

use proptest::prelude::*;
use synapse_sdk::words::Word;

use super::*;
use crate::config;

fn created(plugin: &NewPlugin) -> (tempfile::TempDir, Created) {
    let folder = tempfile::tempdir().unwrap();
    let created = plugin.create(folder.path(), Path::new("/home/ada/.synapse/sdk/synapse-sdk")).unwrap();
    (folder, created)
}

#[test]
fn every_category_has_a_plugin_whose_files_are_filled() {
    for category in Category::ALL.iter().copied() {
        let plugin = NewPlugin::new("Port Vessels", "port-vessels", category).unwrap();
        let (_folder, created) = created(&plugin);
        assert!(created.folder.ends_with("synapse-port-vessels-plugin"));
        for (file, about) in &created.files {
            let text = fs::read_to_string(created.folder.join(file)).unwrap();
            assert!(!text.is_empty() && !about.is_empty(), "{file}");
            let unfilled = text.split("__").skip(1).step_by(2).find(|key| {
                !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
            });
            assert_eq!(unfilled, None, "{file}");
        }
        let text = fs::read_to_string(created.folder.join("config.yaml")).unwrap();
        let loaded = config::parse(&text).unwrap();
        assert_eq!(loaded.warnings, [], "{category}");
        assert_eq!(loaded.config.category, category);
        let names: Vec<&str> = loaded.config.actions.iter().map(|action| action.name.as_str()).collect();
        assert_eq!(names, created.actions);
    }
}

proptest! {
    #[test]
    fn any_name_reads_back_from_config_and_manifest(name in "\\PC{1,40}") {
        let Ok(plugin) = NewPlugin::new(&name, "code", Category::Custom) else { return Ok(()) };
        let (_folder, created) = created(&plugin);
        let config = fs::read_to_string(created.folder.join("config.yaml")).unwrap();
        prop_assert_eq!(config::parse(&config).unwrap().config.name, name.trim());
        let manifest = fs::read_to_string(created.folder.join("Cargo.toml")).unwrap();
        let manifest: toml_edit::DocumentMut = manifest.parse().unwrap();
        let description = manifest["package"]["description"].as_str();
        let expected = format!("{} plugin", name.trim());
        prop_assert_eq!(description, Some(expected.as_str()));
    }
}

#[test]
fn codes_that_are_none_are_refused_with_the_nearest() {
    let hint = |code: &str| {
        let error = NewPlugin::new("N", code, Category::Custom).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{code}");
        error.hint_text().unwrap().to_owned()
    };
    assert_eq!(hint("my plugin"), "for example `--code my-plugin`");
    assert_eq!(hint("-Yolo_v8-"), "for example `--code yolo-v8`");
    assert_eq!(hint("!"), "give one with --code, such as `my-plugin`");
}

#[test]
fn name_and_code_suggest_each_other() {
    assert_eq!(code_for("YOLOv8: Object Detection").as_deref(), Some("yolov8-object-detection"));
    assert_eq!(code_for("港"), None);
    assert_eq!(name_for("port-vessels"), "Port Vessels");
}

#[test]
fn a_folder_that_exists_keeps_what_is_not_the_templates() {
    let plugin = NewPlugin::new("N", "n", Category::Custom).unwrap();
    let (folder, first) = created(&plugin);
    fs::write(first.folder.join("notes.txt"), "mine").unwrap();
    fs::write(first.folder.join("src/lib.rs"), "changed").unwrap();
    let again = plugin.create(folder.path(), Path::new("/sdk")).unwrap();
    assert_eq!(again.replaced, again.files.len());
    assert!(fs::read_to_string(again.folder.join("src/lib.rs")).unwrap().contains("export_plugin!"));
    assert_eq!(fs::read_to_string(again.folder.join("notes.txt")).unwrap(), "mine");
}

#[test]
fn nothing_is_left_of_a_plugin_that_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let plugin = NewPlugin::new("N", "n", Category::Custom).unwrap();
    let error = plugin.create(&file, Path::new("/sdk")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.hint_text().unwrap().contains("--path"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
