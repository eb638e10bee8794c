//! From a plugin's folder to its library.

use serde_json::json;
use synapse_tests::{Generated, Synapse, workspace};

fn says(text: &str) -> String {
    format!(
        "//! A generated plugin.\nuse synapse_sdk::prelude::*;\n\n/// Says something.\n#[action]\n\
         pub fn say(_params: (), _ctx: &Context) -> Result<String> {{\n    Ok({text}.to_owned())\n}}\n\n\
         synapse_sdk::export_plugin!(say);\n"
    )
}

#[test]
fn a_stale_folder_is_built_first_and_a_fresh_one_starts_no_cargo() {
    let synapse = Synapse::new();
    let plugin = Generated::new("changing_plugin", &says("\"before\""));
    let first = plugin.act(&synapse, "say").run().code(0).prints("before\n");
    first.says("building ").says("built in ");
    let missing = "/nowhere/cargo";
    let fresh = plugin.act(&synapse, "say").env("CARGO", missing).run().code(0).prints("before\n");
    fresh.does_not_say("building").does_not_say("Compiling");
    plugin.write("src/lib.rs", &says("\"after\""));
    let stale = plugin.act(&synapse, "say").run().code(0).prints("after\n");
    stale.says("building ").says("Compiling changing_plugin");
    plugin.act(&synapse, "say").env("CARGO", missing).run().code(0).prints("after\n");
    assert_eq!(synapse.last_run()["result"], "after");
}

#[test]
fn a_changed_config_makes_a_library_stale() {
    let synapse = Synapse::new();
    let plugin = Generated::new("reconfigured_plugin", &says("\"configured\""));
    plugin.act(&synapse, "say").run().code(0);
    let config = "name: N\ncode: reconfigured\nversion: 0.1.0\ncategory: custom\n\
                  actions:\n  speak:\n    entrypoint: reconfigured_plugin::say\n";
    plugin.write("config.yaml", config);
    plugin.act(&synapse, "speak").run().code(0).prints("configured\n").says("Compiling reconfigured_plugin");
    assert_eq!(synapse.last_run()["run"]["plugin"], "reconfigured");
}

#[test]
fn a_questionable_config_is_told_when_the_plugin_is_built() {
    let synapse = Synapse::new();
    let plugin = Generated::new("questioned_plugin", &says("\"built\""));
    let config = "name: N\ncode: questioned\nversion: 0.1.0\ncategory: custom\n\
                  descripton: of what it does\nactions:\n  say: {}\n";
    plugin.write("config.yaml", config);
    let ended = plugin.call(&synapse, "plugin build").arg(plugin.folder()).run().code(0);
    ended.says("config.yaml:5: warning: descripton").says("`description`");
}

#[test]
fn a_compile_error_is_told_by_the_compiler_first() {
    let synapse = Synapse::new();
    let plugin = Generated::new("broken_plugin", &says("ad_hoc"));
    let ended = plugin.act(&synapse, "say").run().code(1).prints("");
    let of_compiler = ended.stderr.find("error[E0425]: cannot find value `ad_hoc`");
    let ours = ended.stderr.find("does not compile");
    assert!(of_compiler.is_some() && of_compiler < ours, "{ended}");
    ended
        .says(" --> src/lib.rs:7:8\n")
        .says("broken_plugin/src/lib.rs:7:8: error[E0425]")
        .says("hint: correct the code and run again");
    let error = plugin.act(&synapse, "say --json").run().code(1).error();
    assert_eq!(error["kind"], "build");
    assert_eq!(synapse.runs(), 0);
}

#[test]
fn two_actions_of_one_name_do_not_compile() {
    let lib = "use synapse_sdk::prelude::*;\n#[action(name = \"same\")]\n\
               pub fn one(_: (), _: &Context) -> Result<()> { Ok(()) }\n#[action(name = \"same\")]\n\
               pub fn two(_: (), _: &Context) -> Result<()> { Ok(()) }\n\
               synapse_sdk::export_plugin!(one, two);\n";
    let plugin = Generated::new("doubled_plugin", lib);
    let ended = plugin.call(&Synapse::new(), "plugin build").arg(plugin.folder()).run().code(1);
    ended.says("`one` and `two` are both named `same`").says("doubled_plugin/src/lib.rs:6:1: error[E0080]");
}

#[test]
fn an_action_that_is_not_exported_is_warned_about() {
    let lib = says("\"listed\"").replace("synapse_sdk::export", "/// Is forgotten.\n#[action]\n\
               pub fn forgotten(_params: (), _ctx: &Context) -> Result<()> {\n    Ok(())\n}\n\nsynapse_sdk::export");
    let plugin = Generated::new("forgetful_plugin", &lib);
    let ended = plugin.call(&Synapse::new(), "plugin build").arg(plugin.folder()).run().code(0);
    ended
        .says("`forgotten` is an action but not exported: add forgetful_plugin::forgotten to export_plugin!");
}

/// A plugin whose initialiser does this.
fn fails_when_loaded(name: &str, how: &str) -> Generated {
    let initialiser = "#[used]\n#[unsafe(link_section = \".init_array\")]\n\
                       static ON_LOAD: extern \"C\" fn() = fail;\nextern \"C\" fn fail()";
    Generated::new(name, &format!("{}\n{initialiser} {{\n    {how}\n}}\n", says("\"never\"")))
}

#[test]
fn a_plugin_that_aborts_when_loaded_is_told() {
    let synapse = Synapse::new();
    let plugin = fails_when_loaded("aborting_plugin", "std::process::abort()");
    let built = plugin.call(&synapse, "plugin build --json").arg(plugin.folder()).run().code(1).error();
    assert_eq!(built["kind"], "build");
    assert!(built["message"].as_str().is_some_and(|text| text.contains("signal: 6")), "{built}");
    let ended = plugin.act(&synapse, "say").run().code(134).prints("");
    ended.says("this process was ended outside an action: abort (signal 6)");
    let error = plugin.act(&synapse, "say --json").run().code(134).error();
    assert_eq!((&error["kind"], &error["details"]), (&json!("worker_crashed"), &json!({ "signal": 6 })));
}

#[test]
fn a_plugin_that_exits_when_loaded_does_not_pass_for_a_success() {
    let synapse = Synapse::new();
    let plugin = fails_when_loaded("exiting_plugin", "std::process::exit(0)");
    plugin.call(&synapse, "plugin build").arg(plugin.folder()).run().code(1);
    let ended = plugin.act(&synapse, "say").run().code(1).prints("");
    ended.says("this process was ended outside an action: a call of exit");
}

#[test]
fn building_tells_code_version_library_and_actions() {
    let synapse = Synapse::new();
    let greet = workspace().join("examples/greet");
    let document = synapse.call("plugin build --json").arg(&greet).run().code(0).document();
    assert_eq!([&document["code"], &document["name"], &document["version"]], ["greet", "Greeter", "0.1.0"]);
    assert!(document["path"].as_str().is_some_and(|path| path.ends_with("/libgreet.so")), "{document}");
    assert_eq!(document["actions"][0], json!({ "name": "greet", "description": "Greets someone." }));
    assert_eq!(document["actions"].as_array().map(Vec::len), Some(3), "{document}");
    let text = synapse.call("plugin build").within(&greet).run().code(0);
    assert!(text.stdout.starts_with("greet 0.1.0 · "), "{text}");
    assert!(
        text.stdout.contains("roster     Remembers whom it has met, as long as its worker lives."),
        "{text}"
    );
}

#[test]
fn building_finds_unlisted_actions_and_those_of_other_crates() {
    let synapse = Synapse::new();
    let names = |fixture: &str| {
        let folder = workspace().join("tests/fixtures").join(fixture);
        let built = synapse.call("plugin build --json --path").arg(folder).run().code(0);
        let actions = built.document()["actions"].as_array().cloned().unwrap_or_default();
        actions.iter().filter_map(|action| action["name"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(names("unlisted"), ["infer", "train_model"]);
    assert!(names("misbehave").contains(&"lend".to_owned()));
}

#[test]
fn only_a_folder_is_built() {
    let synapse = Synapse::new();
    synapse.call("plugin build /nowhere").run().code(4).says("there is no folder /nowhere");
    synapse.call("plugin build greet -p greet").run().code(2).says("named twice");
    synapse.call("plugin build -p greet").run().code(4).says("a plugin is built by its folder");
}
