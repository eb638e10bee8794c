//! What a map costs a row: `cargo bench -p synapse-benches --bench map`. Each
//! figure is for 100,000 rows; build the command first with
//! `cargo build --release -p synapse-host --bins`.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use divan::Bencher;
use divan::counter::ItemsCount;
use serde_json::{Value, json};
use synapse_benches::{measured, measured_folder, workspace};
use synapse_host::RunRequest;
use synapse_host::author::Profile;
use synapse_host::map::{MapRequest, RowOutcome, map};
use tempfile::TempDir;

const ROWS: usize = 100_000;

fn main() {
    divan::main();
}

/// A folder with an input of greetings.
fn input() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mut rows = String::new();
    for row in 0..ROWS {
        writeln!(rows, "{{\"name\":\"guest {row}\"}}").expect("memory");
    }
    fs::write(folder.path().join("in.jsonl"), rows).expect("an input");
    folder
}

/// The limit: the lines read, parsed and written, with nothing run.
#[divan::bench(sample_count = 20)]
fn lines_read_and_written(bencher: Bencher) {
    let folder = input();
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        let rows = BufReader::new(File::open(folder.path().join("in.jsonl")).expect("the input"));
        let mut out = BufWriter::new(File::create(folder.path().join("out.jsonl")).expect("an output"));
        for (row, line) in rows.lines().enumerate() {
            let params: Value = serde_json::from_str(&line.expect("a line")).expect("JSON");
            writeln!(out, "{{\"row\":{row},\"result\":{params}}}").expect("a write");
        }
        out.flush().expect("a write");
    });
}

fn command(folder: &Path, words: &[&str]) {
    let status = Command::new(workspace().join("target/release/synapse"))
        .args(["plugin", "map"])
        .arg(&measured().image().path)
        .args(["greet", "--inputs", "in.jsonl", "--out", "out.jsonl", "--overwrite"])
        .args(words)
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.is_ok_and(|status| status.success()), "the map failed");
}

/// The whole command, from file to file.
#[divan::bench(sample_count = 20, args = [&[] as &[&str], &["--unordered"], &["--timeout", "1m"], &["-P", "formal=true"], &["--isolated"], &["--isolated", "--concurrency", "1"], &["--isolated", "--timeout", "1m"]])]
fn whole_command(bencher: Bencher, words: &[&str]) {
    let folder = input();
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| command(folder.path(), words));
}

/// From an iterator to a function.
#[divan::bench(sample_count = 20)]
fn from_rust(bencher: Bencher) {
    let run = RunRequest::new(measured_folder(), "greet").profile(Profile::Release);
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        let rows = (0..ROWS).map(|row| json!({ "name": row.to_string() }));
        let mut bytes = 0;
        let listener = |outcome: RowOutcome<'_>| bytes += outcome.result.map_or(0, str::len);
        let summary = map(MapRequest::new(run.clone()), rows, listener).expect("the map begins");
        assert_eq!(summary.succeeded, ROWS as u64);
        bytes
    });
}
