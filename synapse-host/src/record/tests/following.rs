//! Reading a record while it is written.

use std::fs;

use super::super::tail;
use super::super::writer::FILE;
use super::super::{Follower, Seen, follow};
use super::*;

/// What a look tells: texts of messages, and how many are missing.
fn look(follower: &mut Follower) -> Option<Vec<String>> {
    let told = |seen| match seen {
        Seen::Event(Event { body: EventBody::Message { text, .. }, .. }) => text.into_owned(),
        Seen::Event(event) => panic!("{event:?}"),
        Seen::Missing(count) => format!("{count} missing"),
    };
    Some(follower.poll().unwrap()?.into_iter().map(told).collect())
}

fn all(follower: &mut Follower) -> Vec<String> {
    std::iter::from_fn(|| look(follower)).flatten().collect()
}

#[test]
fn each_event_is_told_once_until_the_run_has_ended() {
    let (_folder, home) = home();
    let mut recorder = begin(&home, 0);
    recorder.events(&[message("before")]);
    let mut follower = follow(&home, "last").unwrap();
    assert_eq!(follower.id(), recorder.id());
    assert_eq!(look(&mut follower).unwrap(), ["before"]);
    assert_eq!(look(&mut follower).unwrap(), [""; 0]);
    recorder.events(&[message("one"), message("two")]);
    assert_eq!(look(&mut follower).unwrap(), ["one", "two"]);
    recorder.events(&[message("last")]);
    recorder.finish(&DONE);
    assert_eq!(look(&mut follower).unwrap(), ["last"]);
    assert_eq!(look(&mut follower), None);
}

#[test]
fn a_run_that_is_over_is_told_from_its_start() {
    let (_folder, home) = home();
    let mut recorder = begin(&home, 0);
    recorder.events(&[message("one"), message("two")]);
    recorder.finish(&DONE);
    assert_eq!(all(&mut follow(&home, "last").unwrap()), ["one", "two"]);
}

#[test]
fn a_run_whose_process_is_killed_is_over() {
    let (_folder, home) = home();
    let mut recorder = begin(&home, 0);
    let mut follower = follow(&home, "last").unwrap();
    assert_eq!(look(&mut follower).unwrap(), [""; 0]);
    recorder.events(&[message("one")]);
    kill(recorder);
    assert_eq!(all(&mut follower), ["one"]);
}

#[test]
fn half_a_line_is_told_when_it_is_whole() {
    let (_folder, home) = home();
    let mut recorder = begin(&home, 0);
    recorder.events(&[message("one"), message("two")]);
    let file = recorder.folder().join(FILE);
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 10]).unwrap();
    let mut follower = follow(&home, "last").unwrap();
    assert_eq!(look(&mut follower).unwrap(), ["one"]);
    fs::write(&file, &whole).unwrap();
    assert_eq!(look(&mut follower).unwrap(), ["two"]);
}

/// Records messages with the numbers `numbers`, of about 1 KiB each.
fn record(recorder: &mut Recorder, numbers: std::ops::Range<usize>) {
    let texts: Vec<String> = numbers.map(|number| format!("{number:06}{}", "x".repeat(950))).collect();
    for batch in texts.chunks(10) {
        let events: Vec<Event<'_>> = batch.iter().map(|text| message(text)).collect();
        recorder.events(&events);
    }
}

fn numbers(told: &[String]) -> Vec<usize> {
    told.iter().map(|text| text[..6].parse().unwrap()).collect()
}

#[test]
fn who_looks_often_misses_nothing_of_a_long_output() {
    let (_folder, home) = home();
    let mut recorder = begin(&home, 0);
    let mut follower = follow(&home, "last").unwrap();
    let mut told = Vec::new();
    for part in 0..20 {
        record(&mut recorder, part * 500..(part + 1) * 500);
        told.extend(look(&mut follower).unwrap());
    }
    assert!(tail::numbers(recorder.folder()).last().is_some_and(|number| *number > 3));
    recorder.finish(&DONE);
    told.extend(all(&mut follower));
    assert_eq!(numbers(&told), (0..10_000).collect::<Vec<_>>());
}

#[test]
fn who_looks_seldom_is_told_how_much_went_by() {
    let (_folder, home) = home();
    let mut recorder = begin(&home, 0);
    let mut follower = follow(&home, "last").unwrap();
    record(&mut recorder, 0..4_500);
    let mut told = look(&mut follower).unwrap();
    assert_eq!(numbers(&told), (0..4_500).collect::<Vec<_>>());
    record(&mut recorder, 4_500..10_000);
    recorder.finish(&DONE);
    told = all(&mut follower);
    let gap = told.iter().position(|text| text.ends_with(" missing")).unwrap();
    let missing: usize = told.remove(gap).split(' ').next().unwrap().parse().unwrap();
    let numbers = numbers(&told);
    assert_eq!(missing + numbers.len(), 5_500);
    assert!(numbers[..gap].iter().copied().eq(4_500..4_500 + gap));
    assert!(numbers[gap..].iter().copied().eq(4_500 + gap + missing..10_000));
}

#[test]
fn an_end_that_a_full_disk_took_elsewhere_ends_the_following() {
    let (_folder, home) = home();
    let mut recorder = begin(&home, 0);
    let mut follower = follow(&home, "last").unwrap();
    recorder.events(&[message("one")]);
    assert_eq!(look(&mut follower).unwrap(), ["one"]);
    recorder.head.file = fs::File::options().write(true).open("/dev/full").unwrap();
    assert!(recorder.finish(&DONE).is_some());
    assert_eq!(look(&mut follower), None);
}
