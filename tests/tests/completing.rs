//! What a real bash completes, and what `--version` says.

use std::path::Path;
use std::process::Command;

use synapse_tests::{Synapse, synapse, workspace};

/// What bash proposes for the last of `words`, typed in `folder`; sorted.
fn proposed(folder: &Path, words: &str) -> Vec<String> {
    let script = r#"
        source <(synapse completions bash)
        COMP_WORDS=($1)
        [[ $1 == *' ' ]] && COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_TYPE=9 COMP_LINE=$1 COMP_POINT=${#1}
        name=$(complete -p synapse | sed 's/.*-F \([^ ]*\).*/\1/')
        "$name" synapse "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let bin = synapse().parent().expect("a folder");
    let home = tempfile::tempdir().expect("a folder");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let done = Command::new("bash")
        .args(["--norc", "-c", script, "bash", words])
        .current_dir(folder)
        .env("PATH", path)
        .env("SYNAPSE_HOME", home.path())
        .env("SYNAPSE_PLUGIN_PATH", workspace().join("examples"))
        .output()
        .expect("bash can be started");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let proposed = String::from_utf8_lossy(&done.stdout);
    let mut proposed: Vec<String> = proposed.lines().map(|line| line.trim().to_owned()).collect();
    proposed.sort();
    proposed
}

#[test]
fn commands_options_plugins_and_actions_are_completed() {
    let root = workspace();
    assert_eq!(proposed(root, "synapse plugin up"), ["update-config", "upgrade-sdk"]);
    assert_eq!(proposed(root, "synapse plugin run --params-"), ["--params-file"]);
    let greet = root.join("examples/greet");
    assert_eq!(proposed(&greet, "synapse plugin run gr"), ["greet", "greet_all"]);
    assert_eq!(proposed(root, "synapse plugin run --path examples/classifier e"), ["evaluate"]);
    assert_eq!(proposed(root, "synapse plugin run examples/greet ro"), ["roster"]);
    assert_eq!(proposed(root, "synapse plugin run --plugin cl"), ["classifier"]);
}

#[test]
fn each_shell_has_a_script() {
    for shell in ["bash", "zsh", "fish"] {
        let ended = Synapse::new().call(&format!("completions {shell}")).run().code(0);
        assert!(ended.stdout.contains("SYNAPSE_COMPLETE"), "{ended}");
    }
    Synapse::new().call("completions csh").run().code(2).says("possible values: bash, zsh, fish");
}

#[test]
fn the_version_names_commit_interface_and_sdk() {
    for option in ["--version", "-V"] {
        let told = Synapse::new().call(option).run().code(0).stdout;
        let version = env!("CARGO_PKG_VERSION");
        assert!(told.starts_with(&format!("synapse {version} (")), "{told}");
        assert!(
            told.contains(", plugin interface 1.") && told.contains(&format!(", SDK {version})")),
            "{told}"
        );
    }
}

#[test]
fn each_command_has_a_man_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let pages = folder.path().join("man1");
    Synapse::new().call("man").arg(&pages).run().code(0);
    let page = std::fs::read_to_string(pages.join("synapse-plugin-run.1")).expect("a page");
    assert!(page.contains(".SH OPTIONS") && page.contains("params"), "{page}");
}
