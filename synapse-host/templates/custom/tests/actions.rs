//! The actions as their author tests them: no host, no cluster.

use synapse_sdk::prelude::*;

// The action is called by its path, because a test has a `main` of its own.
use __CRATE__ as plugin;

#[test]
fn words_are_counted_the_most_frequent_first() -> Result<()> {
    let params = json!({ "text": "to be or not to be", "top": 2 });
    let run = LocalExecutor::new().execute::<plugin::main>(params)?;
    assert_eq!(run["words"], 6);
    let expected = json!([{ "word": "be", "count": 2 }, { "word": "to", "count": 2 }]);
    assert_eq!(run["frequent"], expected);
    assert_eq!(run.messages(), [(Level::Success, "6 words counted")]);
    Ok(())
}

#[test]
fn progress_and_metrics_are_recorded() -> Result<()> {
    let run = LocalExecutor::new().execute::<plugin::main>(json!({ "text": "one two" }))?;
    let progress = run.progress("count");
    assert_eq!((progress[0].percent, progress[1].percent), (50.0, 100.0));
    assert_eq!(run.metrics("count")["distinct"], 2);
    Ok(())
}

#[test]
fn params_outside_their_bounds_are_refused() {
    let executor = LocalExecutor::new();
    let error = executor
        .execute::<plugin::main>(json!({ "top": 0 }))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Validation);
    assert_eq!(error.details_json()[0]["pointer"], "/top");
}

#[test]
fn a_cancelled_run_ends() {
    let executor = LocalExecutor::new();
    executor.cancel();
    let error = executor.execute::<plugin::main>(json!({})).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[test]
fn a_checkpoint_can_be_handed_in() -> Result<()> {
    // As a run with --checkpoint does it: the action finds it as `ctx.checkpoint()`.
    let executor = LocalExecutor::new().checkpoint(Checkpoint::new("base", "model.safetensors"));
    let ctx = executor.context();
    let found = ctx.checkpoint().context("there is one")?;
    assert_eq!(found.path.to_str(), Some("model.safetensors"));
    // This action makes no use of a model.
    executor.execute::<plugin::main>(json!({ "text": "one two" }))?;
    Ok(())
}
