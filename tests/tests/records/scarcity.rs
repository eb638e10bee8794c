//! Homes on disks that are full, and homes that cannot be written to.

use std::fs;

use serde_json::Value;
use synapse_tests::{Ended, Synapse, can_mount, library};

use super::act;

/// No file may grow beyond 4 KiB, which is told by an error and by no signal.
const SMALL_FILES: &str = "trap '' XFSZ; ulimit -f 8; exec \"$@\"";

/// The home is a disk of its own with 32 KiB, and the record has to be looked
/// at there: it is printed behind the result.
const SMALL_DISK: &str = r#"exec unshare -rm sh -c '
    mount -t tmpfs -o size=32k none "$SYNAPSE_HOME" || exit 99
    "$@"; code=$?
    "$1" run show last --json
    "$1" run list
    exit $code' sh "$@""#;

/// The home can be read only.
const READ_ONLY: &str = r#"exec unshare -rm sh -c '
    mount --bind "$SYNAPSE_HOME" "$SYNAPSE_HOME" && mount -o remount,bind,ro "$SYNAPSE_HOME" || exit 99
    exec "$@"' sh "$@""#;

#[track_caller]
fn assert_warned_once(ended: &Ended, warning: &str) {
    assert_eq!(ended.stderr.matches(warning).count(), 1, "`{warning}` on stderr of {ended}");
}

#[track_caller]
fn assert_incomplete(record: &Value, status: &str, why: &str) {
    assert_eq!(record["run"]["status"], status, "{record:#}");
    let incomplete = record["run"]["incomplete"].as_str().unwrap_or_default();
    assert!(incomplete.contains(why), "{incomplete}");
    assert_eq!(record["damaged_lines"], Value::Null);
    assert_eq!(record["events"][0]["data"]["content"], "0 ");
}

#[test]
fn a_run_whose_record_may_not_grow_succeeds_and_is_recorded_as_incomplete() {
    let synapse = Synapse::new();
    let ended = act(&synapse, "chatty -P count=2000 --no-debug").through(SMALL_FILES).run().code(0);
    assert_eq!(ended.stdout, "2000\n");
    assert_warned_once(&ended, "is incomplete: File too large");
    let record = synapse.last_run();
    assert_incomplete(&record, "succeeded", "File too large");
    let listed = synapse.call("run list").run().code(0);
    assert!(listed.stdout.contains("succeeded, incomplete"), "{listed}");
    let shown = synapse.call("run show last").run().code(0);
    assert!(shown.stdout.contains("record    incomplete: File too large"), "{shown}");
    // The result was not recorded, but how it ended was.
    synapse.call("run show last --follow").run().code(0);
}

#[test]
fn a_failure_whose_record_may_not_grow_keeps_its_error() {
    let synapse = Synapse::new();
    let ended = act(&synapse, "chatty -P count=-1 --json").through(SMALL_FILES).run().code(3);
    assert_eq!(synapse.last_run()["error"], ended.error());
    let missing = act(&synapse, "reads -P file=/nowhere").through("trap '' XFSZ; ulimit -f 4; exec \"$@\"");
    let ended = missing.run().code(1);
    let record = synapse.last_run();
    assert_eq!(record["run"]["status"], "failed", "{ended}");
    assert!(
        record["error"]["message"].as_str().is_some_and(|text| text.contains("No such file")),
        "{record:#}"
    );
}

#[test]
fn a_run_on_a_full_disk_succeeds_and_is_recorded_as_incomplete() {
    if !can_mount() {
        return;
    }
    let synapse = Synapse::new();
    let ended = act(&synapse, "chatty -P count=2000 --no-debug").through(SMALL_DISK).run().code(0);
    assert_warned_once(&ended, "is incomplete: No space left on device");
    let (result, rest) = ended.stdout.split_once('\n').expect("a result");
    assert_eq!(result, "2000");
    let (record, listed) = rest.split_once('\n').expect("a record");
    assert_incomplete(&serde_json::from_str(record).expect("JSON"), "succeeded", "No space left on device");
    assert!(listed.contains("succeeded, incomplete"), "{listed}");
}

#[test]
fn a_crash_on_a_full_disk_is_still_a_crash() {
    if !can_mount() {
        return;
    }
    let synapse = Synapse::new();
    let words = "chatty -P count=2000 -P crash=true --no-debug";
    let ended = act(&synapse, words).through(SMALL_DISK).run().code(139);
    let record: Value = serde_json::from_str(ended.stdout.lines().next().expect("a record")).expect("JSON");
    assert_eq!(record["run"]["status"], "crashed");
}

#[test]
fn a_full_disk_stops_no_isolated_run_and_hides_no_crash_of_one() {
    if !can_mount() {
        return;
    }
    let run = |words: &str| {
        let synapse = Synapse::new();
        let ended = act(&synapse, words).words("--isolated --no-debug").through(SMALL_DISK).run();
        assert_warned_once(&ended, "is incomplete: No space left on device");
        ended
    };
    assert!(run("chatty -P count=2000").code(0).stdout.starts_with("2000\n"));
    let ended = run("chatty -P count=2000 -P crash=true").code(1).says("segmentation fault (SIGSEGV)");
    let record: Value = serde_json::from_str(ended.stdout.lines().next().expect("a record")).expect("JSON");
    assert_eq!(record["run"]["status"], "crashed");
}

#[test]
fn a_home_that_can_only_be_read_still_runs_lists_and_shows() {
    if !can_mount() {
        return;
    }
    let synapse = Synapse::new();
    synapse.act("greet", "greet -P name=Ada").run().code(0);
    let ended = synapse.act("greet", "greet -P name=Grace").through(READ_ONLY).run().code(0);
    assert_eq!(ended.stdout, "message  Hello Grace!\n");
    assert_warned_once(&ended, "runs cannot be recorded in");
    let record = synapse.call("run show last --json").through(READ_ONLY).run().code(0).document();
    assert_eq!(record["params"]["name"], "Ada");
    synapse.call("run list").through(READ_ONLY).run().code(0);
    let again = synapse.call("run rerun last").through(READ_ONLY).run().code(0);
    assert_warned_once(&again, "runs cannot be recorded in");
    assert_eq!(synapse.runs(), 1);
}

#[test]
fn a_home_that_cannot_be_made_is_said_once() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let call = Synapse::new().act("greet", "greet -P name=Ada").env("SYNAPSE_HOME", file.path());
    assert_warned_once(&call.run().code(0), "runs cannot be recorded in");
}

#[test]
fn a_disk_without_room_for_a_start_leaves_no_half_a_record() {
    let synapse = Synapse::new();
    let call = synapse.call("plugin run").arg(library("greet")).words("greet -P name=Ada");
    let ended = call.through("trap '' XFSZ; ulimit -f 1; exec \"$@\"").run().code(0);
    assert_warned_once(&ended, "runs cannot be recorded in");
    assert_eq!(synapse.runs(), 0);
    assert_eq!(fs::read_dir(synapse.home().join("runs")).expect("the folder was made").count(), 0);
}
