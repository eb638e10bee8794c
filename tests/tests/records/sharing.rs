//! Processes that share a home.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;

use serde_json::json;
use synapse_tests::Synapse;

use super::{statuses, ticking};

const PROCESSES: usize = 8;
const EACH: usize = 25;

/// Runs `greet` from as many processes at once, one after the other in each.
fn crowd(synapse: &Synapse, keep: &str) {
    thread::scope(|scope| {
        for process in 0..PROCESSES {
            scope.spawn(move || {
                for number in 0..EACH {
                    let words = format!("greet --json -P name=guest-{process}-{number}");
                    let ended = synapse.act("greet", &words).env("SYNAPSE_KEEP_RUNS", keep).run().code(0);
                    assert!(!ended.stderr.contains("record"), "{ended}");
                }
            });
        }
    });
}

#[test]
fn records_of_a_crowd_are_all_whole() {
    let synapse = Synapse::new();
    crowd(&synapse, "1000");
    let listed = synapse.call("run list --json --limit 1000").run().code(0).document();
    let runs = listed["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), PROCESSES * EACH);
    let mut names = Vec::new();
    for run in runs {
        let id = run["id"].as_str().expect("an id");
        let record =
            fs::read_to_string(synapse.home().join("runs").join(id).join("run.jsonl")).expect("a record");
        let lines: Vec<serde_json::Value> =
            record.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
        let [start, event, end] = &lines[..] else { panic!("{record}") };
        let name = start["params"]["name"].as_str().expect("a name").to_owned();
        assert_eq!(event["data"]["content"], json!(format!("Hello {name}!")));
        assert_eq!(end["result"]["message"], event["data"]["content"]);
        names.push(name);
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), PROCESSES * EACH);
}

#[test]
fn a_crowd_keeps_to_the_bound() {
    let synapse = Synapse::new();
    crowd(&synapse, "10");
    let left = fs::read_dir(synapse.home().join("runs")).expect("the folder of runs").count();
    assert_eq!(left, 10, "half a record would count as well");
    assert_eq!(statuses(&synapse, "--limit 1000"), ["succeeded"; 10]);
}

#[test]
fn a_run_that_goes_on_is_not_removed_by_others() {
    let synapse = Synapse::new();
    let (running, file) = ticking(&synapse);
    for _ in 0..3 {
        synapse.act("greet", "greet -P name=Ada").env("SYNAPSE_KEEP_RUNS", "1").run().code(0);
    }
    assert_eq!(statuses(&synapse, ""), ["succeeded", "running"]);
    fs::write(file, "").expect("a file");
    running.wait().code(0);
    assert_eq!(statuses(&synapse, ""), ["succeeded", "succeeded"]);
}

/// As in a container or on another machine: its process has no number here.
#[test]
fn a_run_under_other_process_numbers_is_seen_as_running() {
    let tried = Command::new("unshare").args(["-rpf", "true"]).stderr(Stdio::null()).status();
    if !tried.is_ok_and(|status| status.success()) {
        eprintln!("this system does not let everybody number processes anew");
        return;
    }
    let synapse = Synapse::new();
    let file = synapse.home().join("enough");
    let ticks = super::act(&synapse, "ticks --json -P").arg(format!("file={}", file.display()));
    let mut running = ticks.through("exec unshare -rpf \"$@\"").start();
    running.until_it_says("tick 0");
    assert_eq!(statuses(&synapse, ""), ["running"]);
    fs::write(file, "").expect("a file");
    running.wait().code(0);
    assert_eq!(statuses(&synapse, ""), ["succeeded"]);
}
