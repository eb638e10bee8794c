//! From nothing to an action of one's own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;
use synapse_tests::{Nursery, workspace};

#[test]
fn a_created_plugin_runs_its_action_without_the_clone_of_the_repository() {
    let nursery = Nursery::new("first");
    let created = nursery.call("plugin create --name Hello --code hello -c custom -y").run().code(0);
    assert!(created.stdout.contains("Next:\n  synapse plugin run main --path synapse-hello-plugin\n"));
    let run = nursery.call("plugin run main --path synapse-hello-plugin --json").run().code(0);
    assert_eq!(run.document()["result"]["words"], 6);
    assert!(!run.stderr.contains("warning"), "{run}");
    let params = nursery.folder().join("synapse-hello-plugin/params/main.json");
    let again = nursery.call("plugin run main --json --no-record --path synapse-hello-plugin --params-file");
    let result = again.arg(params).run().code(0).document()["result"].clone();
    assert_eq!(result["frequent"][0], json!({ "word": "the", "count": 2 }));
    for file in ["Cargo.toml", "Cargo.lock", "config.yaml", "README.md"] {
        let text = nursery.read(format!("synapse-hello-plugin/{file}"));
        let elsewhere = text.replace(&nursery.home().display().to_string(), "");
        assert!(!elsewhere.contains(&workspace().display().to_string()), "{file}: {text}");
    }
    // What the compiler read, and what it wrote into the library.
    let built = nursery.call("plugin build synapse-hello-plugin --json").run().code(0).document();
    let library = Path::new(built["path"].as_str().expect("a path"));
    let read = fs::read_to_string(library.with_extension("d")).expect("cargo says what a library is made of");
    assert!(read.contains(&format!("{}/sdk/", nursery.home().display())), "{read}");
    let written = String::from_utf8_lossy(&fs::read(library).expect("the library")).into_owned();
    for part in ["synapse-sdk", "synapse-macros", "synapse-host", "examples"] {
        let of_clone = format!("{}/{part}", workspace().display());
        assert!(!read.contains(&of_clone), "{of_clone} is read:\n{read}");
        assert!(!written.contains(&of_clone), "{of_clone} stands in {}", library.display());
    }
}

#[test]
fn a_folder_with_files_is_refused_unless_forced() {
    let nursery = Nursery::new("taken");
    let folder = nursery.create("--code taken");
    fs::write(folder.join("src/lib.rs"), "// mine").expect("a file of the plugin");
    let refused = nursery.call("plugin create --code taken -y --json").run().code(2).error();
    assert_eq!(refused["message"], "synapse-taken-plugin is there already");
    assert!(refused["hint"].as_str().is_some_and(|hint| hint.contains("--force")), "{refused}");
    assert_eq!(nursery.read(folder.join("src/lib.rs")), "// mine");
    nursery.call("plugin create --code taken -y --force").run().code(0).says("files were replaced");
    assert!(nursery.read(folder.join("src/lib.rs")).contains("export_plugin!"));
}

#[test]
fn what_cannot_be_created_says_what_to_give() {
    let nursery = Nursery::new("refused");
    let refused = |words: &str, message: &str, hint: &str| {
        let ended = nursery.call("plugin create").words(words).run();
        ended.code(2).prints("").says(message).says(hint);
    };
    refused("--code hello", "there is no terminal to ask on", "--yes");
    refused("-y", "what is the plugin called?", "--name or --code");
    refused("-y --code My_Plugin", "`My_Plugin` is not a code", "for example `--code my-plugin`");
    refused("-y --code a --category neuralnet", "neural_net", "--category");
    let spaced = nursery.call("plugin create -y --code").arg("my plugin").run().code(2);
    spaced.says("for example `--code my-plugin`");
    let blank = nursery.call("plugin create -y --code a --name").arg(" ").run().code(2);
    blank.says("is no name");
    fs::write(nursery.folder().join("file"), "").expect("a file");
    let unwritable = nursery.call("plugin create -y --code a --path file").run().code(1).prints("");
    unwritable.says("file/synapse-a-plugin cannot be created").says("--path");
    nursery
        .call("plugin create -y --code a --sdk /nowhere")
        .run()
        .code(4)
        .says("there is no SDK at /nowhere");
    let made = fs::read_dir(nursery.folder()).expect("the nursery").flatten().map(|entry| entry.file_name());
    assert_eq!(made.collect::<Vec<_>>(), ["file"]);
}

#[test]
fn a_home_that_cannot_be_written_to_is_told() {
    let nursery = Nursery::new("homeless");
    let home = nursery.folder().join("file");
    fs::write(&home, "").expect("a file");
    let call = nursery.call("plugin create -y --code a").env("SYNAPSE_HOME", home.join("home"));
    call.run().code(1).prints("").says("the SDK cannot be unpacked to").says("SYNAPSE_HOME");
    assert!(!nursery.folder().join("synapse-a-plugin").exists());
}

#[test]
fn folders_that_may_not_be_written_to_are_told_and_stay_empty() {
    let nursery = Nursery::new("locked");
    let plugin = nursery.create("--code there");
    let [locked, manifest] = [nursery.folder().join("locked"), plugin.join("Cargo.toml")];
    fs::create_dir(&locked).expect("a folder");
    let mode =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    mode(&locked, 0o555);
    mode(&manifest, 0o444);
    let created = nursery.call("plugin create -y --code a --path locked").bound_by_modes().run().code(1);
    created.prints("").says("locked/synapse-a-plugin cannot be created: Permission denied").says("--path");
    let homeless = nursery.call("plugin create -y --code a").env("SYNAPSE_HOME", &locked).bound_by_modes();
    homeless.run().code(1).prints("").says("the SDK cannot be unpacked to").says("SYNAPSE_HOME");
    let upgrade = nursery.call("plugin upgrade-sdk --sdk").arg(workspace()).arg(&plugin).bound_by_modes();
    let upgrade = upgrade.run().code(1).prints("");
    upgrade.says("Cargo.toml cannot be written: Permission denied").says("make `synapse-sdk` lead to");
    assert_eq!(fs::read_dir(&locked).expect("the folder").count(), 0);
}

#[test]
fn a_name_may_hold_what_yaml_and_toml_treat_specially() {
    let nursery = Nursery::new("named");
    let name = "Detect: \"boats\" #1 {{x}} __CODE__";
    let call = nursery.call("plugin create -y --code boats --json --name").arg(name);
    let created = call.run().code(0).document();
    assert_eq!(created["name"], name);
    let built = nursery.call("plugin build synapse-boats-plugin --json").run().code(0).document();
    assert_eq!((&built["name"], &built["code"]), (&json!(name), &json!("boats")));
}

#[test]
fn a_category_without_a_template_of_its_own_says_so() {
    let nursery = Nursery::new("other");
    let created = nursery.call("plugin create -y --code bye -c export").run().code(0);
    created.says("there is no template for `export` yet: this is `custom`, with that category");
    assert!(nursery.read("synapse-bye-plugin/config.yaml").contains("\ncategory: export\n"));
}

#[test]
fn another_sdk_is_used_where_one_is_named() {
    let nursery = Nursery::new("own-sdk");
    let call = nursery.call("plugin create -y --code own --sdk").arg(workspace());
    call.run().code(0);
    let manifest = nursery.read("synapse-own-plugin/Cargo.toml");
    let sdk = workspace().join("synapse-sdk");
    assert!(manifest.contains(&format!("synapse-sdk = {{ path = {sdk:?} }}")), "{manifest}");
}

#[test]
fn a_plugin_that_comes_from_elsewhere_finds_its_sdk_when_it_is_built() {
    let nursery = Nursery::new("moved");
    let folder = nursery.create("--code moved");
    let manifest = nursery.read(folder.join("Cargo.toml"));
    let elsewhere = manifest.replace(&nursery.home().display().to_string(), "/home/nobody/.synapse");
    fs::write(folder.join("Cargo.toml"), elsewhere).expect("the manifest");
    let run = nursery.call("plugin run main --json").arg("--path").arg(&folder).run().code(0);
    run.says("synapse-sdk leads to").says("there is nothing at /home/nobody/.synapse/sdk/");
    assert_eq!(nursery.read(folder.join("Cargo.toml")), manifest);
}

#[test]
fn a_plugin_is_moved_to_the_sdk_of_this_command() {
    let nursery = Nursery::new("upgraded");
    nursery.call("plugin create -y --code old --sdk").arg(workspace()).run().code(0);
    let upgrade = |words: &str| nursery.call("plugin upgrade-sdk --path synapse-old-plugin").words(words);
    let document = upgrade("--json").run().code(0).document();
    assert_eq!(document["changed"], true);
    let (from, to) = (&document["from"], &document["to"]);
    assert_eq!(from["path"].as_str(), workspace().join("synapse-sdk").to_str());
    assert_eq!((&from["version"], &to["version"]), (&json!("0.1.0"), &json!("0.1.0")));
    let path = to["path"].as_str().expect("a path").to_owned();
    assert!(path.starts_with(&nursery.home().display().to_string()), "{path}");
    assert!(nursery.read("synapse-old-plugin/Cargo.toml").contains(&path));
    let again = upgrade("").run().code(0);
    assert!(again.stdout.contains("uses SDK 0.1.0 already"), "{again}");
    nursery.call("plugin upgrade-sdk").run().code(4).says("there is no ./Cargo.toml");
}

#[test]
fn an_upgrade_tells_what_changed_and_keeps_to_what_the_plugin_asks_for() {
    let nursery = Nursery::new("changelog");
    let plugin = nursery.create("--code dated");
    let manifest = nursery.read(plugin.join("Cargo.toml"));
    // An SDK of another version, of which only what is asked for is there.
    let old = nursery.folder().join("old/synapse-sdk");
    fs::create_dir_all(old.join("src")).expect("a folder");
    fs::write(old.join("Cargo.toml"), "[package]\nname = \"synapse-sdk\"\nversion = \"0.0.9\"\n")
        .expect("written");
    fs::write(old.join("src/lib.rs"), "").expect("written");
    let upgrade = |words: &str| nursery.call("plugin upgrade-sdk").words(words).arg(&plugin);
    let config = nursery.read(plugin.join("config.yaml"));
    let asks = |sdk: &str| {
        let own = config.replace("\">=0.1.0\"", &format!("\"{sdk}\""));
        fs::write(plugin.join("config.yaml"), own).expect("written");
    };
    let refused = upgrade("--sdk old").run().code(5).prints("");
    refused.says("config.yaml requires SDK >=0.1.0, and this is SDK 0.0.9").says("change requires.sdk there");
    assert_eq!(nursery.read(plugin.join("Cargo.toml")), manifest);
    asks(">=0.0.9,<0.2");
    upgrade("--sdk old").run().code(0);
    assert!(nursery.read(plugin.join("Cargo.toml")).contains("/old/synapse-sdk\""));
    let told = upgrade("").run().code(0).stdout;
    assert!(told.contains("(0.0.9)\n") && told.contains("### Added\n"), "{told}");
    assert_eq!(nursery.read(plugin.join("Cargo.toml")), manifest);
    upgrade("--sdk old").run().code(0);
    let document = upgrade("--json").run().code(0).document();
    assert!(
        document["changes"][0]["text"].as_str().is_some_and(|text| text.contains("plugin create")),
        "{document}"
    );
}
