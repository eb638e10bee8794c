//! Long outputs, long params, and disks that take nothing.

use std::fs::{self, File, OpenOptions};

use serde_json::{Value, json};
use synapse_sdk::errors::ExecutionError;

use super::super::writer::{HEAD_LIMIT, LINE_LIMIT, TAIL_LIMIT};
use super::super::{FullRun, RunEnd, Status, load};
use super::*;

/// Records `count` messages of about 1 KiB, numbered from 0.
fn run_with_messages(home: &Home, count: usize) -> FullRun {
    let mut recorder = begin(home, 0);
    let texts: Vec<String> = (0..count).map(|number| format!("{number:06}{}", "x".repeat(950))).collect();
    for batch in texts.chunks(100) {
        let events: Vec<Event<'_>> = batch.iter().map(|text| message(text)).collect();
        recorder.events(&events);
    }
    recorder.finish(&DONE);
    load(home, "last").unwrap()
}

fn numbers(run: &FullRun) -> Vec<usize> {
    let value = |event: &str| serde_json::from_str::<Value>(event).unwrap();
    let content = |event: &str| value(event)["data"]["content"].as_str().unwrap()[..6].parse().unwrap();
    run.events.iter().map(|event| content(event.get())).collect()
}

#[test]
fn of_a_long_output_the_first_and_the_last_part_stay() {
    let (_folder, home) = home();
    let run = run_with_messages(&home, 8_000);
    let numbers = numbers(&run);
    let gap = run.gap.unwrap();
    let (head, tail) = numbers.split_at(gap.after);
    assert!(head.iter().copied().eq(0..gap.after));
    assert!(tail.iter().copied().eq(8_000 - tail.len()..8_000));
    assert_eq!(numbers.len() as u64 + gap.dropped, 8_000);

    let line = run.events[0].get().len() + 1;
    assert_eq!(gap.bytes, gap.dropped * line as u64);
    assert_eq!(gap.after, HEAD_LIMIT / line, "the head is full");
    assert_eq!(tail.len(), TAIL_LIMIT / line, "the tail is full");
    assert_eq!(run.run.status, Status::Succeeded);
    assert_eq!(serde_json::to_value(&run).unwrap()["gap"]["dropped"], gap.dropped);
    let last_line = fs::read_to_string(home.runs().join(&run.run.id).join(FILE)).unwrap();
    let end: Value = serde_json::from_str(last_line.lines().last().unwrap()).unwrap();
    assert_eq!(end["dropped"], gap.dropped);
}

#[test]
fn an_output_that_fits_head_and_tail_has_no_gap() {
    let (_folder, home) = home();
    let run = run_with_messages(&home, 4_800);
    assert!(run.gap.is_none());
    assert!(numbers(&run).into_iter().eq(0..4_800));
}

#[test]
fn a_huge_event_is_named_in_its_place() {
    let (_folder, home) = home();
    let mut recorder = begin(&home, 0);
    let (huge, huge_name) = ("x".repeat(5 << 20), "n".repeat(2 << 20));
    let body = EventBody::Log {
        name: "visualization".into(),
        level: Level::Debug,
        data: format!("\"{huge}\"").into(),
        file: None,
    };
    let nameless =
        EventBody::Log { name: huge_name.as_str().into(), level: Level::Info, data: "1".into(), file: None };
    recorder.events(&[
        message("before"),
        Event { time: NOON, step: Some("draw".into()), body },
        Event { time: NOON, step: Some(huge_name.as_str().into()), body: nameless },
        message("after"),
    ]);
    recorder.finish(&DONE);
    let run = load(&home, "last").unwrap();
    let events = serde_json::to_value(&run.events).unwrap();
    assert_eq!(events.as_array().unwrap().len(), 4);
    assert!(events[1]["left_out"].as_u64().unwrap() > 5 << 20);
    let mut named = events[1].clone();
    named["left_out"].take();
    assert_eq!(
        named,
        json!({"event": "visualization", "datetime": "2026-01-31T12:00:00.000000Z", "level": "debug",
               "step": "draw", "left_out": null})
    );
    assert_eq!(events[2]["event"], "log");
    assert_eq!(events[3]["data"]["content"], "after");
    assert!(run.gap.is_none());
}

#[test]
fn long_params_results_metrics_and_errors_lie_beside_the_record() {
    let (_folder, home) = home();
    let long = format!("\"{}\"", "x".repeat(LINE_LIMIT));
    let recorder = begin_with(&home, 0, &long);
    let path = recorder.folder().to_owned();
    recorder.finish(&RunEnd { outcome: Ok(&long), metrics: &long, ms: 1.0 });
    let run = load(&home, "last").unwrap();
    for (part, file) in
        [(&run.params, "params.json"), (&run.result, "result.json"), (&run.metrics, "metrics.json")]
    {
        assert_eq!(part.as_ref().unwrap().get(), long, "{file}");
        assert_eq!(fs::read_to_string(path.join(file)).unwrap(), long);
    }
    assert!(fs::metadata(path.join(FILE)).unwrap().len() < 4096);

    let error = ExecutionError::new(&long);
    begin(&home, 1).finish(&RunEnd { outcome: Err(&error), metrics: "{}", ms: 1.0 });
    let run = load(&home, "last").unwrap();
    assert_eq!(run.error.unwrap().get(), error.to_json().to_string());
}

#[test]
fn params_of_exactly_the_limit_stay_in_the_record() {
    let (_folder, home) = home();
    let longest = format!("\"{}\"", "x".repeat(LINE_LIMIT - 2));
    let recorder = begin_with(&home, 0, &longest);
    assert!(!recorder.folder().join("params.json").exists());
    recorder.finish(&RunEnd { outcome: Ok(&longest), metrics: "{}", ms: 1.0 });
    assert_eq!(list(&home, 1)[0].status, Status::Succeeded);
    assert_eq!(load(&home, "last").unwrap().result.unwrap().get(), longest);
}

#[test]
fn a_part_that_is_gone_is_missing_and_no_error() {
    let (_folder, home) = home();
    let recorder = begin_with(&home, 0, &format!("\"{}\"", "x".repeat(LINE_LIMIT)));
    fs::remove_file(recorder.folder().join("params.json")).unwrap();
    recorder.finish(&DONE);
    let run = load(&home, "last").unwrap();
    assert!(run.params.is_none());
    assert_eq!(run.run.status, Status::Succeeded);
}

#[test]
fn a_home_that_cannot_be_written_to_is_said_and_reads_as_empty() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for home in [Home::at(file.path()), Home::at("/proc/synapse")] {
        let error = Recorder::create(&home, &start(NOON, "{}", &Env::new())).unwrap_err();
        let said = error.to_string();
        assert!(said.contains(&home.runs().display().to_string()), "{said}");
        assert!(said.ends_with("set SYNAPSE_HOME to a folder that can be written to"), "{said}");
        assert_eq!(list(&home, 10), []);
        assert_eq!(load(&home, "last").unwrap_err().kind(), synapse_sdk::ErrorKind::NotFound);
    }
}

#[test]
fn a_full_disk_is_said_once_at_the_end() {
    let (_folder, home) = home();
    let mut recorder = begin(&home, 0);
    let record = recorder.folder().join(FILE);
    recorder.file = File::options().write(true).open("/dev/full").unwrap();
    recorder.events(&[message("one")]);
    recorder.events(&[message("two")]);
    let note = recorder.finish(&DONE).unwrap();
    assert!(note.starts_with(&format!("the record {} is incomplete: ", record.display())), "{note}");
    assert!(note.contains("No space left"), "{note}");
}

#[test]
fn a_disk_that_is_free_again_gets_the_last_events_and_the_end() {
    let (_folder, home) = home();
    let mut recorder = begin(&home, 0);
    recorder.events(&[message("before")]);
    let record = OpenOptions::new().append(true).open(recorder.folder().join(FILE)).unwrap();
    recorder.file = File::options().write(true).open("/dev/full").unwrap();
    recorder.events(&[message("lost"), message("lost too")]);
    recorder.events(&[message("after")]);
    recorder.file = record;
    assert!(recorder.finish(&DONE).is_some());
    let run = load(&home, "last").unwrap();
    let gap = run.gap.unwrap();
    assert_eq!((run.run.status, run.events.len()), (Status::Succeeded, 2));
    assert_eq!((gap.after, gap.dropped), (1, 2));
    assert!(run.events[1].get().contains("after"));
}
