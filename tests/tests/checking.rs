//! `synapse plugin check`: of folders, whose config and code may differ.

use synapse_tests::{Generated, Synapse, library, workspace};

const LIB: &str = r#"
use synapse_sdk::prelude::*;

/// Adds nothing.
#[action(method = Job)]
fn next(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

synapse_sdk::export_plugin!(next; requires = ["client.request/1"]);
"#;

#[test]
fn a_folder_is_built_and_its_config_is_held_against_the_code() {
    let plugin = Generated::new("checked", LIB);
    let synapse = Synapse::new();
    let head = "name: Generated\ncode: checked\nversion: 0.1.0\ncategory: custom\nactions:\n";
    let check = |actions: &str| {
        plugin.write("config.yaml", &format!("{head}{actions}"));
        plugin.call(&synapse, "plugin check").arg(plugin.folder()).run()
    };
    let fits =
        check("  next: {entrypoint: \"checked::next\", method: job, description: Adds nothing.}\n").code(0);
    assert!(fits.stdout.contains("checked 0.1.0 would load here"), "{fits}");
    assert!(fits.stdout.contains("host services: client.request/1, all here"), "{fits}");
    let differs = check(
        "  next:\n    description: Adds one.\n    method: task\n  last: {entrypoint: \"checked::nxet\"}\n",
    )
    .code(3);
    differs
        .says("config.yaml: 3 problems")
        .says("config.yaml:7:5: actions.next.description: `Adds one.` here, `Adds nothing.` in the code")
        .says("config.yaml:8:5: actions.next.method: `task` here, `job` in the code")
        .says("config.yaml:9:10: actions.last.entrypoint: there is no `checked::nxet` in the code")
        .says("hint: did you mean `checked::next`?")
        .says("hint: `synapse plugin update-config` writes `Adds nothing.` here; the code decides");
    // Whether it would load is another question.
    plugin.call(&synapse, "plugin check --why-not").arg(plugin.folder()).run().code(0);
    let broken = check("  next: {method: jbo}\n").code(3);
    broken.says("`jbo` is not one of");
}

#[test]
fn a_library_is_held_against_the_config_within_or_the_one_that_is_named() {
    let synapse = Synapse::new();
    let check = |words: &str| synapse.call("plugin check").arg(library("unlisted")).words(words).run();
    check("")
        .code(3)
        .says("config.yaml within ")
        .says("actions.infer: this is an action of the code and has no entry");
    check("--why-not").code(0);
    let other = workspace().join("examples/greet/config.yaml");
    let named = synapse.call("plugin check").arg(library("greet")).words("--config").arg(&other).run();
    named.code(0);
    let missing = synapse.call("plugin check /nowhere/libx.so").run().code(4);
    missing.says("there is no plugin at /nowhere/libx.so");
}
