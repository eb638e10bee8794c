//! Builds what the tests run, once per process; cargo's lock lets several
//! processes do so at once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};

use serde_json::Value;

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package stands in a workspace")
}

/// The `synapse` command, with `synapse-worker` beside it.
pub fn synapse() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let built = build(&["-p", "synapse-host", "--bins"]);
        let programs = built.iter().filter_map(|artifact| artifact["executable"].as_str());
        named(programs, "synapse")
    })
}

/// The library of a plugin of this workspace, built as `synapse plugin run`
/// would: `greet`, or one of the fixtures.
pub fn library(package: &str) -> PathBuf {
    static BUILT: LazyLock<Mutex<HashMap<String, PathBuf>>> = LazyLock::new(Mutex::default);
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let build_it = || {
        let artifacts = build(&["-p", package, "--lib"]);
        let files = artifacts.iter().filter_map(|artifact| artifact["filenames"].as_array()).flatten();
        named(files.filter_map(Value::as_str), &format!("lib{package}.so"))
    };
    built.entry(package.to_owned()).or_insert_with(build_it).clone()
}

/// The same plugin, built with `panic = "abort"`.
pub fn aborting_library(package: &str) -> PathBuf {
    let artifacts = build(&["-p", package, "--lib", "--profile", "aborting"]);
    let files = artifacts.iter().filter_map(|artifact| artifact["filenames"].as_array()).flatten();
    named(files.filter_map(Value::as_str), &format!("lib{package}.so"))
}

/// A program of `examples/` of these tests.
pub fn example(name: &str) -> PathBuf {
    let built = build(&["-p", "synapse-tests", "--example", name]);
    named(built.iter().filter_map(|artifact| artifact["executable"].as_str()), name)
}

/// The folder that cargo builds into.
pub(crate) fn target() -> &'static Path {
    synapse().ancestors().nth(2).expect("programs lie in a folder for their profile")
}

fn build(arguments: &[&str]) -> Vec<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = clean_environment(&mut Command::new(cargo))
        .current_dir(workspace())
        .args(["build", "--quiet", "--message-format", "json-render-diagnostics"])
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo can be started");
    assert!(built.status.success(), "cargo build {arguments:?}: {}", built.status);
    let messages = String::from_utf8_lossy(&built.stdout);
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages.filter(|message| message["reason"] == "compiler-artifact").collect()
}

fn named<'a>(mut files: impl Iterator<Item = &'a str>, name: &str) -> PathBuf {
    let found = files.find(|file| Path::new(file).file_name().is_some_and(|last| last == name));
    found.map(PathBuf::from).unwrap_or_else(|| panic!("cargo built no {name}"))
}

/// Takes out what changes how `synapse` or cargo behave: settings of the
/// tester, and what cargo tells the tests it runs.
pub(crate) fn clean_environment(command: &mut Command) -> &mut Command {
    const NAMES: [&str; 9] = [
        "NO_COLOR",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "RUST_BACKTRACE",
        "RUST_LIB_BACKTRACE",
        "RUST_LOG",
        "LD_LIBRARY_PATH",
        "OUT_DIR",
        "GREETING",
    ];
    const PREFIXES: [&str; 6] =
        ["SYNAPSE_", "RAY_", "CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if NAMES.contains(&&*text) || PREFIXES.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    command.env("LC_ALL", "C.UTF-8")
}
