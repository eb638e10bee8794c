//! `synapse plugin test`.

use serde_json::{Value, json};
use synapse_tests::{Bundled, Generated, Nursery, Synapse, fits};

#[test]
fn a_plugin_of_each_template_passes_its_own_tests() {
    let nursery = Nursery::new("templates");
    for (category, actions) in [("custom", 1), ("data_validation", 1), ("neural_net", 3)] {
        let code = format!("try-{}", category.replace('_', "-"));
        let folder = nursery.create(&format!("--code {code} --category {category}"));
        let tested = nursery.call("plugin test --json").arg(&folder).run().code(0);
        assert!(!tested.stderr.contains("warning"), "{tested}");
        let document = tested.document();
        assert_eq!(document["passed"], true, "{document}");
        assert!(document["tests"]["passed"].as_u64() >= Some(4), "{document}");
        assert_eq!(document["actions"].as_array().map(Vec::len), Some(actions), "{document}");
        nursery.call("plugin check").arg(&folder).run().code(0);
        nursery.call("plugin update-config --check --path").arg(&folder).run().code(0);
        let tried = &document["actions"][0];
        assert!(tried["examples"].as_u64() >= Some(1) && tried["valid"].as_u64() >= Some(5), "{tried}");
        assert!(tried["invalid"].as_u64() >= Some(5), "{tried}");
        let only_computes = category == "custom";
        assert_eq!(tried["executed"].as_u64() > Some(0), only_computes, "{tried}");
    }
}

const DIVIDES: &str = r#"//! A generated plugin.
use synapse_sdk::prelude::*;

/// What to divide by.
#[params]
pub struct DivideParams {
    #[param(default = 2, ge = 0, le = 9)]
    by: u32,
}

/// Divides.
#[action(PURE example = { "by": 5 } => EXPECTED)]
pub fn divide(params: DivideParams, _ctx: &Context) -> Result<Value> {
    Ok(json!({ "quotient": 10 / params.by }))
}

synapse_sdk::export_plugin!(divide);
"#;

fn divides(name: &str, pure: &str, expected: &str) -> Generated {
    Generated::new(name, &DIVIDES.replace("PURE", pure).replace("EXPECTED", expected))
}

fn problems(document: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let problems = document["actions"][0]["problems"].as_array().cloned().unwrap_or_default();
    problems.iter().map(|problem| (text(&problem["what"]), text(&problem["message"]))).collect()
}

#[test]
fn a_wrong_example_is_told_with_the_place_in_the_result() {
    let plugin = divides("mistaken_plugin", "", "{ \"quotient\": 3 }");
    let ended = plugin.call(&Synapse::new(), "plugin test --no-crate-tests --json").arg(plugin.folder());
    let ended = ended.run().code(1).says("the plugin is not as it says");
    let document = ended.document();
    assert_eq!((&document["passed"], &document["tests"]), (&json!(false), &Value::Null));
    let found = problems(&document);
    assert_eq!(found, [("example 1".to_owned(), "/quotient: expected 3, not 2".to_owned())]);
}

#[test]
fn a_pure_action_that_panics_at_a_bound_is_found_and_others_are_not_run() {
    let synapse = Synapse::new();
    let plugin = divides("dividing_plugin", "pure,", "{ \"quotient\": 2 }");
    let test =
        |words: &str| plugin.call(&synapse, "plugin test --no-crate-tests").words(words).arg(plugin.folder());
    let found = problems(&test("--json").run().code(1).document());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].0 == "valid params" && found[0].1.contains("attempt to divide by zero"), "{found:?}");
    let shown = test("").run().code(1);
    assert!(shown.stdout.contains("✗ divide, valid params: {\"by\":0}"), "{shown}");
    plugin.write("src/lib.rs", &DIVIDES.replace("PURE", "").replace("EXPECTED", "{}"));
    assert_eq!(test("--json").run().code(0).document()["actions"][0]["executed"], 0);
    test("--execute").run().code(1);
}

const SAVES: &str = r#"//! A generated plugin.
use synapse_sdk::kinds::TrainAction;
use synapse_sdk::prelude::*;

/// Saves a model.
#[derive(Action, Default)]
#[action(name = "save", example = {} => "model-1")]
pub struct Save;

impl TrainAction for Save {}

impl Action for Save {
    type Params = ();
    type Output = Id;

    fn execute(&self, _params: (), ctx: &Context) -> Result<Id> {
        let path = ctx.work_dir()?.join("weights.bin");
        std::fs::write(&path, "weights")?;
        Ok(self.create_model(path).save(ctx)?.id)
    }
}

synapse_sdk::export_plugin!(Save);
"#;

#[test]
fn what_examples_save_does_not_land_in_the_users_store() {
    let synapse = Synapse::new();
    let plugin = Generated::new("saving_plugin", SAVES);
    let tested = plugin.call(&synapse, "plugin test --no-crate-tests --json").arg(plugin.folder());
    let document = tested.run().code(0).document();
    assert_eq!(document["actions"][0]["examples"], 1, "{document:#}");
    assert!(!synapse.home().join("store").exists());
}

#[test]
fn failing_tests_of_the_crate_fail_the_command() {
    let plugin = divides("failing_plugin", "", "{ \"quotient\": 2 }");
    let lib = DIVIDES.replace("PURE", "").replace("EXPECTED", "{}");
    plugin.write("src/lib.rs", &format!("{lib}\n#[test]\nfn fails() {{\n    assert_eq!(1, 2);\n}}\n"));
    let ended = plugin.call(&Synapse::new(), "plugin test").arg(plugin.folder()).run().code(1);
    let ended = ended.says("1 of the crate's tests failed").says("assertion `left == right` failed");
    assert!(ended.stdout.starts_with("✗ crate's tests: 0 passed, 1 failed, 0 ignored\n"), "{ended}");
}

#[test]
fn a_bundle_a_library_and_an_installed_plugin_are_tried_without_their_crate() {
    let synapse = Synapse::new();
    let bundled = Bundled::of("greet");
    synapse.call("plugin install --trust").arg(bundled.bundle()).run().code(0);
    let tested = |call: synapse_tests::Invocation| {
        let document = call.words("--json").run().code(0).document();
        fits(&document, "test");
        assert_eq!((&document["passed"], &document["tests"]), (&json!(true), &Value::Null), "{document}");
        assert!(document["actions"][0]["valid"].as_u64() >= Some(2), "{document}");
        document["path"].clone()
    };
    for file in [bundled.bundle(), bundled.library()] {
        assert_eq!(tested(synapse.call("plugin test").arg(file)), json!(file));
    }
    let installed = synapse.home().join("plugins/greet-0.1.0.synapse");
    assert_eq!(tested(synapse.call("plugin test -p greet")), json!(installed));
    synapse.call("plugin test /nowhere.synapse").run().code(4).says("there is no plugin at /nowhere.synapse");
}
