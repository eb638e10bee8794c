//! `synapse pipeline resume`: what is finished never runs twice.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use synapse_tests::Patched;

use super::Case;

/// Seven nodes in a diamond with a fan-out, each a few milliseconds long.
const DIAMOND: &str = "nodes:
  a: {plugin: PIPED, action: mark, params: {file: LOG, name: a, start: 1, sleep: 3}}
  b: {plugin: PIPED, action: mark, params: {file: LOG, name: b, add: ['${a.value}', 1], sleep: 3}}
  c: {plugin: PIPED, action: mark, params: {file: LOG, name: c, add: ['${a.value}', 2], sleep: 3}}
  d: {plugin: PIPED, action: mark, for_each: [10, 20, 30], params: {file: LOG, name: 'd${index}', start: '${item}', add: ['${b.value}'], sleep: 3}}
  e: {plugin: PIPED, action: mark, params: {file: LOG, name: e, add: '${d.value}', start: '${c.value}', sleep: 3}}
output: ${e.value}
";

impl Case {
    pub(super) fn logging(text: &str) -> Self {
        let case = Self::new("");
        let log = case.folder().join("log").display().to_string();
        case.write(&text.replace("LOG", &log));
        case
    }

    /// How often each node was started.
    fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for line in self.log() {
            let name = line.split(' ').next().unwrap_or_default().to_owned();
            *counts.entry(name).or_default() += 1;
        }
        counts
    }
}

#[test]
fn a_run_that_failed_goes_on_with_what_is_left() {
    let case = Case::logging(
        "nodes:
  a: {plugin: PIPED, action: mark, params: {file: LOG, name: a, start: 7}}
  b: {plugin: PIPED, action: mark, params: {file: LOG, name: b, add: ['${a.value}'], failures: 1}}
",
    );
    case.pipeline("run").run().code(1);
    let resumed = case.pipeline("resume last --json").run().code(0).document();
    assert_eq!(resumed["result"]["b"], json!({ "value": 7, "attempt": 2, "saved": "b" }));
    assert_eq!(
        (&resumed["nodes"][0]["status"], case.log()),
        (&json!("kept"), vec!["a 1".into(), "b 1".into(), "b 2".into()])
    );
    // What has succeeded stays as it is.
    assert_eq!(case.pipeline("resume last --json").run().code(0).document()["result"], resumed["result"]);
    assert_eq!(case.log().len(), 3);
}

/// Kills the pipeline at `moments` after its start, resumes until it ends, and
/// holds that nothing ran twice but what was under way.
fn kill_and_resume(kills: u32, mut moment: impl FnMut(u32) -> Duration) {
    for round in 0..kills {
        let case = Case::logging(DIAMOND);
        let running = case.pipeline("run --jobs 2").start();
        std::thread::sleep(moment(round));
        running.signal(libc::SIGKILL);
        drop(running.wait());
        let begun = case.counts();
        if !case.synapse.home().join("pipelines").exists() {
            continue;
        }
        let resumed = case.pipeline("resume last --json --jobs 2").run();
        if resumed.stderr.contains("\"kind\":\"not_found\"")
            || resumed.stderr.contains("\"kind\":\"archive\"")
        {
            // Killed before there was a journal, or its first line.
            assert!(begun.is_empty(), "nodes ran without a journal: {begun:?}");
            continue;
        }
        let document = resumed.code(0).document();
        // 1; 2 and 3; 12, 22, 32; 3 + 66.
        assert_eq!(document["result"], 69, "round {round}");
        let counts = case.counts();
        assert_eq!(counts.len(), 7, "{counts:?}");
        let twice = counts.values().filter(|count| **count == 2).count();
        assert!(counts.values().all(|count| *count <= 2) && twice <= 2, "round {round}: {counts:?}");
    }
}

#[test]
fn killed_at_any_moment_a_run_goes_on_and_nothing_finished_runs_twice() {
    let kills = std::env::var("PIPELINE_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(20);
    // Moments spread over the whole run, by a sequence without a period.
    kill_and_resume(kills, |round| Duration::from_micros(2_000 + u64::from(round) * 61_803 % 60_000));
}

#[test]
fn of_two_resumes_at_once_one_is_refused() {
    let case = Case::logging(
        "nodes:\n  a: {plugin: PIPED, action: mark, params: {file: LOG, name: a, sleep: 1500, failures: 1}}\n",
    );
    case.pipeline("run").run().code(1);
    let mut first = case.pipeline("resume last").start();
    first.until_it_says("a started");
    let refused = case.pipeline("resume last --json").run().code(1).error();
    assert!(
        refused["message"].as_str().expect("a message").contains("going on in another process"),
        "{refused}"
    );
    first.wait().code(0);
    assert_eq!(case.log(), ["a 1", "a 2"]);
}

#[test]
fn a_plugin_built_anew_since_is_noticed() {
    let plugin = tempfile::tempdir().expect("a folder");
    let library = plugin.path().join("libpiped.so");
    fs::write(&library, Patched::library("piped").bytes()).expect("the library");
    let case = Case::logging(&format!(
        "nodes:
  a: {{plugin: {0}, action: mark, params: {{file: LOG, name: a, start: 7}}}}
  b: {{plugin: {0}, action: mark, params: {{file: LOG, name: b, add: ['${{a.value}}'], failures: 1}}}}
",
        library.display()
    ));
    case.pipeline("run").run().code(1);
    let mut bytes = fs::read(&library).expect("the library");
    bytes.extend(b"another build");
    fs::write(&library, bytes).expect("the library is written");
    let refused = case.pipeline("resume last --json").run().code(5).error();
    assert!(
        refused["message"].as_str().expect("a message").contains("`piped` has changed since"),
        "{refused}"
    );
    case.pipeline("resume last --changed rerun").run().code(1).says("has changed since");
    assert_eq!(case.log(), ["a 1", "b 1", "a 1", "b 1"]);
    case.pipeline("resume last --changed keep").run().code(0);
    assert_eq!(case.log().len(), 5);
}

#[test]
fn a_journal_that_cannot_be_written_stops_the_run_and_can_be_gone_on_with() {
    let case = Case::logging(DIAMOND);
    // No file may grow beyond a few blocks: as on a full disk.
    let full = case.pipeline("run --jobs 1").through("trap '' XFSZ; ulimit -f 4; exec \"$@\"").run().code(1);
    assert!(full.stderr.contains("cannot be written"), "{full}");
    let before = case.log().len();
    let resumed = case.pipeline("resume last --json").run().code(0).document();
    assert_eq!(resumed["result"], 69);
    assert!(case.log().len() <= before + 7 && case.counts().values().all(|count| *count <= 2));
}

#[test]
fn a_home_that_cannot_be_written_to_says_so_before_anything_runs() {
    let case = Case::logging(DIAMOND);
    let closed = case.folder().join("closed");
    fs::create_dir(&closed).expect("a folder");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).expect("its mode");
    let refused = case.pipeline("run --json").env("SYNAPSE_HOME", &closed).bound_by_modes().run().code(1);
    let error = refused.error();
    assert!(error["message"].as_str().is_some_and(|text| text.contains("no folder for the run")), "{error}");
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("SYNAPSE_HOME")), "{error}");
    assert_eq!((case.log().len(), fs::read_dir(&closed).expect("the folder").count()), (0, 0));
}

#[test]
fn with_full_sync_each_line_of_the_journal_reaches_the_disk_before_the_run_goes_on() {
    let case = Case::logging(DIAMOND);
    let journals = || {
        let runs = fs::read_dir(case.synapse.home().join("pipelines")).expect("runs").flatten();
        let mut all: Vec<_> = runs.map(|run| run.path().join("journal")).collect();
        all.sort();
        all
    };
    let traced = |words: &str| -> String {
        let trace = case.folder().join("trace");
        let script =
            format!("exec strace -f -y -e trace=write,fdatasync,fsync -o {} \"$@\"", trace.display());
        assert_eq!(case.pipeline(words).through(&script).run().code(0).document()["result"], 69);
        fs::read_to_string(trace).expect("the trace")
    };
    if !can_trace() {
        assert_eq!(case.pipeline("run --json --sync full").run().code(0).document()["result"], 69);
        return;
    }
    assert!(!traced("run --json").contains("sync("), "a run without it waits for no disk");
    let full = traced("run --json --sync full");
    let journal = journals().pop().expect("a journal");
    let lines = fs::read_to_string(&journal).expect("a journal").lines().count();
    let of_journal = full.lines().filter(|line| line.contains(&format!("{}>", journal.display())));
    let calls: Vec<&str> = of_journal.filter(|line| !line.contains("resumed>")).collect();
    let written = calls.iter().filter(|line| line.contains(" write(")).count();
    // One after another, whichever thread writes.
    assert!(
        calls.chunks(2).all(|pair| pair[0].contains(" write(") && pair[1].contains("sync(")),
        "{calls:#?}"
    );
    assert_eq!((written, calls.len()), (lines, 2 * lines), "{calls:#?}");
    // That the file is there at all is for its folder to say.
    let folder = journal.parent().expect("a folder").display().to_string();
    assert!(
        full.lines().any(|line| line.contains("fsync(") && line.contains(&format!("{folder}>"))),
        "{full}"
    );
}

/// Whether calls of another process to the system can be seen here.
fn can_trace() -> bool {
    let tried = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    let can = tried.is_ok_and(|status| status.success());
    if !can {
        eprintln!("strace is not there or may not trace: that the disk is waited for is not tested");
    }
    can
}

#[test]
fn runs_that_are_not_there_or_damaged_say_so() {
    let case = Case::logging(DIAMOND);
    case.pipeline("resume 2026").run().code(4);
    case.pipeline("run --no-journal").run().code(0);
    case.pipeline("resume last").run().code(4).says("has no journal");
    case.pipeline("run").run().code(0);
    let runs = case.synapse.home().join("pipelines");
    let mut all: Vec<_> = fs::read_dir(runs).expect("runs").flatten().map(|entry| entry.path()).collect();
    all.sort();
    let journal = all.last().expect("a run").join("journal");
    let mut bytes = fs::read(&journal).expect("a journal");
    let middle = bytes.iter().position(|byte| *byte == b'\n').expect("a line") + 20;
    bytes[middle] ^= 1;
    fs::write(&journal, bytes).expect("written");
    case.pipeline("resume last").run().code(5).says("is damaged at line 2");
}

/// Random graphs: each node adds what those before it gave.
fn random_graph(seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut text = "nodes:\n".to_owned();
    let count = 2 + next(10);
    for node in 0..count {
        let mut add = Vec::new();
        for earlier in 0..node {
            if next(3) == 0 {
                add.push(format!("'${{n{earlier}.value}}'"));
            }
        }
        let condition = if node > 0 && next(5) == 0 {
            format!("if: '${{n0.value}} > {}', ", next(40))
        } else {
            String::new()
        };
        let add = add
            .iter()
            .map(|one| one.replace(".value}", ".value ?? n0.value}"))
            .collect::<Vec<_>>()
            .join(", ");
        let _ = writeln!(
            text,
            "  n{node}: {{plugin: PIPED, action: mark, {condition}params: {{file: LOG, name: n{node}, start: {}, add: [{add}], sleep: {}}}}}",
            next(50),
            next(4)
        );
    }
    text
}

#[test]
fn random_graphs_give_the_same_whatever_runs_at_once() {
    let started = Instant::now();
    for seed in 1..=12 {
        let case = Case::logging(&random_graph(seed));
        let result = |jobs: u32| -> Value {
            let ran = case.pipeline(&format!("run --json --jobs {jobs}")).run().code(0).document();
            let nodes = ran["nodes"].as_array().expect("nodes").iter();
            let statuses: Vec<Value> = nodes.map(|node| json!([node["name"], node["status"]])).collect();
            json!([ran["result"], statuses])
        };
        let one = result(1);
        assert_eq!(one, result(4), "seed {seed} after {:?}", started.elapsed());
        assert_eq!(one, result(16), "seed {seed}");
    }
}
