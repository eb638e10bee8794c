//! `synapse plugin run --watch`.

use synapse_tests::{Generated, Invocation, Synapse};

/// `say` says a text and ends; `stay` says it and goes on until it is asked to
/// stop.
fn lib(text: &str) -> String {
    format!(
        "use synapse_sdk::prelude::*;\n\n#[action]\nfn say(_: (), ctx: &Context) -> Result<String> {{\n    \
         ctx.log_message(\"saying {text}\", \"info\");\n    Ok(\"{text}\".to_owned())\n}}\n\n#[action]\n\
         fn stay(_: (), ctx: &Context) -> Result<()> {{\n    ctx.log_message(\"staying {text}\", \"info\");\n    \
         for round in 0..100_000 {{\n        ctx.set_progress(round, 100_000, \"stay\")?;\n        \
         std::thread::sleep(std::time::Duration::from_millis(10));\n    }}\n    Ok(())\n}}\n\n\
         synapse_sdk::export_plugin!(say, stay);\n"
    )
}

fn watch(plugin: &Generated, synapse: &Synapse, action: &str) -> Invocation {
    plugin.act(synapse, action).words("--watch")
}

#[test]
fn a_plugin_runs_again_on_every_save_also_after_one_that_does_not_compile() {
    let (plugin, synapse) = (Generated::new("watched", &lib("one")), Synapse::new());
    let mut watching = watch(&plugin, &synapse, "say").start();
    watching.until_it_says("saying one");
    watching.until_it_says("done · waiting for a save");
    plugin.write("src/lib.rs", "this is no Rust");
    watching.until_it_says("src/lib.rs changed");
    watching.until_it_says("ended with exit code 1 · waiting");
    plugin.write("src/lib.rs", &lib("two"));
    watching.until_it_says("saying two");
    // What cannot be read is an error of that run, too.
    plugin.write("config.yaml", "name: 1");
    watching.until_it_says("ended with exit code 3 · waiting");
    watching.signal(libc::SIGINT);
    let ended = watching.wait().code(130);
    assert_eq!(ended.stdout, "one\ntwo\n", "{ended}");
}

#[test]
fn a_run_that_goes_on_is_stopped_by_a_save_and_by_an_interrupt() {
    let (plugin, synapse) = (Generated::new("watched_long", &lib("one")), Synapse::new());
    let mut watching = watch(&plugin, &synapse, "stay").start();
    watching.until_it_says("staying one");
    plugin.write("src/lib.rs", &lib("two"));
    watching.until_it_says("changed: the run is stopped");
    watching.until_it_says("staying two");
    watching.signal(libc::SIGINT);
    watching.wait().code(130).says("stopping; once more ends it at once");
    let runs = synapse.call("run list --json").run().code(0).document();
    let statuses: Vec<_> =
        runs["runs"].as_array().expect("a list").iter().map(|run| &run["status"]).collect();
    assert_eq!(statuses, ["cancelled", "cancelled"]);
}

#[test]
fn a_crash_ends_that_run_only() {
    let crash = "use synapse_sdk::prelude::*;\n\n#[action]\nfn say(_: (), _: &Context) -> Result<()> {\n    \
                 std::process::abort()\n}\n\nsynapse_sdk::export_plugin!(say);\n";
    let (plugin, synapse) = (Generated::new("watched_crash", crash), Synapse::new());
    let mut watching = watch(&plugin, &synapse, "say").start();
    watching.until_it_says("ended with exit code 134 · waiting");
    plugin.write("src/lib.rs", &lib("mended"));
    watching.until_it_says("saying mended");
    watching.signal(libc::SIGTERM);
    watching.wait().code(143);
}
