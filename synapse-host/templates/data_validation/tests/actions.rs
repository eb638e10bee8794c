//! The action as its author tests it: no host, no cluster.

use std::fs;

use synapse_sdk::prelude::*;

use __CRATE__::validate::validate;

#[test]
fn the_sample_has_two_items_that_break_a_rule() -> Result<()> {
    let run = LocalExecutor::new().execute::<validate>(json!({}))?;
    assert_eq!((&run["checked"], &run["passed"]), (&json!(4), &json!(2)));
    let expected = json!([
        { "line": 3, "field": "label", "message": "`cow` is none of cat, dog" },
        { "line": 4, "field": "height", "message": "is 1, less than 2" },
    ]);
    assert_eq!(run["findings"], expected);
    assert_eq!(
        run.messages(),
        [(Level::Warning, "2 of 4 items break a rule")]
    );
    Ok(())
}

#[test]
fn progress_and_metrics_are_recorded() -> Result<()> {
    let run = LocalExecutor::new().execute::<validate>(json!({}))?;
    let progress = run.progress("validate");
    assert_eq!((progress[0].percent, progress[3].percent), (25.0, 100.0));
    assert_eq!(run.metrics("validate")["failed"], 2);
    Ok(())
}

#[test]
fn a_line_that_is_no_json_is_a_finding() -> Result<()> {
    let executor = LocalExecutor::new();
    // A folder of the run's own, removed with the context.
    let ctx = executor.context();
    let file = ctx.work_dir()?.join("items.jsonl");
    fs::write(
        &file,
        "{\"label\": \"cat\", \"width\": 9, \"height\": 9}\n{\"label\n",
    )?;
    let run = executor.execute::<validate>(json!({ "items": file }))?;
    assert_eq!(run["passed"], 1);
    assert_eq!(run["findings"][0]["line"], 2);
    Ok(())
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let params = json!({ "items": "/nowhere/items.jsonl" });
    let error = LocalExecutor::new()
        .execute::<validate>(params)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("reading /nowhere/items.jsonl"),
        "{error}"
    );
}

#[test]
fn a_checkpoint_can_be_handed_in() -> Result<()> {
    // As a run with --checkpoint does it: the action finds it as `ctx.checkpoint()`.
    let executor = LocalExecutor::new().checkpoint(Checkpoint::new("base", "model.safetensors"));
    let ctx = executor.context();
    let found = ctx.checkpoint().context("there is one")?;
    assert_eq!(found.path.to_str(), Some("model.safetensors"));
    // This action makes no use of a model.
    executor.execute::<validate>(json!({}))?;
    Ok(())
}
