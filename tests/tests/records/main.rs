//! Records through the command: what runs leave behind, and what becomes of it.

mod crashes;
mod following;
mod rerunning;
mod scarcity;
mod sharing;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::{Value, json};
use synapse_tests::{Generated, Invocation, Running, Synapse};

/// Actions that report much, or for as long as a test wants.
const LIB: &str = r#"//! Reports.

use std::path::Path;
use std::time::Duration;

use synapse_sdk::prelude::*;

/// How much to say, and how to end.
#[params]
pub struct Chat {
    /// Messages
    count: u32,
    /// Bytes that each has at least
    #[param(default = 0)]
    bytes: u32,
    /// Whether to write where nothing can be written, in the end
    #[param(default = false)]
    crash: bool,
}

/// Says `count` things as quickly as it can.
#[action]
fn chatty(params: Chat, ctx: &Context) -> Result<u32> {
    let padding = ".".repeat(params.bytes as usize);
    for number in 0..params.count {
        ctx.log_message(format!("{number} {padding}"), ());
    }
    if params.crash {
        let nowhere = std::hint::black_box(std::ptr::without_provenance_mut::<u8>(4096));
        // SAFETY: none: this is the fault the action is there for.
        unsafe { nowhere.write_volatile(1) };
    }
    Ok(params.count)
}

/// What to wait for.
#[params]
pub struct Wait {
    /// A file
    file: String,
}

/// Ticks until a file is there.
#[action]
fn ticks(params: Wait, ctx: &Context) -> Result<u32> {
    for tick in 0..6_000 {
        ctx.log_message(format!("tick {tick}"), ());
        ctx.set_progress(tick, 6_000, "tick")?;
        if Path::new(&params.file).exists() {
            return Ok(tick);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Err(ExecutionError::new("the file never came"))
}

/// Gives what a file holds.
#[action]
fn reads(params: Wait, _ctx: &Context) -> Result<String> {
    Ok(std::fs::read_to_string(&params.file)?)
}

synapse_sdk::export_plugin!(chatty, ticks, reads);
"#;

/// The library of a plugin with the actions above.
fn library() -> &'static Path {
    static BUILT: OnceLock<(Generated, PathBuf)> = OnceLock::new();
    let build = || {
        let plugin = Generated::new("reporting", LIB);
        let synapse = Synapse::new();
        plugin.act(&synapse, "chatty -P count=1").run().code(0);
        let library = synapse.last_run()["library"].as_str().expect("the library is recorded").into();
        (plugin, library)
    };
    &BUILT.get_or_init(build).1
}

fn act(synapse: &Synapse, words: &str) -> Invocation {
    synapse.call("plugin run").arg(library()).words(words)
}

/// An action that ticks until a file is there: the run and the file.
fn ticking(synapse: &Synapse) -> (Running, PathBuf) {
    let file = synapse.home().join("enough");
    let mut running = act(synapse, "ticks --json -P").arg(format!("file={}", file.display())).start();
    running.until_it_says("tick 0");
    (running, file)
}

fn statuses(synapse: &Synapse, words: &str) -> Vec<Value> {
    let listed = synapse.call("run list --json").words(words).run().code(0).document();
    listed["runs"].as_array().into_iter().flatten().map(|run| run["status"].clone()).collect()
}

/// The texts of the messages in a record.
fn messages(record: &Value) -> Vec<String> {
    let events = record["events"].as_array().expect("events").iter();
    events.filter_map(|event| event["data"]["content"].as_str()).map(str::to_owned).collect()
}

#[test]
fn a_list_is_narrowed_by_plugin_action_and_status() {
    let synapse = Synapse::new();
    synapse.act("greet", "greet -P name=Ada").run().code(0);
    synapse.act("misbehave", "fail -P how=own").run().code(1);
    synapse.act("misbehave", "panics").run().code(1);
    synapse.act("misbehave", "events").run().code(0);
    assert_eq!(statuses(&synapse, "--plugin misbehave"), ["succeeded", "failed", "failed"]);
    assert_eq!(statuses(&synapse, "-p misbehave --limit 2"), ["succeeded", "failed"]);
    assert_eq!(statuses(&synapse, "--action greet"), ["succeeded"]);
    assert_eq!(statuses(&synapse, "--status failed"), ["failed", "failed"]);
    assert_eq!(statuses(&synapse, "-s failed -s succeeded -n 3"), ["succeeded", "failed", "failed"]);
    assert_eq!(statuses(&synapse, "--plugin other"), Vec::<Value>::new());
    let none = synapse.call("run list --status crashed").run().code(0);
    none.prints("no such runs: `synapse run list` shows all\n");
    synapse.call("run list --status lost").run().code(2).says("[possible values: running, succeeded");
}

#[test]
fn a_record_says_what_ran() {
    let synapse = Synapse::new();
    let folder = library().parent().expect("a library lies in a folder");
    let name = library().file_name().expect("a library has a name").to_string_lossy().into_owned();
    let words = format!("plugin run ./{name} chatty -P count=2 --timeout 90s");
    synapse.call(&words).within(folder).run().code(0);
    let record = synapse.last_run();
    assert_eq!(record["target"], json!(library()), "relative paths are made absolute");
    assert_eq!(record["library"], json!(library()));
    assert_eq!(record["folder"], json!(folder));
    assert_eq!(record["version"], "0.1.0");
    assert_eq!(record["request"]["timeout"]["secs"], 90);
    let sum = std::process::Command::new("sha256sum").arg(library()).output().expect("sha256sum is there");
    let sum = String::from_utf8_lossy(&sum.stdout).into_owned();
    assert_eq!(record["sha256"].as_str(), sum.split(' ').next());
    let shown = synapse.call("run show last").run().code(0).stdout;
    assert!(shown.contains("plugin    reporting 0.1.0\n"), "{shown}");
    assert!(shown.contains(&format!("from      {}\n", library().display())), "{shown}");
}
