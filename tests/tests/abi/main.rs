//! Plugins and hosts of different versions of the interface. Version 1.0 stands
//! as source that knows nothing of this SDK: the plugin `abi_1_0` and the host
//! in [`host_1_0`].

#[path = "../../fixtures/abi_1_0/src/abi.rs"]
#[expect(unsafe_code, dead_code, unreachable_pub, reason = "kept as it was, and shared with the plugin")]
mod abi_1_0;
mod host_1_0;

use std::path::PathBuf;

use host_1_0::Loaded;
use serde_json::{Value, json};
use synapse_tests::{Patched, Synapse, library};
use tempfile::TempDir;

/// Where the plugin of 1.0 tells of its table's size and of its minor version.
const SKEW: &[u8] = b"ABI-SKEW";
const SIZE: usize = 8;
const MINOR: usize = 12;
/// The minor version in an identity.
const IDENTITY_MINOR: usize = 12;

fn call(words: &str) -> (Synapse, synapse_tests::Invocation) {
    let synapse = Synapse::new();
    let call = synapse.act("abi_1_0", words);
    (synapse, call)
}

#[test]
fn a_plugin_of_1_0_runs_in_every_way() {
    for way in ["", "--isolated"] {
        let (synapse, echo) = call(&format!("echo -P text=old --json {way}"));
        let ended = echo.run().code(0);
        assert_eq!(ended.document()["result"], json!({ "text": "old" }), "{ended}");
        assert_eq!(ended.document()["metrics"]["read"], json!({ "loss": 0.5 }), "{ended}");
        let kinds: Vec<Value> = ended.events().iter().map(|event| event["event"].clone()).collect();
        for kind in ["message", "opened", "progress", "metrics"] {
            assert!(kinds.contains(&kind.into()), "{kind} in {ended}");
        }
        assert_eq!(synapse.last_run()["run"]["status"], "succeeded");

        let ended = call(&format!("services --json --job-id j1 {way}")).1.run().code(0);
        let result = &ended.document()["result"];
        assert_eq!(result["statuses"], json!([0, 0, 0, 0, 2]), "{ended}");
        assert_eq!((&result["epoch"], &result["new"]), (&json!(12), &json!(true)), "{ended}");
        assert_eq!(result["info"]["env"]["COLOUR"], "green", "{ended}");

        let error = call(&format!("fails --json {way}")).1.run().code(1).error();
        assert_eq!(error["message"], "it failed as asked");
        assert_eq!((&error["details"], &error["hint"]), (&json!({ "row": 7 }), &json!("ask for less")));
        assert_eq!(call(&format!("counts --json {way}")).1.run().code(0).document()["result"], 1);
        call(&format!("waits --timeout 200ms {way}")).1.run().code(1).says("took longer than");
    }
}

#[test]
fn a_plugin_of_1_0_is_inspected_and_its_params_are_checked() {
    let synapse = Synapse::new();
    let check = synapse.call("plugin check").arg(library("abi_1_0")).run().code(0);
    assert!(check.stdout.starts_with("abi-1-0 0.1.0 would load here"), "{check}");
    let inspected =
        synapse.call("plugin inspect --describe --json").arg(library("abi_1_0")).run().code(0).document();
    assert_eq!(inspected[0]["actions"][0]["name"], "echo");
    assert_eq!(inspected[0]["actions"][0]["params"]["required"], json!(["text"]));
    let (synapse, echo) = call("echo --dry-run");
    echo.run().code(3).says("`text` is missing");
    assert_eq!(synapse.runs(), 0);
}

/// The plugin of 1.0 after a change.
fn skewed(change: impl FnOnce(&mut Patched)) -> (TempDir, PathBuf) {
    let mut plugin = Patched::library("abi_1_0");
    change(&mut plugin);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("skewed.so");
    std::fs::write(&file, plugin.bytes()).expect("a file");
    (folder, file)
}

#[test]
fn a_plugin_with_a_later_minor_version_and_larger_structs_runs() {
    let (_folder, file) = skewed(|plugin| {
        plugin.identity(IDENTITY_MINOR, &9_u16.to_le_bytes());
        plugin.after(SKEW, SIZE, &(56 + 64_u32).to_le_bytes());
        plugin.after(SKEW, MINOR, &9_u32.to_le_bytes());
    });
    for way in ["", "--isolated"] {
        let synapse = Synapse::new();
        let run = synapse.call("plugin run").arg(&file).words("echo -P text=new --json").words(way);
        let ended = run.run().code(0);
        assert_eq!(ended.document()["result"], json!({ "text": "new" }));
        assert_eq!(ended.document()["metrics"]["read"], json!({ "loss": 0.5 }), "{ended}");
    }
    Synapse::new().call("plugin check").arg(&file).run().code(0);
}

#[test]
fn a_plugin_whose_table_lacks_functions_of_1_0_is_refused_by_both_numbers() {
    let (_folder, file) = skewed(|plugin| plugin.after(SKEW, SIZE, &48_u32.to_le_bytes()));
    let ended = Synapse::new().call("plugin run").arg(&file).words("echo -P text=x").run().code(5);
    ended.says("its table of functions has 48 bytes; version 1.0 of the interface has 56");
}

#[test]
fn what_a_plugin_describes_twice_is_refused() {
    let (_folder, file) =
        skewed(|plugin| plugin.reword(r#"{"id":"old_dataset","#, r#"{"id":"dataset"    ,"#));
    let check = Synapse::new().call("plugin check --why-not").arg(&file).run().code(5);
    check.says("two of its data types have the id `dataset`").says("hint: give one of them another `id = ");
}

#[test]
fn what_a_plugin_lists_and_does_not_have_is_told() {
    let (_folder, file) = skewed(|plugin| {
        plugin.facts(|facts| facts["actions"][0]["name"] = json!("mounts"));
    });
    let check = Synapse::new().call("plugin check --why-not").arg(&file).run().code(5);
    check
        .says("its manifest is not of this code: it lists mounts, and the code has no such action")
        .says("hint: make the manifest anew with `synapse plugin build --release`");
}

#[test]
fn a_host_of_1_0_runs_a_plugin_of_today() {
    let host = Loaded::new(library("greet"), 0, 0);
    let ran = host.run("greet", r#"{"name":"Ada"}"#);
    assert_eq!(ran, (0, json!({ "message": "Hello Ada!" })));
    assert!(host.messages().contains(&"Hello Ada!".to_owned()), "{:?}", host.messages());
    let (status, error) = host.run("greet", r#"{"nmae":"Ada"}"#);
    assert_eq!((status, &error["kind"]), (1, &json!("validation")), "{error}");
    assert!(host.describe()["actions"].as_array().is_some_and(|actions| !actions.is_empty()));
    assert_eq!(host.validate("greet", r#"{"name":""}"#).0, 1);
    assert_eq!(host.validate("greet", r#"{"name":"Ada"}"#).0, 0);
}

#[test]
fn a_host_with_a_later_minor_version_and_larger_structs_runs_a_plugin_of_today() {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("greet.so");
    std::fs::copy(library("greet"), &copy).expect("a copy");
    let host = Loaded::new(copy, 9, 64);
    assert_eq!(host.run("greet", r#"{"name":"Ada"}"#), (0, json!({ "message": "Hello Ada!" })));
}

#[test]
fn a_service_that_a_host_does_not_know_is_told_with_both_versions() {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("misbehave.so");
    std::fs::copy(library("misbehave"), &copy).expect("a copy");
    let (status, error) = Loaded::new(copy, 7, 0).run("state", "{}");
    assert_eq!((status, &error["kind"]), (1, &json!("unsupported")), "{error}");
    let message = error["message"].as_str().expect("a message");
    assert!(message.starts_with("this host (ABI minor 7) does not offer the service state."), "{message}");
    assert!(message.contains("(SDK 0.1.0, ABI minor 0)"), "{message}");
}
