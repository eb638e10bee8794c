//! Finding a run by what a person types.

use serde_json::json;
use synapse_sdk::ErrorKind;

use super::super::load;
use super::*;

#[test]
fn a_run_is_found_by_its_id_its_beginning_or_as_the_last() {
    let (_folder, home) = home();
    let (first, second) = (done(&home, 0), done(&home, 61));
    for (wanted, id) in
        [(first.as_str(), &first), ("20260131-120000", &first), ("20260131-1201", &second), ("last", &second)]
    {
        assert_eq!(&load(&home, wanted).unwrap().run.id, id, "{wanted}");
    }
}

#[test]
fn a_beginning_of_several_is_refused_and_names_them() {
    let (_folder, home) = home();
    let ids: Vec<String> = (0..7).map(|seconds| done(&home, seconds)).collect();
    let error = load(&home, "2026").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.message(), "`2026` begins the ids of 7 runs");
    assert_eq!(error.details_json()["near"], json!([ids[6], ids[5], ids[4], ids[3], ids[2]]));
}

#[test]
fn a_mistyped_id_is_answered_with_the_one_meant() {
    let (_folder, home) = home();
    let id = done(&home, 0);
    for wanted in ["20260131-120001", "20260113-1200", &id.replace('-', "")] {
        let error = load(&home, wanted).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.message(), format!("no run `{wanted}`"));
        assert_eq!(error.details_json()["near"], json!([id]));
        assert!(error.hint_text().unwrap().starts_with(&format!("did you mean `{id}`?")));
    }
}

#[test]
fn what_is_like_no_run_is_not_found() {
    let (_folder, home) = home();
    assert_eq!(load(&home, "last").unwrap_err().message(), "no run is recorded yet");
    done(&home, 0);
    for wanted in ["", "x", "../../etc/passwd", "überhaupt"] {
        let error = load(&home, wanted).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{wanted}");
        assert_eq!(error.details_json()["near"], json!([]), "{wanted}");
    }
}
