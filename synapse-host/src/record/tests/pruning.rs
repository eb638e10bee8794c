//! Which records go, and which stay.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use super::super::prune;
use super::super::writer::FILE;
use super::*;

#[test]
fn the_newest_stay() {
    let (_folder, home) = home();
    let all: Vec<String> = (0..5).map(|seconds| done(&home, seconds)).collect();
    prune(&home, 2);
    assert_eq!(ids(&home), [all[4].clone(), all[3].clone()]);
    prune(&home, 2);
    assert_eq!(ids(&home).len(), 2);
}

#[test]
fn a_run_that_goes_on_stays_and_one_that_crashed_goes() {
    let (_folder, home) = home();
    let running = begin(&home, 0);
    abandoned(&home, 1);
    done(&home, 2);
    prune(&home, 0);
    assert_eq!(ids(&home), [running.id()]);
}

#[test]
fn a_damaged_record_goes_once_it_cannot_be_one_that_is_starting() {
    let (_folder, home) = home();
    let recorder = begin(&home, 0);
    fs::write(recorder.folder().join(FILE), "").unwrap();
    prune(&home, 0);
    assert_eq!(ids(&home), [recorder.id()]);

    let an_hour_ago = SystemTime::now() - Duration::from_secs(3600);
    File::open(recorder.folder()).unwrap().set_modified(an_hour_ago).unwrap();
    prune(&home, 0);
    assert_eq!(ids(&home), [""; 0]);
}

#[test]
fn what_is_not_a_record_stays() {
    let (_folder, home) = home();
    done(&home, 0);
    fs::create_dir(home.runs().join("notes")).unwrap();
    prune(&home, 0);
    assert!(home.runs().join("notes").is_dir());
    assert_eq!(ids(&home), [""; 0]);
}

#[test]
fn finishing_prunes_often_enough_to_bound_the_folder() {
    let (_folder, home) = home();
    // A default that one test can reach would be no default, so runs are faked.
    for number in 0..700 {
        let id = format!("20200101-{:06}-00000", number);
        fs::create_dir_all(home.runs().join(&id)).unwrap();
        let folder = File::open(home.runs().join(&id)).unwrap();
        folder.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }
    for seconds in 0..2_000 {
        done(&home, seconds);
        if ids(&home).len() <= 501 {
            return;
        }
    }
    panic!("{} records are left", ids(&home).len());
}
