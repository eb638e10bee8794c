//! What programs read keeps its shape: each kind of output fits its schema in
//! `docs/schemas`.

use std::fs;

use serde_json::json;
use synapse_tests::{Bundled, Nursery, Synapse, fits, library, workspace};

#[test]
fn runs_with_and_without_a_record() {
    let synapse = Synapse::new();
    fits(&synapse.act("greet", "greet --json -P name=Ada").run().code(0).document(), "run");
    fits(&synapse.act("greet", "greet --json -P name=Ada --no-record").run().code(0).document(), "run");
    fits(&synapse.act("misbehave", "events --json").run().code(0).document(), "run");
    fits(&synapse.call("run list --json").run().code(0).document(), "run-list");
    fits(&synapse.call("run show last --json").run().code(0).document(), "run-show");
    fits(&synapse.call("run rerun last --json").run().code(0).document(), "run");
}

#[test]
fn errors_of_every_kind_a_user_meets() {
    let synapse = Synapse::new();
    let errors = [
        ("greet", "greet --json -P name=", 3),
        ("greet", "gret --json", 4),
        ("greet", "greet --json --params {", 2),
        ("greet", "greet --json --mode serve -P name=Ada", 2),
        ("misbehave", "fail --json -P how=own", 1),
        ("misbehave", "fail --json -P how=io", 1),
        ("misbehave", "panics --json", 1),
        ("misbehave", "segv --json", 139),
    ];
    for (plugin, words, code) in errors {
        let error = synapse.act(plugin, words).run().code(code).error();
        fits(&json!({ "error": error }), "error");
    }
    fits(&synapse.call("run list --json").run().code(0).document(), "run-list");
    fits(&synapse.call("run show last --json").run().code(0).document(), "run-show");
}

#[test]
fn events_while_an_action_runs() {
    let events = Synapse::new().act("misbehave", "events --json").run().code(0).events();
    assert!(events.len() > 10, "{events:#?}");
    for event in &events {
        fits(event, "event");
    }
}

#[test]
fn what_is_told_without_a_run() {
    let synapse = Synapse::new();
    let inspected =
        synapse.call("plugin inspect --describe --json").arg(library("classifier")).run().code(0).document();
    fits(&inspected, "inspect");
    fits(&synapse.act("greet", "greet --json --dry-run -P name=Ada").run().code(0).document(), "dry-run");
}

#[test]
fn a_plugin_that_would_load() {
    let check = Synapse::new().call("plugin check --json").arg(library("greet")).run().code(0);
    fits(&check.document(), "check");
}

#[test]
fn this_machine_and_this_command() {
    let synapse = Synapse::new();
    fits(&synapse.call("doctor --json").run().code(0).document(), "doctor");
    let unfit = synapse.call("doctor --json").env("PATH", "/nowhere").run().code(1);
    fits(&unfit.document(), "doctor");
    for words in ["--version --json", "--json -V"] {
        fits(&synapse.call(words).run().code(0).document(), "version");
    }
}

#[test]
fn plugins_that_travel() {
    let synapse = Synapse::new();
    let bundled = Bundled::of("greet");
    for file in [bundled.bundle(), bundled.library(), &library("greet")] {
        fits(&synapse.call("plugin inspect --json").arg(file).run().code(0).document(), "inspect");
    }
    fits(&synapse.call("plugin check --json").arg(bundled.bundle()).run().code(0).document(), "check");
    let install = synapse.call("plugin install --trust --json").arg(bundled.bundle()).run().code(0);
    fits(&install.document(), "install");
    fs::write(synapse.home().join("plugins/damaged.so"), "no library").expect("a file");
    fits(&synapse.call("plugin list --json").run().code(0).document(), "list");
    fits(&synapse.call("plugin uninstall greet --json").run().code(0).document(), "uninstall");
}

#[test]
fn what_was_built() {
    let synapse = Synapse::new();
    let build = |words: &str| {
        synapse.call("plugin build --json --path").arg(workspace().join("examples/greet")).words(words)
    };
    fits(&build("").run().code(0).document(), "build");
    fits(&build("--release").run().code(0).document(), "build");
}

#[test]
fn keys() {
    let synapse = Synapse::new();
    fits(&synapse.call("key list --json").run().code(0).document(), "key-list");
    fits(&synapse.call("key create ada --no-password --json").run().code(0).document(), "key");
    fits(&synapse.call("key list --json").run().code(0).document(), "key-list");
}

#[test]
fn a_plugin_that_is_created_moved_and_tested() {
    let nursery = Nursery::new("shapes");
    let document = |words: &str| nursery.call("plugin").words(words).run().code(0).document();
    fits(&document("create --code shaped --yes --json"), "create");
    let folder = "--path synapse-shaped-plugin --json";
    let config = nursery.folder().join("synapse-shaped-plugin/config.yaml");
    let text = fs::read_to_string(&config).expect("its config");
    fs::write(&config, text.replace("actions:\n", "actions: {}\nignored:\n")).expect("written");
    let drift = nursery.call("plugin update-config --check").words(folder).run().code(3).document();
    assert_ne!(drift["changes"], json!([]));
    fits(&drift, "update-config");
    fits(&document(&format!("update-config {folder}")), "update-config");
    fits(&document(&format!("upgrade-sdk {folder}")), "upgrade-sdk");
    fits(&document(&format!("test {folder}")), "test");
    fits(&document(&format!("test --no-crate-tests {folder}")), "test");
}
