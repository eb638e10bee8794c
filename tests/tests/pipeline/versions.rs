//! Nodes whose plugin is installed, and named by its code or one version of it.

use std::fs;

use serde_json::{Value, json};
use synapse_tests::Patched;

use super::Case;

/// One node that takes any version, and one that takes a certain one.
const BOTH: &str = "plugins: {pinned: greet@0.1.0}
nodes:
  newest: {plugin: greet, action: greet, params: {name: Ada}}
  old: {plugin: pinned, action: greet, params: {name: '${newest.message}'}}
output: ['${newest.message}', '${old.message}']
";

impl Case {
    /// Installs the greeter, as if this was its version, and it greeted like this.
    fn install(&self, version: &str, hello: &str) -> Value {
        let mut greeter = Patched::library("greet");
        greeter.reword("\nversion: 0.1.0\n", &format!("\nversion: {version}\n"));
        greeter.reword("GREETING: Hello", &format!("GREETING: {hello}"));
        let file = self.folder().join("libgreet.so");
        fs::write(&file, greeter.bytes()).expect("a library");
        self.synapse.call("plugin install --trust --json").arg(&file).run().code(0).document()
    }

    fn result(&self) -> Value {
        self.pipeline("run --json").run().code(0).document()["result"].clone()
    }
}

#[test]
fn a_version_is_taken_exactly_and_without_one_the_newest() {
    let case = Case::new(BOTH);
    case.install("0.1.0", "Hello");
    assert_eq!(case.result(), json!(["Hello Ada!", "Hello Hello Ada!!"]));
    for (version, hello) in [("1.0.0", "Salut"), ("0.9.0", "Nenne")] {
        assert_eq!(case.install(version, hello)["installed"]["replaced"], json!([]));
    }
    assert_eq!(case.result(), json!(["Salut Ada!", "Hello Salut Ada!!"]));
    case.pipeline("check").run().code(0);
    let graph = case.pipeline("graph --json").run().code(0).document();
    assert_eq!(graph["nodes"][1]["plugin"], "greet");
    let drawn = case.pipeline("graph").run().code(0).stdout;
    assert!(drawn.contains("old  pinned greet"), "{drawn}");
    case.synapse
        .call("plugin run greet -p greet@0.9.0 -P name=Ada")
        .run()
        .code(0)
        .prints("message  Nenne Ada!\n");
    case.synapse.call("plugin uninstall greet@0.1.0").run().code(0);
    case.pipeline("run").run().code(3);
    case.synapse.call("plugin run greet -p greet -P name=Ada").run().code(0).prints("message  Salut Ada!\n");
}

#[test]
fn a_version_that_is_not_there_says_which_are() {
    let case = Case::new(&BOTH.replace("0.1.0", "0.3.0"));
    case.install("0.1.0", "Hello");
    case.install("0.2.0", "Salut");
    let error = case.pipeline("check --json").run().code(3).error();
    let problem = &error["details"][0];
    let message = problem["message"].as_str().expect("a message");
    assert!(
        message.contains("nodes.old.plugin") && message.contains("no version `0.3.0` of plugin `greet`"),
        "{error}"
    );
    assert_eq!(problem["allowed"], "versions there are: 0.2.0, 0.1.0; write `greet@0.2.0`");
    assert_eq!(problem["pointer"].as_str().and_then(|at| at.split(':').nth(1)), Some("4"));
    let unknown = case.synapse.call("plugin run greet -p greet@0.3.0 --json").run().code(4).error();
    assert_eq!(unknown["details"]["available"], json!(["0.2.0", "0.1.0"]));
    case.synapse.call("plugin uninstall greet@0.3.0").run().code(4).says("versions there are: 0.2.0, 0.1.0");
}

#[test]
fn a_run_is_gone_on_with_in_the_version_it_names_and_a_newer_one_is_noticed() {
    let file = |plugin: &str| {
        format!(
            "nodes:
  a: {{plugin: {plugin}, action: greet, params: {{name: Ada}}}}
  b: {{plugin: PIPED, action: mark, needs: a, params: {{file: LOG, name: b, failures: 1}}}}
  c: {{plugin: {plugin}, action: greet, needs: b, params: {{name: Bob}}}}
output: ['${{a.message}}', '${{c.message}}']
"
        )
    };
    let pinned = Case::logging(&file("greet@0.1.0"));
    pinned.install("0.1.0", "Hello");
    pinned.pipeline("run").run().code(1);
    pinned.install("0.2.0", "Salut");
    let resumed = pinned.pipeline("resume last --json").run().code(0).document();
    assert_eq!(resumed["result"], json!(["Hello Ada!", "Hello Bob!"]));

    let newest = Case::logging(&file("greet"));
    newest.install("0.1.0", "Hello");
    newest.pipeline("run").run().code(1);
    newest.install("0.2.0", "Salut");
    newest.pipeline("resume last").run().code(5).says("plugin `greet` has changed since");
    let resumed = newest.pipeline("resume last --json --changed rerun").run().code(1);
    resumed.says("plugin `greet` has changed since");
    let resumed = newest.pipeline("resume last --json").run().code(0).document();
    assert_eq!(resumed["result"], json!(["Salut Ada!", "Salut Bob!"]));
}

#[test]
fn of_an_older_version_it_is_told_how_it_is_named() {
    let case = Case::new("");
    case.install("0.2.0", "Salut");
    let file = case.folder().join("libgreet.so");
    case.install("0.1.0", "Hello");
    let older = case.synapse.call("plugin install --trust").arg(&file).run().code(0);
    older.says("greet 0.2.0 is installed too: `greet` names that, `greet@0.1.0` this one");
    let listed = case.synapse.call("plugin list").run().code(0).stdout;
    assert!(listed.contains("greet-0.2.0.so; `greet@0.1.0` names it"), "{listed}");
}
