//! Newtypes carry rules of their own, wherever they stand.
#![forbid(unsafe_code)]
#![deny(warnings)]

use std::collections::BTreeMap;

use synapse_sdk::prelude::*;
use synapse_sdk::schema::{Contract, json_schema};

/// A share of the whole.
#[params]
#[derive(Debug, Clone, Copy, PartialEq)]
struct Share(
    #[param(ge = 0, le = 1, check = |share| if share.is_nan() { Err("not a number") } else { Ok(()) })] f64,
);

#[params]
#[derive(Debug, PartialEq)]
struct Names(#[param(items(min = 1, max = 2), check = not_equal)] Vec<String>);

#[params]
struct Wrapped(Inner);

#[params]
struct Inner {
    #[param(check = |value| if *value == 3 { Err("three") } else { Ok(()) })]
    value: u32,
}

#[params]
struct SplitParams {
    #[param(default = Share(0.8))]
    train: Share,
    test: Option<Share>,
    names: Names,
    #[param(default)]
    by_name: BTreeMap<String, Share>,
    wrapped: Option<Wrapped>,
}

fn not_equal(names: &[String]) -> std::result::Result<(), &'static str> {
    match names {
        [first, second] if first == second => Err("the same name twice"),
        _ => Ok(()),
    }
}

fn found(json: Value) -> Vec<String> {
    let Err(error) = SplitParams::from_value(&json) else { return Vec::new() };
    let details = error.details_json();
    let list = details.as_array().unwrap_or_else(|| panic!("{error}"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    list.iter().map(|found| format!("{} {}", text(&found["pointer"]), text(&found["rule"]))).collect()
}

fn main() {
    let params = SplitParams::from_value(&json!({ "names": ["a"] })).unwrap();
    assert_eq!(params.train, Share(0.8));
    assert_eq!(params.names, Names(vec!["a".to_owned()]));
    assert_eq!(found(json!({ "names": ["a"], "test": 1.5 })), ["/test maximum"]);
    assert_eq!(found(json!({ "names": ["a"], "by_name": { "x": -1 } })), ["/by_name/x minimum"]);
    assert_eq!(found(json!({ "names": [] })), ["/names minItems"]);
    assert_eq!(found(json!({ "names": ["a", "a"] })), ["/names check"]);
    assert_eq!(found(json!({ "names": ["a"], "wrapped": { "value": 3 } })), ["/wrapped/value check"]);

    let schema = json_schema::<SplitParams>(Contract::Params);
    let share = &schema["$defs"]["Share"];
    assert_eq!((&share["minimum"], &share["maximum"]), (&json!(0), &json!(1)));
    assert_eq!(share["description"], "A share of the whole.");
    assert_eq!(schema["properties"]["train"]["default"], json!(0.8));
    assert_eq!(Share::from_json("0.5").unwrap(), Share(0.5));
}
