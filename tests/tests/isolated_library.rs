//! Isolated runs in a program of one's own: warm workers, many at once.

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use synapse_host::run::Resources;
use synapse_host::{Mode, RunRequest, run_plugin, run_plugin_blocking, worker};
use synapse_sdk::ErrorKind;
use synapse_sdk::errors::Result;
use synapse_sdk::events::{Event, EventBody};
use synapse_tests::{library, synapse};

fn request(action: &str) -> RunRequest {
    worker::use_program(synapse().with_file_name("synapse-worker"));
    RunRequest::new(library("misbehave"), action).mode(Mode::Isolated)
}

/// A request that no other test shares a worker with.
fn alone(action: &str, name: &str) -> RunRequest {
    request(action).env([("TEST", name)])
}

fn process(request: RunRequest) -> Result<u64> {
    Ok(run_plugin_blocking(request)?.value()?.as_u64().expect("a number"))
}

#[test]
fn a_worker_is_kept_warm_and_replaced_after_a_crash() -> Result<()> {
    let run = |action: &str| alone(action, "warm");
    let first = process(run("process"))?;
    assert_ne!(first, u64::from(std::process::id()));
    assert_eq!(process(run("process"))?, first);
    let error = run_plugin_blocking(run("segv")).expect_err("it crashes");
    assert_eq!(error.kind(), ErrorKind::WorkerCrashed);
    assert_eq!(error.details_json()["step"], "load");
    assert_ne!(process(run("process"))?, first);
    // An error or a panic of the action's is no reason for a new worker.
    let second = process(run("process"))?;
    run_plugin_blocking(run("panics")).expect_err("it panics");
    assert_eq!(process(run("process"))?, second);
    Ok(())
}

#[test]
fn other_variables_and_limits_mean_another_worker() -> Result<()> {
    let one = process(alone("process", "one"))?;
    let other = process(alone("process", "other"))?;
    let limits = Resources { cpus: Some(1.0), ..Resources::default() };
    let limited = process(alone("process", "one").resources(limits))?;
    assert_eq!(HashSet::from([one, other, limited]).len(), 3);
    assert_eq!(process(alone("process", "one"))?, one);
    Ok(())
}

#[test]
fn a_crash_costs_no_run_beside_it() -> Result<()> {
    let run = |action: &str| alone(action, "beside");
    let beside = run_plugin(run("naps").params(&json!({ "n": 1500 })))?;
    let mut crashing = run_plugin(run("aborts"))?;
    while crashing.events().is_some() {}
    assert_eq!(crashing.result().expect_err("it aborts").kind(), ErrorKind::WorkerCrashed);
    assert_eq!(beside.result()?.value()?, 1500);
    Ok(())
}

#[test]
fn a_thousand_calls_are_outstanding_at_once() -> Result<()> {
    let runs =
        (0..1000).map(|number| run_plugin(alone("naps", "thousand").params(&json!({ "n": number % 7 }))));
    let runs = runs.collect::<Result<Vec<_>>>()?;
    for (number, run) in runs.into_iter().enumerate() {
        assert_eq!(run.result()?.value()?, number % 7);
    }
    Ok(())
}

#[test]
fn a_run_is_cancelled_from_another_thread() -> Result<()> {
    let mut run = run_plugin(alone("waits", "cancel").grace(Duration::from_secs(60)))?;
    assert!(run.events().is_some(), "it has begun");
    let canceller = run.canceller();
    thread::spawn(move || canceller.cancel());
    let error = run.result().expect_err("cancelled");
    assert_eq!((error.kind(), error.hint_text()), (ErrorKind::Cancelled, None));
    Ok(())
}

#[test]
fn a_run_that_is_cancelled_before_it_began_does_not_run() -> Result<()> {
    let run = run_plugin(alone("waits", "early").grace(Duration::from_secs(60)))?;
    run.canceller().cancel();
    assert_eq!(run.result().expect_err("cancelled").kind(), ErrorKind::Cancelled);
    Ok(())
}

#[test]
fn a_slow_listener_stops_its_own_action_and_no_other() -> Result<()> {
    // More events than any buffer on the way holds.
    let mut slow = run_plugin(alone("reports", "slow").params(&json!({ "n": 100_000 })))?;
    while slow.waits() == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    // On the same worker once there are enough calls.
    let beside: Vec<_> = (0..12)
        .map(|_| run_plugin(alone("naps", "slow").params(&json!({ "n": 20 }))))
        .collect::<Result<_>>()?;
    for run in beside {
        assert_eq!(run.result()?.value()?, 20);
    }
    let mut count = 0;
    while let Some(events) = slow.events() {
        let said =
            |event: &Event<'_>| matches!(&event.body, EventBody::Message { text, .. } if text.len() > 500);
        count += events.iter().filter(|event| said(event)).count();
    }
    assert_eq!(count, 100_000);
    assert_eq!(slow.result()?.value()?, Value::Null);
    Ok(())
}

#[test]
fn a_local_run_of_a_plugin_that_was_only_opened_works() -> Result<()> {
    process(alone("process", "opened"))?;
    let here = process(RunRequest::new(library("misbehave"), "process"))?;
    assert_eq!(here, u64::from(std::process::id()));
    Ok(())
}
