//! Nothing that the macros write is found by a name that the author may use,
//! and no crate but the SDK is needed.
#![deny(warnings)]
#![allow(dead_code, non_camel_case_types)]

mod serde {}
mod schemars {}
mod serde_json {}
mod core {}
mod std {}
struct Findings;
struct Probe;
struct Dive;
struct Skip;
struct Params;
struct CheckContext;
fn found() {}
fn check() {}

use ::synapse_sdk::{params, result};

#[params]
#[derive(Clone)]
struct Step {
    #[param(default = 1, ge = 0, check = fine)]
    rate: f64,
}

#[params(check = |holder: &Holder| if holder.first.rate > 8.0 { Err("fast") } else { Ok(()) })]
struct Holder {
    first: Step,
    #[param(default = Step { rate: 2.0 })]
    second: Step,
    #[param(default)]
    third: Option<Step>,
    fourth: Option<Step>,
    #[param(default = ["a"], label = "Names", each(length(min = 1)), check = |names| count(names.len()))]
    names: Vec<String>,
    #[param(default = 1, multiple_of = STEP, check = |value, ctx| if ctx.client().is_none() { count(*value) } else { Ok(()) })]
    size: usize,
}

const STEP: usize = 1;

#[params]
enum Either {
    One(Step),
    Both { left: Step, right: Option<Step> },
}

#[result]
struct Outcome {
    step: Step,
}

fn fine(rate: &f64) -> Result<(), String> {
    if *rate == 7.0 { Err("seven".to_owned()) } else { Ok(()) }
}

fn count(count: usize) -> Result<(), String> {
    if count > 3 { Err(format!("{count} is more than three")) } else { Ok(()) }
}

fn pointers<P: ::synapse_sdk::Params>(json: &str) -> Vec<String> {
    let error = P::from_json(json).err().expect("it is refused");
    let details = error.details_json();
    details.as_array().unwrap().iter().map(|each| each["pointer"].as_str().unwrap().to_owned()).collect()
}

fn main() {
    assert_eq!(pointers::<Either>(r#"{ "one": { "rate": 7 } }"#), ["/one/rate"]);
    assert_eq!(
        pointers::<Either>(r#"{ "both": { "left": {}, "right": { "rate": 7 } } }"#),
        ["/both/right/rate"]
    );
    let schema = ::synapse_sdk::schema::json_schema::<Holder>(::synapse_sdk::schema::Contract::Params);
    assert_eq!(schema["properties"]["second"]["default"]["rate"], 2.0);
    assert_eq!(schema["properties"]["third"]["default"], ::synapse_sdk::prelude::Value::Null);
    assert!(schema["properties"]["third"].get("default").is_some());
    assert_eq!(schema["properties"]["fourth"].get("default"), None);
    assert_eq!(schema["required"][0], "first");
    assert_eq!(schema["required"].get(1), None);
}
