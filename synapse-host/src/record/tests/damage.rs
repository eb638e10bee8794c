//! Records that were cut off, overwritten or never written.

use std::fs;

use super::super::writer::FILE;
use super::super::{Status, list, load};
use super::*;

#[test]
fn a_record_cut_at_any_byte_is_shown_as_far_as_it_goes() {
    let (_folder, home) = home();
    let mut recorder = begin(&home, 0);
    recorder.events(&[message("one"), message("two\"\\ü")]);
    let file = recorder.folder().join(FILE);
    recorder.finish(&DONE);
    let whole = fs::read(&file).unwrap();
    let lines_before = |cut: usize| whole[..cut].iter().filter(|byte| **byte == b'\n').count();

    for cut in 0..=whole.len() {
        fs::write(&file, &whole[..cut]).unwrap();
        let (status, events) = match lines_before(cut) {
            0 => (Status::Damaged, 0),
            4 => (Status::Succeeded, 2),
            lines => (Status::Crashed, lines - 1),
        };
        let listed = list(&home, 10);
        let run = load(&home, "last").unwrap();
        assert_eq!((listed.len(), listed[0].status), (1, status), "cut at {cut}");
        assert_eq!((run.run.status, run.events.len()), (status, events), "cut at {cut}");
        assert_eq!(run.run, listed[0], "cut at {cut}");
        assert_eq!(run.params.is_some(), status != Status::Damaged, "cut at {cut}");
        assert_eq!(run.damaged_lines, 0, "cut at {cut}");
    }
}

#[test]
fn a_record_with_any_byte_overwritten_is_still_listed_and_shown() {
    let (_folder, home) = home();
    let mut recorder = begin(&home, 0);
    recorder.events(&[message("one")]);
    let file = recorder.folder().join(FILE);
    recorder.finish(&DONE);
    let whole = fs::read(&file).unwrap();
    let in_blanks = |at: usize| whole[at] == b' ' && whole[at - 1] == b' ';
    for at in (0..whole.len()).filter(|at| !in_blanks(*at)) {
        for byte in [0, b'\n', b'"', 0xff] {
            let mut damaged = whole.clone();
            damaged[at] = byte;
            fs::write(&file, damaged).unwrap();
            assert_eq!(list(&home, 10).len(), 1, "{byte} at {at}");
            assert!(load(&home, "last").is_ok(), "{byte} at {at}");
        }
    }
}

#[test]
fn damaged_lines_are_counted_and_the_others_shown() {
    let (_folder, home) = home();
    let mut recorder = begin(&home, 0);
    recorder.events(&[message("one"), message("two")]);
    let file = recorder.folder().join(FILE);
    recorder.finish(&DONE);
    let text = fs::read_to_string(&file).unwrap();
    let middle = text.lines().nth(1).unwrap();
    fs::write(&file, text.replace(middle, "\u{0}\u{0}")).unwrap();
    let run = load(&home, "last").unwrap();
    assert_eq!((run.damaged_lines, run.events.len(), run.run.status), (1, 1, Status::Succeeded));
    assert_eq!(serde_json::to_value(&run).unwrap()["damaged_lines"], 1);
}

#[test]
fn a_record_that_does_not_say_what_ran_is_listed_as_damaged() {
    let (_folder, home) = home();
    let recorder = begin(&home, 0);
    let id = recorder.id().to_owned();
    fs::remove_file(recorder.folder().join(FILE)).unwrap();
    let run = &list(&home, 10)[0];
    assert_eq!((&run.id, run.status, &run.plugin), (&id, Status::Damaged, &None));
    let run = load(&home, &id).unwrap();
    assert_eq!((run.run.status, run.events.len()), (Status::Damaged, 0));
}

#[test]
fn what_else_lies_among_the_runs_is_not_listed() {
    let (_folder, home) = home();
    let id = done(&home, 0);
    fs::create_dir(home.runs().join("notes")).unwrap();
    fs::write(home.runs().join("20260131-120000-00000"), "a file").unwrap();
    assert_eq!(ids(&home), [id]);
}

#[test]
fn a_line_longer_than_what_is_read_at_once_is_found() {
    let (_folder, home) = home();
    for (seconds, length) in [(0, 4_000), (1, 4_096), (2, 40_000), (3, 300_000)] {
        let long = format!("\"{}\"", "x".repeat(length));
        let mut recorder = begin_with(&home, seconds, &long);
        recorder.events(&[message(&long)]);
        assert_eq!(list(&home, 1)[0].status, Status::Running);
        recorder.finish(&super::super::RunEnd { outcome: Ok(&long), metrics: "{}", ms: 2.0 });
        assert_eq!((list(&home, 1)[0].status, list(&home, 1)[0].ms), (Status::Succeeded, Some(2.0)));
    }
}
