//! `synapse doctor`: what is missing is told with what to do.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use synapse_tests::Synapse;

fn finding<'d>(document: &'d Value, about: &str) -> &'d Value {
    let findings = document["findings"].as_array().expect("a list");
    findings.iter().find(|finding| finding["about"] == about).expect("a finding")
}

#[test]
fn a_machine_that_builds_plugins_is_fit() {
    let document = Synapse::new().call("doctor --json").run().code(0).document();
    assert_eq!(document["fit"], true);
    for about in ["toolchain", "worker", "home", "SDK", "C library"] {
        assert_eq!(finding(&document, about)["status"], "good", "{document:#}");
    }
    assert_eq!(finding(&document, "Ray")["status"], "absent");
    let text = Synapse::new().call("doctor").run().code(0);
    assert!(text.stdout.contains("✓ toolchain    rustc 1."), "{text}");
}

#[test]
fn without_cargo_nothing_can_be_built() {
    let ended = Synapse::new().call("doctor").env("PATH", "/nowhere").run().code(1);
    assert!(ended.stdout.contains("✗ toolchain    there is no cargo\n"), "{ended}");
    assert!(ended.stdout.contains("install Rust, and put cargo on PATH"), "{ended}");
    ended.says("1 thing is missing without which plugins cannot be built or run");
}

#[test]
fn a_home_that_cannot_be_written_to_is_told() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let ended = Synapse::new().call("doctor").env("SYNAPSE_HOME", file.path()).run().code(1);
    assert!(ended.stdout.contains("cannot be written to"), "{ended}");
    assert!(ended.stdout.contains("set SYNAPSE_HOME"), "{ended}");
}

#[test]
fn addresses_are_tried_where_they_are_set() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let open = listener.local_addr().expect("its address").to_string();
    let synapse = Synapse::new();
    let call = synapse.call("doctor --json").env("RAY_ADDRESS", format!("ray://{open}"));
    let call = call.env("SYNAPSE_HOST", "http://127.0.0.1:1");
    let document = call.run().code(0).document();
    // It listens, and never says a word.
    let ray = finding(&document, "Ray");
    assert_eq!(ray["status"], "warning", "{document:#}");
    assert!(ray["message"].as_str().is_some_and(|text| text.contains(&open)), "{document:#}");
    let backend = finding(&document, "backend");
    assert_eq!(backend["status"], "warning");
    assert!(backend["message"].as_str().is_some_and(|text| text.contains("127.0.0.1:1 is out of reach")));
}

#[test]
fn each_line_that_is_not_good_comes_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = |name: &str, prints: &str| {
        let file = folder.path().join(name);
        fs::write(&file, format!("#!/bin/sh\nprintf '{prints}'\n")).expect("a program");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("a mode");
    };
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", folder.path().display());
    let synapse = Synapse::new();
    let doctor = || synapse.call("doctor --json").env("PATH", &path).run().code(0).document();

    program("df", "Filesystem 1024-blocks Used Available Capacity Mounted on\\n/dev/a 9 1 1048576 9%% /\\n");
    program("nvidia-smi", "");
    let poor = doctor();
    assert_eq!(finding(&poor, "disk")["message"], "1.0 GiB free");
    let statuses = |about: &str| finding(&poor, about)["status"].clone();
    assert_eq!((statuses("disk"), statuses("GPUs")), ("warning".into(), "absent".into()));
    assert_eq!((statuses("credentials"), statuses("backend")), ("absent".into(), "absent".into()));
    for finding in poor["findings"].as_array().expect("a list") {
        assert_eq!(finding["status"] == "good", finding["fix"].is_null(), "{finding:#}");
    }

    program("df", "Filesystem 1024-blocks Used Available Capacity Mounted on\\n/dev/a 9 1 9048576 9%% /\\n");
    program("nvidia-smi", "Harbour 9000, 24576 MiB\\nHarbour 9000, 24576 MiB\\n");
    let rich = doctor();
    assert_eq!(finding(&rich, "disk")["message"], "8.6 GiB free");
    assert_eq!(finding(&rich, "GPUs")["message"], "Harbour 9000, 24576 MiB; Harbour 9000, 24576 MiB");
}
