//! Plugins for systems with an older C library than this one.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use synapse_host::bundle::{Bundle, HERE};
use synapse_tests::{Invocation, Synapse, fits, workspace};

/// Older than any system that Rust's own library does not run on, and than those that the tests run on.
const OLD: &str = "2.28";

fn build(synapse: &Synapse, words: &str) -> Invocation {
    synapse.call("plugin build --json").words(words).arg(workspace().join("examples/greet"))
}

#[test]
fn what_is_missing_for_it_is_told_with_how_to_install_it() {
    let synapse = Synapse::new();
    let folder = tempfile::tempdir().expect("a folder");
    let refused = || {
        // Cargo looks for its commands in its own folder, too.
        let build = build(&synapse, "--glibc 2.28").env("CARGO_HOME", folder.path());
        build.env("PATH", folder.path()).run().code(1).error()
    };
    let error = refused();
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.ends_with("for glibc 2.28: cargo-zigbuild is not installed"), "{error}");
    assert_eq!(error["kind"], "build");
    let hint = error["hint"].as_str().unwrap_or_default();
    assert!(hint.contains("`pip install cargo-zigbuild ziglang`"), "{error}");
    // What cargo-zigbuild says where there is no zig.
    let command = folder.path().join("cargo-zigbuild");
    fs::write(&command, "#!/bin/sh\necho 'Error: Failed to find zig' >&2\nexit 1\n").expect("a file");
    fs::set_permissions(&command, Permissions::from_mode(0o755)).expect("its mode");
    let error = refused();
    assert!(error["message"].as_str().is_some_and(|text| text.ends_with("zig is not installed")), "{error}");
    let wrong = build(&synapse, "--glibc old").run().code(2);
    wrong.says("expected a version of glibc such as 2.28");
}

#[test]
#[ignore = "needs zig"]
fn a_plugin_for_an_older_system_says_so_and_runs_here() {
    let synapse = Synapse::new();
    let document = build(&synapse, &format!("--release --glibc {OLD}")).run().code(0).document();
    fits(&document, "build");
    let version = |text: &serde_json::Value| {
        let text = text.as_str().expect("a version").to_owned();
        text.split('.').map(|number| number.parse::<u32>().expect("a number")).collect::<Vec<_>>()
    };
    let most = version(&OLD.into());
    assert!(version(&document["glibc"]) <= most, "{document}");
    let dist = &document["dist"];
    assert!(version(&dist["glibc"]) <= most, "{document}");
    let path = dist["bundle"]["path"].as_str().expect("a bundle");
    let bundle = Bundle::open(path.as_ref()).expect("a bundle");
    let library = bundle.manifest().library(HERE).expect("a library for this machine");
    assert_eq!(library.glibc.as_deref(), dist["glibc"].as_str());
    let inspected = synapse.call("plugin inspect --json").arg(path).run().code(0).document();
    assert_eq!(inspected[0]["glibc"], document["glibc"], "{inspected}");
    let greeted = synapse.call("plugin run --json").arg(path).words("greet -P name=Ada").run().code(0);
    assert_eq!(greeted.document()["result"]["message"], "Hello Ada!");
    // Again nothing has to be built; for another system everything is linked anew.
    assert_eq!(build(&synapse, &format!("--release --glibc {OLD}")).run().code(0).document()["fresh"], true);
    let older = build(&synapse, "--release --glibc 2.17").run().code(0).document();
    assert!(version(&older["glibc"]) <= version(&"2.17".into()), "{older}");
}
