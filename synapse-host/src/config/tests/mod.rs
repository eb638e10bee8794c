//! Text in, config or problems out.

mod actions;
mod edit;
mod plugin;
mod schema;
mod yaml;

use super::{Loaded, PluginConfig, parse, render};

/// Lines 1 to 4 of a config, to which a test adds what it is about.
const IDENTITY: &str = "name: A\ncode: a\nversion: 0.1.0\ncategory: custom\n";

/// A config whose fifth line is the first of `rest`.
fn with_identity(rest: &str) -> String {
    format!("{IDENTITY}{rest}")
}

/// A complete config whose fifth line is `key_and_value`.
fn with_line(key_and_value: &str) -> String {
    with_identity(&format!("{key_and_value}\nactions: {{run: m.Run}}\n"))
}

fn loaded(text: &str) -> Loaded {
    parse(text).unwrap_or_else(|problems| panic!("refused:\n{}", render(&problems, "f")))
}

/// The config, which must be without fault.
fn config(text: &str) -> PluginConfig {
    let loaded = loaded(text);
    assert_eq!(render(&loaded.warnings, "f"), "");
    loaded.config
}

/// What is said of a config that loads.
fn warnings(text: &str) -> String {
    render(&loaded(text).warnings, "f")
}

/// What is said of a config that is refused.
fn refusal(text: &str) -> String {
    let problems = parse(text).expect_err("the config should be refused");
    render(&problems, "f")
}
