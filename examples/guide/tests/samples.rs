//! One test a sample.

use guide_samples::{check_dataset, convert, greet};
use synapse_sdk::prelude::*;

#[test]
fn greeting_is_formal_when_asked() {
    let run =
        LocalExecutor::new().execute::<greet>(json!({ "name": "Ada", "formal": true })).expect("greets");
    assert_eq!(run["message"], "Dear Ada!");
    assert_eq!(run.messages()[0].1, "Dear Ada!");
}

#[test]
fn conversion_has_a_default_format() {
    let run = LocalExecutor::new().execute::<convert>(json!({ "source_path": "cats" })).expect("converts");
    assert_eq!(run["output_path"], "cats.yolo");
}

#[test]
fn a_dataset_is_looked_up_with_the_client_a_test_gives() {
    let params = json!({ "dataset": 123 });
    let alone =
        LocalExecutor::new().job_id("job-7").execute::<check_dataset>(&params).expect_err("no client");
    assert_eq!((alone.kind(), &alone.details_json()["job_id"]), (ErrorKind::Execution, &json!("job-7")));
    let with = |answer: fn() -> Result<Value>| {
        let client = move |operation: &str, _body: &Value| {
            assert_eq!(operation, "dataset.get");
            answer()
        };
        LocalExecutor::new().client(client).execute::<check_dataset>(&params)
    };
    let found = with(|| Ok(json!({ "name": "boats" }))).expect("it is there");
    assert_eq!(found["name"], "boats");
    let invalid = with(|| Err(ValidationError::new("no such split"))).expect_err("it is invalid");
    assert_eq!(invalid.kind(), ErrorKind::Validation);
    let gone =
        with(|| Err(ExecutionError::new("the connection was closed"))).expect_err("it is out of reach");
    assert_eq!(gone.to_string(), "Training failed: the connection was closed");
    assert_eq!(gone.details_json()["dataset"], 123);
}
