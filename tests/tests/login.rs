//! `synapse login`, `logout` and `whoami`: a token is kept where only its owner can read it, and is never shown.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use synapse_tests::{Synapse, fits};

const HOST: &str = "--host https://backend.example.org";

fn finding(synapse: &Synapse, about: &str) -> Value {
    let document = synapse.call("doctor --json").run().code(0).document();
    let findings = document["findings"].as_array().expect("a list");
    findings.iter().find(|finding| finding["about"] == about).expect("a finding").clone()
}

#[test]
fn a_token_is_kept_used_and_forgotten() {
    let synapse = Synapse::new();
    let file = synapse.home().join("credentials.json");
    let login = synapse.call("login --json").words(HOST).stdin("secret-token\nmore\n").run().code(0);
    fits(&login.document(), "credentials");
    assert_eq!(fs::metadata(&file).expect("the file").permissions().mode() & 0o777, 0o600);
    let stored: Value = serde_json::from_slice(&fs::read(&file).expect("the file")).expect("JSON");
    assert_eq!(stored, json!({ "host": "https://backend.example.org", "access_token": "secret-token" }));

    let shown = synapse.call("whoami --json").run().code(0);
    fits(&shown.document(), "credentials");
    assert_eq!(shown.document()["from"].as_str(), file.to_str());
    let variable = synapse.call("whoami --json").env("SYNAPSE_ACCESS_TOKEN", "secret-other").run().code(0);
    assert_eq!(
        variable.document(),
        json!({ "host": "https://backend.example.org", "from": "SYNAPSE_ACCESS_TOKEN" })
    );
    for ended in [&login, &shown, &variable, &synapse.call("doctor").run()] {
        assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("secret"), "{ended}");
    }

    assert_eq!(finding(&synapse, "credentials")["status"], "good");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("a mode");
    let open = finding(&synapse, "credentials");
    assert_eq!(open["status"], "warning");
    assert!(open["fix"].as_str().is_some_and(|fix| fix.contains("chmod 600")), "{open}");

    fits(&synapse.call("logout --json").run().code(0).document(), "credentials");
    assert!(!file.exists());
    synapse.call("whoami").run().code(6);
    synapse.call("logout").run().code(0).prints("no token was kept\n");
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let synapse = Synapse::new();
    let login = |words: &str, stdin: &str| synapse.call("login").words(words).stdin(stdin).run();
    login("--token t", "").code(2).says("--host");
    login("--host backend --token t", "").code(2).says("`backend` is no address").says("--host https://HOST");
    login(HOST, "\n").code(2).says("that is no token").says("--token TOKEN");
    login(HOST, "two words\n").code(2).says("that is no token");
    assert!(!synapse.home().join("credentials.json").exists());
    fs::write(synapse.home().join("credentials.json"), "{").expect("a file");
    synapse.call("whoami").run().code(3).says("credentials.json is damaged").says("`synapse login`");
    assert_eq!(finding(&synapse, "credentials")["status"], "warning");
}
