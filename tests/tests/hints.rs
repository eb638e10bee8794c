//! The troubles an author meets first, each answered by its hint: config not found, action not found, params that break a
//! rule, malformed JSON, not authenticated, a cluster out of reach, a crate or library that is missing, no client.

use std::fs;
use std::process::Command;

use synapse_sdk::prelude::LocalExecutor;
use synapse_tests::{Generated, Synapse, workspace};

#[test]
fn no_config_leads_to_create_and_to_the_options_that_name_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let ended = Synapse::new().call("plugin run train").within(folder.path()).run().code(4);
    ended
        .says("Config file not found: no config.yaml in")
        .says("`synapse plugin create`")
        .says("--path")
        .says("--config");
}

#[test]
fn an_entrypoint_that_leads_nowhere_is_named_by_its_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config.yaml");
    let text = fs::read_to_string(workspace().join("examples/greet/config.yaml")).expect("a config");
    fs::write(&config, text.replace("greet::greet\n", "greet::gret\n")).expect("written");
    let ended = Synapse::new().act("greet", "greet -P name=Ada --config").arg(&config).run().code(4);
    ended
        .says("Action not found: greet: there is no `greet::gret` in the plugin")
        .says("check actions.greet.entrypoint in config.yaml; the code has greet::greet");
}

#[test]
fn a_misspelt_action_leads_to_the_one_that_is_meant() {
    let ended = Synapse::new().act("greet", "gret -P name=Ada").run().code(4);
    ended.says("Action not found: gret").says("did you mean `greet`?");
}

#[test]
fn params_that_break_a_rule_are_told_with_their_place_and_what_is_allowed() {
    let ended = Synapse::new().act("greet", r#"greet --params {"name":"","formul":true}"#).run().code(3);
    ended.says("/name").says("/formul").says("did you mean `formal`?");
}

#[test]
fn malformed_params_are_answered_with_quoted_json() {
    let ended = Synapse::new().act("greet", "greet --params {name:Ada}").run().code(2);
    ended.says("--params is not JSON").says(r#"--params '{"key": "value"}'"#);
}

#[test]
fn without_credentials_login_is_named() {
    let synapse = Synapse::new();
    let ended = synapse.call("whoami").run().code(6).prints("");
    ended.says("Not authenticated: there is no token for a backend").says("hint: `synapse login`");
    let call = synapse.call("doctor").env("SYNAPSE_HOST", "http://127.0.0.1:1");
    let ended = call.run().code(0);
    assert!(ended.stdout.contains("a backend is named, and there is no token for it"), "{ended}");
    assert!(ended.stdout.contains("`synapse login`"), "{ended}");
}

#[test]
fn clusters_and_backends_are_said_not_to_be_there() {
    let ended = Synapse::new().act("greet", "greet -P name=Ada --mode remote").run().code(2);
    ended.says("`remote`").says("--mode local");
    let job = "greet -P name=Ada --mode job --ray-address http://127.0.0.1:1";
    Synapse::new().act("greet", job).run().code(6).says("127.0.0.1:1").says("`ray start --head`");
}

#[test]
fn ray_that_is_out_of_reach_is_told_how_to_start() {
    let ended =
        Synapse::new().act("greet", "greet -P name=Ada --mode task --ray-address ray://127.0.0.1:1").run();
    ended.code(6).says("127.0.0.1:1").says("`ray start --head`").says("--ray-address");
    let ended = Synapse::new().call("doctor").env("RAY_ADDRESS", "ray://127.0.0.1:1").run().code(0);
    assert!(ended.stdout.contains("cannot be reached at 127.0.0.1:1"), "{ended}");
    assert!(ended.stdout.contains("`ray start --head`"), "{ended}");
}

#[test]
fn without_cargo_a_folder_cannot_be_built() {
    let greet = workspace().join("examples/greet");
    let ended =
        Synapse::new().call("plugin run greet").within(greet).env("PATH", "/nowhere").env("CARGO", "");
    ended
        .run()
        .code(1)
        .says("there is no program")
        .says("install Rust")
        .says("or run a plugin that is already built");
}

#[test]
fn without_a_backend_datasets_and_models_are_in_a_folder_that_is_named() {
    let ended = Synapse::new().act("misbehave", "needs_client").run().code(4);
    ended
        .says("no backend is connected: datasets and models are kept in")
        .says("has no dataset `1`")
        .says("hint: ")
        .says("--store DIR names another store");
    // In a test there is no such folder either, unless the test gives one.
    let error = LocalExecutor::new().context().client().map(drop).expect_err("nothing was given");
    assert!(
        error.hint_text().is_some_and(|hint| hint.contains("`LocalExecutor::new().client(…)`")),
        "{error}"
    );
}

#[test]
fn a_crate_that_cargo_toml_does_not_name_is_answered_by_the_compiler() {
    let lib = "use synapse_sdk::prelude::*;\n/// Reads.\n#[action]\n\
               pub fn read(_: (), _: &Context) -> Result<u64> {\n    Ok(ndarray::arr0(1)[()])\n}\n\
               synapse_sdk::export_plugin!(read);\n";
    let plugin = Generated::new("lacking_plugin", lib);
    let ended = plugin.act(&Synapse::new(), "read").run().code(1);
    ended.says("use of unresolved module or unlinked crate `ndarray`").says("cargo add ndarray");
}

/// Needs a library of C that lies where only the linker looks.
const NATIVE: &str = r#"
use synapse_sdk::prelude::*;

#[link(name = "answers")]
unsafe extern "C" {
    safe fn answer() -> i32;
}

/// Asks the library.
#[action]
pub fn ask(_params: (), _ctx: &Context) -> Result<i32> {
    Ok(answer())
}

synapse_sdk::export_plugin!(ask);
"#;

#[test]
fn a_native_library_that_is_missing_is_named_and_the_advice_helps() {
    let plugin = Generated::new("native_plugin", NATIVE);
    let native = plugin.folder().join("native");
    fs::create_dir_all(&native).expect("a folder");
    plugin.write("native/answers.c", "int answer(void) { return 42; }\n");
    plugin.write(
        "build.rs",
        &format!("fn main() {{ println!(\"cargo:rustc-link-search={}\"); }}\n", native.display()),
    );
    let mut compiler = Command::new("cc");
    let made = compiler.args(["-shared", "-fPIC", "-o", "libanswers.so", "answers.c"]).current_dir(&native);
    assert!(made.status().expect("a C compiler, which Rust links with").success());

    let synapse = Synapse::new();
    let ended = plugin.act(&synapse, "ask").run().code(5).prints("");
    ended
        .says("it needs the library libanswers.so, which is not on this system")
        .says("hint: install the library it names")
        .says("LD_LIBRARY_PATH");
    plugin.act(&synapse, "ask").env("LD_LIBRARY_PATH", &native).run().code(0).prints("42\n");
}
