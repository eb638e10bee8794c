//! Long outputs, long params, and disks that take nothing.

use std::fs::{self, File};

use serde_json::{Value, json};
use synapse_sdk::errors::ExecutionError;

use super::super::tail::{self, TAIL_LIMIT};
use super::super::writer::{FILE, HEAD_LIMIT, LINE_LIMIT};
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
    let [gap] = run.gaps[..] else { panic!("{:?}", run.gaps) };
    let (head, tail) = numbers.split_at(gap.after);
    assert!(head.iter().copied().eq(0..gap.after));
    assert!(tail.iter().copied().eq(8_000 - tail.len()..8_000));
    assert_eq!(numbers.len() as u64 + gap.dropped, 8_000);

    let line = run.events[0].get().len() + 1;
    assert_eq!(gap.bytes, gap.dropped * line as u64);
    assert_eq!(gap.after, HEAD_LIMIT / line, "the head is full");
    let tail_bytes = (tail.len() * line) as u64;
    assert!((TAIL_LIMIT / 2..=2 * TAIL_LIMIT).contains(&tail_bytes), "{tail_bytes}");
    assert_eq!(run.run.status, Status::Succeeded);
    assert_eq!(serde_json::to_value(&run).unwrap()["gaps"][0]["dropped"], gap.dropped);
}

#[test]
fn a_process_that_is_killed_leaves_the_last_part_of_a_long_output() {
    let (_folder, home) = home();
    let mut recorder = begin(&home, 0);
    for number in 0..8_000 {
        recorder.events(&[message(&format!("{number:06}{}", "x".repeat(950)))]);
    }
    kill(recorder);
    let run = load(&home, "last").unwrap();
    assert_eq!(run.run.status, Status::Crashed);
    assert_eq!(numbers(&run).last(), Some(&7_999));
    assert_eq!(run.events.len() as u64 + run.gaps[0].dropped, 8_000);
}

#[test]
fn a_record_stays_below_its_bound_however_long_the_output() {
    let (_folder, home) = home();
    let mut recorder = begin(&home, 0);
    let long = "x".repeat(LINE_LIMIT / 2);
    for _ in 0..12 {
        recorder.events(&[message(&long), message("short"), message(&long)]);
    }
    let folder = recorder.folder().to_owned();
    recorder.finish(&DONE);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len());
    let bytes: u64 = files.sum();
    assert!(bytes < HEAD_LIMIT as u64 + 3 * TAIL_LIMIT, "{bytes}");
    let run = load(&home, "last").unwrap();
    assert_eq!(run.events.len() as u64 + run.gaps[0].dropped, 36);
}

#[test]
fn an_output_that_fits_head_and_tail_has_no_gap() {
    let (_folder, home) = home();
    let run = run_with_messages(&home, 4_800);
    assert!(run.gaps.is_empty());
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
    assert!(run.gaps.is_empty());
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

/// From now on the disk takes nothing more of the record.
fn fill_disk(recorder: &mut Recorder) -> File {
    let full = File::options().write(true).open("/dev/full").unwrap();
    std::mem::replace(&mut recorder.head.file, full)
}

#[test]
fn on_a_full_disk_a_run_is_recorded_as_what_it_was_and_as_incomplete() {
    let error = ExecutionError::new("the loss is not a number");
    let long_error = ExecutionError::new("x".repeat(10_000));
    let cases = [
        (Ok("1"), Status::Succeeded, None),
        (Err(&error), Status::Failed, Some(&error)),
        (Err(&long_error), Status::Failed, None),
    ];
    for (seconds, (outcome, status, told)) in (0..).zip(cases) {
        let (_folder, home) = home();
        let mut recorder = begin(&home, seconds);
        let record = recorder.folder().join(FILE);
        recorder.events(&[message("kept")]);
        fill_disk(&mut recorder);
        recorder.events(&[message("one")]);
        recorder.events(&[message("two")]);
        let note = recorder.finish(&RunEnd { outcome, metrics: "{}", ms: 2.5 }).unwrap();
        assert!(note.starts_with(&format!("the record {} is incomplete: ", record.display())), "{note}");
        assert!(note.contains("No space left"), "{note}");
        let run = load(&home, "last").unwrap();
        assert_eq!((run.run.status, run.run.ms, run.events.len()), (status, Some(2.5), 1));
        assert_eq!(run.damaged_lines, 0);
        assert!(run.run.incomplete.as_ref().unwrap().contains("No space left"), "{:?}", run.run);
        assert_eq!(
            run.error.as_ref().map(|error| error.get().to_owned()),
            told.map(|error| error.to_json().to_string())
        );
        assert_eq!(list(&home, 1), [run.run]);
    }
}

#[test]
fn a_disk_that_is_free_again_gets_the_last_events_and_the_end() {
    let (_folder, home) = home();
    let mut recorder = begin(&home, 0);
    recorder.events(&[message("before")]);
    let record = fill_disk(&mut recorder);
    recorder.events(&[message("lost"), message("lost too")]);
    recorder.head.file = record;
    recorder.events(&[message("after")]);
    assert!(recorder.finish(&DONE).is_some());
    let run = load(&home, "last").unwrap();
    assert_eq!((run.run.status, run.events.len()), (Status::Succeeded, 2));
    let [gap] = run.gaps[..] else { panic!("{:?}", run.gaps) };
    assert_eq!((gap.after, gap.dropped), (1, 2));
    assert!(run.events[1].get().contains("after"));
    assert!(run.run.incomplete.is_some());
    assert_eq!(run.result.unwrap().get(), "1");
}

#[test]
fn what_the_tail_could_not_take_is_counted() {
    let (_folder, home) = home();
    let mut recorder = begin(&home, 0);
    let long = "x".repeat(1000);
    let batch: Vec<Event<'_>> = (0..100).map(|_| message(&long)).collect();
    let mut events = 0;
    while tail::numbers(recorder.folder()).is_empty() {
        recorder.events(&batch);
        events += 100;
    }
    // The next file of the tail cannot be made.
    let number = tail::numbers(recorder.folder())[0] + 1;
    fs::create_dir(tail::path(recorder.folder(), number)).unwrap();
    for _ in 0..30 {
        recorder.events(&batch);
        events += 100;
    }
    fs::remove_dir(tail::path(recorder.folder(), number)).unwrap();
    recorder.events(&batch);
    events += 100;
    assert!(recorder.finish(&DONE).is_some());
    let run = load(&home, "last").unwrap();
    let dropped: u64 = run.gaps.iter().map(|gap| gap.dropped).sum();
    assert!(dropped > 0);
    assert_eq!(run.events.len() as u64 + dropped, events);
}
