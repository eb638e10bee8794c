//! A host that goes on running while a plugin is built anew.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use synapse_host::run::Run;
use synapse_host::{Mode, RunRequest, run_plugin, run_plugin_blocking, worker};
use synapse_sdk::errors::Result;
use synapse_sdk::events::EventBody;
use synapse_tests::{Generated, Synapse, synapse};

/// `hold` says that it is there and then waits until the file `gate` is, so
/// that a test decides when the call ends.
fn lib(text: &str) -> String {
    format!(
        "use synapse_sdk::prelude::*;\n\nconst TEXT: &str = {text:?};\n\n#[params]\nstruct Gate {{\n    \
         gate: String,\n}}\n\n#[action]\nfn say(_: (), _: &Context) -> Result<String> {{\n    \
         Ok(TEXT.to_owned())\n}}\n\n#[action]\nfn hold(params: Gate, ctx: &Context) -> Result<String> {{\n    \
         ctx.log_message(\"holding\", \"info\");\n    while !std::path::Path::new(&params.gate).exists() {{\n        \
         std::thread::sleep(std::time::Duration::from_millis(2));\n    }}\n    Ok(TEXT.to_owned())\n}}\n\n\
         synapse_sdk::export_plugin!(say, hold);\n"
    )
}

/// A plugin's folder that is built by another process, as an author would.
struct Author {
    plugin: Generated,
    synapse: Synapse,
}

impl Author {
    fn new(name: &str) -> Self {
        Self { plugin: Generated::new(name, &lib("first")), synapse: Synapse::new() }
    }

    fn build(&self, text: &str) -> PathBuf {
        self.plugin.write("src/lib.rs", &lib(text));
        let built = self.plugin.call(&self.synapse, "plugin build --json").arg(self.plugin.folder()).run();
        built.code(0).document()["path"].as_str().expect("a path").into()
    }
}

fn request(library: &Path, action: &str, mode: Mode) -> RunRequest {
    worker::use_program(synapse().with_file_name("synapse-worker"));
    RunRequest::new(library, action).mode(mode)
}

fn say(library: &Path, mode: Mode) -> Result<Value> {
    run_plugin_blocking(request(library, "say", mode))?.value()
}

/// A call that has begun and goes on until there is a file at `gate`.
fn held(library: &Path, mode: Mode, gate: &Path) -> Result<Run> {
    let mut run = run_plugin(request(library, "hold", mode).params(&json!({ "gate": gate })))?;
    while let Some(events) = run.events() {
        let holds =
            |body: &EventBody<'_>| matches!(body, EventBody::Message { text, .. } if text == "holding");
        if events.iter().any(|event| holds(&event.body)) {
            return Ok(run);
        }
    }
    panic!("the call ended before it held")
}

fn a_new_build_is_taken_up_and_the_old_one_ends_its_calls(name: &str, mode: Mode) -> Result<()> {
    let author = Author::new(name);
    let folder = tempfile::tempdir().expect("a folder");
    let [first_gate, second_gate] = ["first", "second"].map(|name| folder.path().join(name));
    let library = author.build("first");
    assert_eq!(say(&library, mode)?, "first");
    let first = held(&library, mode, &first_gate)?;
    assert_eq!(author.build("second"), library);
    // The old call goes on, and new ones are of the new code.
    assert_eq!(say(&library, mode)?, "second");
    let second = held(&library, mode, &second_gate)?;
    assert_eq!(author.build("third"), library);
    assert_eq!(say(&library, mode)?, "third");
    fs::write(&first_gate, "").expect("a file");
    assert_eq!(first.result()?.value()?, "first");
    fs::write(&second_gate, "").expect("a file");
    assert_eq!(second.result()?.value()?, "second");
    for _ in 0..3 {
        assert_eq!(say(&library, mode)?, "third");
    }
    Ok(())
}

#[test]
fn in_process_a_new_build_is_a_second_image() -> Result<()> {
    a_new_build_is_taken_up_and_the_old_one_ends_its_calls("hot_local", Mode::Local)
}

#[test]
fn isolated_a_new_build_gets_workers_of_its_own() -> Result<()> {
    a_new_build_is_taken_up_and_the_old_one_ends_its_calls("hot_isolated", Mode::Isolated)
}
