//! Workers that nobody calls any more. A program of its own: how long they may be
//! idle is said once for all.

use std::time::Duration;

use synapse_host::run::end_idle_workers_after;
use synapse_host::{Mode, RunRequest, run_plugin_blocking, worker};
use synapse_sdk::errors::Result;
use synapse_tests::{goes_away, is_alive, library, synapse};

#[test]
fn an_idle_worker_is_ended_and_the_next_call_has_another() -> Result<()> {
    worker::use_program(synapse().with_file_name("synapse-worker"));
    let process = || -> Result<u64> {
        let request = RunRequest::new(library("misbehave"), "process").mode(Mode::Isolated);
        Ok(run_plugin_blocking(request)?.value()?.as_u64().expect("a number"))
    };
    let first = process()?;
    assert!(is_alive(first));
    assert_eq!(process()?, first);
    end_idle_workers_after(Duration::from_millis(100));
    goes_away(first);
    assert_ne!(process()?, first);
    Ok(())
}
