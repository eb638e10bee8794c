//! Results: what is checked of them, and what a mismatch does.
#![expect(clippy::unwrap_used, reason = "tests")]

use synapse_sdk::prelude::*;

/// How good a model is.
#[result]
struct Score {
    #[param(ge = 0, le = 1)]
    accuracy: f64,
    note: Option<String>,
    rows: u32,
}

#[params]
struct ScoreParams {
    accuracy: Option<f64>,
    rows: u32,
}

#[action]
fn score(params: ScoreParams, _ctx: &Context) -> Result<Score> {
    Ok(Score { accuracy: params.accuracy.unwrap_or(f64::NAN), note: None, rows: params.rows })
}

#[action(result = Score)]
fn untyped(params: Value, _ctx: &Context) -> Result<Value> {
    Ok(params)
}

#[action]
fn nothing(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

#[action]
fn anything(_params: (), _ctx: &Context) -> Result<Value> {
    Ok(json!([1, null, "x"]))
}

#[action]
fn losses(params: Value, _ctx: &Context) -> Result<Vec<f64>> {
    Ok(params["losses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|loss| loss.as_f64().unwrap_or(f64::INFINITY))
        .collect())
}

fn warnings(run: &synapse_sdk::testing::LocalRun) -> Vec<&str> {
    run.messages().into_iter().filter(|(level, _)| *level == Level::Warning).map(|(_, text)| text).collect()
}

#[test]
fn a_good_result_is_not_remarked_upon() {
    let executor = LocalExecutor::new().strict_result();
    let run = executor.execute::<score>(json!({ "accuracy": 0.5, "rows": 3 })).unwrap();
    assert_eq!((run["accuracy"].as_f64(), warnings(&run)), (Some(0.5), vec![]));
    let run = executor.execute::<untyped>(json!({ "accuracy": 1, "rows": 3 })).unwrap();
    assert_eq!(warnings(&run), Vec::<&str>::new());
    assert_eq!(executor.execute::<nothing>(json!({})).unwrap().value(), &Value::Null);
    assert_eq!(executor.execute::<anything>(json!({})).unwrap().value(), &json!([1, null, "x"]));
}

#[test]
fn a_result_out_of_its_bounds_warns_and_is_given_all_the_same() {
    let run = LocalExecutor::new().execute::<score>(json!({ "accuracy": 1.5, "rows": 3 })).unwrap();
    assert_eq!(run["accuracy"], 1.5);
    let [warning] = warnings(&run)[..] else { panic!("{:?}", run.messages()) };
    assert!(warning.contains("result of `score` against its type: 1 violation"), "{warning}");
    assert!(warning.contains("/accuracy: expected at most 1, not 1.5"), "{warning}");
}

#[test]
fn a_result_that_is_not_a_number_is_noticed() {
    let run = LocalExecutor::new().execute::<score>(json!({ "rows": 3 })).unwrap();
    assert_eq!(run["accuracy"], Value::Null);
    assert!(warnings(&run)[0].contains("/accuracy: expected a number, not null"), "{:?}", warnings(&run));

    let strict = LocalExecutor::new().strict_result();
    let error = strict.execute::<losses>(json!({ "losses": [0.5, "x"] })).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Validation);
    assert_eq!(error.details_json()[0]["pointer"], "/1");
    assert!(error.hint_text().unwrap().contains("NaN"));
}

#[test]
fn strictness_can_be_asked_for_from_outside() {
    let strict = LocalExecutor::new().strict_result();
    let error = strict.execute::<score>(json!({ "accuracy": 2, "rows": 3 })).unwrap_err();
    assert_eq!((error.kind(), &error.details_json()[0]["rule"]), (ErrorKind::Validation, &json!("maximum")));
    let error = strict.execute::<untyped>(json!({ "accuracy": 0.5 })).unwrap_err();
    assert!(error.to_string().contains("result of `untyped` against Score"), "{error}");
}
