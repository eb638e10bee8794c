//! The host as a library, in a program of one's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use synapse_host::run::{Run, lost_threads};
use synapse_host::{Mode, RunRequest, run_plugin, run_plugin_blocking};
use synapse_sdk::ErrorKind;
use synapse_sdk::errors::Result;
use synapse_sdk::events::{Event, EventBody};
use synapse_tests::{Generated, Synapse, library};
use tempfile::TempDir;

fn request(plugin: &str, action: &str) -> RunRequest {
    RunRequest::new(library(plugin), action)
}

/// A copy of a plugin's library: an image that no other test has loaded.
fn own_copy(plugin: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("plugin.so");
    fs::copy(library(plugin), &copy).expect("a copy");
    (folder, copy)
}

fn messages(events: &[Event<'_>]) -> Vec<String> {
    let texts = events.iter().filter_map(|event| match &event.body {
        EventBody::Message { text, .. } => Some(text.to_string()),
        _ => None,
    });
    texts.collect()
}

fn until_it_says(run: &mut Run, wanted: &str) {
    while let Some(events) = run.events() {
        if messages(events).iter().any(|text| text == wanted) {
            return;
        }
    }
    panic!("the run ended without `{wanted}`");
}

#[derive(Debug, Deserialize, PartialEq)]
struct Greeting {
    message: String,
}

#[test]
fn a_result_is_read_as_its_type() -> Result<()> {
    let outcome = run_plugin_blocking(request("greet", "greet").params(&json!({ "name": "Ada" })))?;
    assert_eq!(outcome.read::<Greeting>()?, Greeting { message: "Hello Ada!".to_owned() });
    assert_eq!(outcome.id(), None);
    let error = outcome.read::<Vec<u8>>().expect_err("a greeting is no list");
    assert_eq!(error.kind(), ErrorKind::Execution);
    Ok(())
}

#[test]
fn events_come_while_a_run_is_under_way_and_the_result_in_the_end() -> Result<()> {
    let mut run = run_plugin(request("misbehave", "events"))?;
    let (mut said, mut steps) = (Vec::new(), Vec::new());
    while let Some(events) = run.events() {
        said.extend(messages(events));
        steps.extend(events.iter().filter_map(|event| match event.body {
            EventBody::Progress(progress) => Some((event.step.as_deref()?.to_owned(), progress.current)),
            _ => None,
        }));
    }
    assert_eq!(said.last().map(String::as_str), Some("The plugin has finished."));
    assert!(steps.contains(&("load".to_owned(), 1)) && steps.contains(&("train".to_owned(), 4)), "{steps:?}");
    assert_eq!(run.result()?.value()?, Value::Null);
    Ok(())
}

#[test]
fn metrics_are_there_for_whoever_reads_no_events() -> Result<()> {
    let metrics = run_plugin_blocking(request("misbehave", "events"))?.metrics().to_value();
    assert_eq!(metrics["train"], json!({ "loss": 0.25, "epoch": 4 }));
    let metrics = run_plugin(request("misbehave", "events"))?.result()?.metrics().to_value();
    assert_eq!(metrics["run"], json!({ "files": 3 }));
    Ok(())
}

#[test]
fn a_run_is_cancelled_from_another_thread() -> Result<()> {
    let mut run = run_plugin(request("misbehave", "waits"))?;
    until_it_says(&mut run, "waiting");
    let canceller = run.canceller();
    thread::spawn(move || canceller.cancel());
    assert_eq!(run.result().expect_err("cancelled").kind(), ErrorKind::Cancelled);
    Ok(())
}

#[test]
fn a_run_that_does_not_stop_is_given_up_and_counted() -> Result<()> {
    let before = lost_threads();
    let soon = Duration::from_millis(100);
    let error = run_plugin_blocking(request("misbehave", "spins").timeout(soon).grace(soon))
        .expect_err("it takes minutes");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(error.hint_text().is_some_and(|hint| hint.contains("set_progress")), "{error:?}");
    assert_eq!(lost_threads(), before + 1);
    Ok(())
}

#[test]
fn faults_of_actions_come_as_errors_of_their_kind() {
    let error = |action: &str, params: Value| {
        let outcome = run_plugin_blocking(request("misbehave", action).params(&params));
        outcome.expect_err("it fails")
    };
    let failed = error("fail", json!({ "how": "own" }));
    assert_eq!(failed.kind(), ErrorKind::Execution);
    assert_eq!(failed.details_json(), &json!({ "epoch": 3, "lr": 10.5 }));
    assert_eq!(failed.hint_text(), Some("lower the learning rate"));
    let panicked = error("panics", json!({}));
    assert_eq!(panicked.kind(), ErrorKind::Panic);
    assert!(panicked.location().is_some_and(|place| place.contains("faults.rs")), "{panicked:?}");
    assert_eq!(error("fail", json!({ "how": "odd" })).kind(), ErrorKind::Validation);
    assert_eq!(error("nothing", json!({})).kind(), ErrorKind::ActionNotFound);
    assert_eq!(error("needs_client", json!({})).kind(), ErrorKind::NotFound);
}

#[test]
fn what_cannot_be_started_is_an_error_at_once() {
    let missing = run_plugin(RunRequest::new(Path::new("/nowhere/libx.so"), "greet")).err();
    assert_eq!(missing.map(|error| error.kind()), Some(ErrorKind::NotFound));
    let unknown = run_plugin(request("greet", "gret")).err();
    assert_eq!(unknown.map(|error| error.kind()), Some(ErrorKind::ActionNotFound));
}

#[test]
fn modes_are_typed_and_those_that_are_not_there_are_named() {
    for mode in [Mode::Serve, Mode::Remote] {
        let error = run_plugin(request("greet", "greet").mode(mode)).err().expect("not there yet");
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.message().contains(&format!("`{mode}`")), "{error}");
    }
    let unknown = "nowhere".parse::<Mode>().expect_err("no mode");
    assert!(unknown.to_string().contains("nowhere"), "{unknown}");
    assert_eq!("job".parse::<Mode>().ok(), Some(Mode::Job));
}

#[test]
fn runs_of_a_type_with_state_share_its_object_until_the_variables_change() -> Result<()> {
    let (_folder, copy) = own_copy("greet");
    let meet = |name: &str, title: &str| {
        let request = RunRequest::new(copy.clone(), "roster").params(&json!({ "name": name }));
        run_plugin_blocking(request.env([("ROSTER_TITLE", title)]))?.value()
    };
    assert_eq!(meet("Ada", "Pioneers")?, json!({ "title": "Pioneers", "met": ["Ada"] }));
    assert_eq!(meet("Alan", "Pioneers")?, json!({ "title": "Pioneers", "met": ["Ada", "Alan"] }));
    assert_eq!(meet("Grace", "Admirals")?, json!({ "title": "Admirals", "met": ["Grace"] }));
    Ok(())
}

#[test]
fn calls_of_a_shared_object_lose_none() -> Result<()> {
    let (_folder, copy) = own_copy("greet");
    let meet = |name: String| {
        run_plugin_blocking(RunRequest::new(copy.clone(), "roster").params(&json!({ "name": name })))
    };
    // The object is there before the threads are.
    meet("first".to_owned())?;
    thread::scope(|scope| {
        for index in 0..8 {
            scope.spawn(move || meet(format!("guest {index}")).expect("a run"));
        }
    });
    let met = meet("last".to_owned())?.value()?["met"].as_array().map(Vec::len);
    assert_eq!(met, Some(10));
    Ok(())
}

#[test]
fn state_is_kept_where_the_caller_says() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let attempt =
        || run_plugin_blocking(request("misbehave", "state").state_dir(folder.path().join("job")))?.value();
    let (first, second) = (attempt()?, attempt()?);
    assert_eq!((&first["count"], &first["attempt"]), (&json!(1), &json!(1)));
    assert_eq!((&second["count"], &second["attempt"]), (&json!(2), &json!(2)));
    Ok(())
}

#[test]
fn state_that_nobody_keeps_goes_with_the_run() -> Result<()> {
    let result = run_plugin_blocking(request("misbehave", "state"))?.value()?;
    let work_dir = result["work_dir"].as_str().expect("a path");
    assert!(!Path::new(work_dir).exists(), "{work_dir} is still there");
    Ok(())
}

#[test]
fn runs_on_many_threads_do_not_mix() {
    thread::scope(|scope| {
        for worker in 0..16 {
            scope.spawn(move || {
                for round in 0..25 {
                    let name = format!("{worker}.{round}");
                    let greet = request("greet", "greet").params(&json!({ "name": name }));
                    let mut run = run_plugin(greet).expect("a run");
                    let mut said = Vec::new();
                    while let Some(events) = run.events() {
                        said.extend(messages(events));
                    }
                    let expected = format!("Hello {name}!");
                    assert_eq!(said, [expected.as_str()]);
                    let greeting: Greeting = run.result().and_then(|it| it.read()).expect("a greeting");
                    assert_eq!(greeting.message, expected);
                    let panicked = run_plugin_blocking(request("misbehave", "panics")).err();
                    assert_eq!(panicked.map(|error| error.kind()), Some(ErrorKind::Panic));
                }
            });
        }
    });
}

#[test]
fn a_library_that_was_replaced_is_picked_up() -> Result<()> {
    let lib = |text: &str| {
        format!(
            "use synapse_sdk::prelude::*;\n#[action]\npub fn say(_: (), _: &Context) -> Result<String> {{\n    \
             Ok({text:?}.to_owned())\n}}\nsynapse_sdk::export_plugin!(say);\n"
        )
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (synapse, plugin) = (Synapse::new(), Generated::new("replaced_plugin", &lib("old")));
    let build_into = |file: &Path| {
        let built = plugin.call(&synapse, "plugin build --json").arg(plugin.folder()).run().code(0);
        fs::copy(built.document()["path"].as_str().expect("a path"), file).expect("a copy");
    };
    let [used, old, new, next] =
        ["used.so", "old.so", "new.so", "next.so"].map(|name| folder.path().join(name));
    build_into(&old);
    plugin.write("src/lib.rs", &lib("new"));
    build_into(&new);
    let say = || run_plugin_blocking(RunRequest::new(used.clone(), "say"))?.value();
    // Many times: what is kept of an image must not be found by a later one.
    for _ in 0..10 {
        for (library, text) in [(&old, "old"), (&new, "new")] {
            fs::copy(library, &next).expect("a copy");
            fs::rename(&next, &used).expect("a rename");
            assert_eq!(say()?, text);
            assert_eq!(say()?, text);
        }
    }
    Ok(())
}
