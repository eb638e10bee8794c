//! Rules and defaults on every type they stand on, and what the schema says.
#![forbid(unsafe_code)]
#![deny(warnings)]

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZero;
use std::path::PathBuf;

use synapse_sdk::prelude::*;
use synapse_sdk::schema::{Contract, json_schema};

const MOST: u32 = 1 << 10;
const SMALLEST: f64 = 1e-6;

type Rate = f64;
type Labels = Vec<String>;
type Sizes = BTreeMap<String, u64>;

#[params]
struct Rules {
    #[param(default = 10, ge = 1, le = MOST, multiple_of = 5)]
    whole: u32,
    #[param(default = -1, gt = -2, lt = 0)]
    negative: i8,
    // A whole number is fine for a float.
    #[param(default = 1, ge = 0, lt = 2)]
    float: f64,
    #[param(default = -3)]
    negative_float: f32,
    #[param(default = 0.1, gt = SMALLEST, le = 0.5, multiple_of = 0.1)]
    rate: Rate,
    #[param(default = 5, ge = 1, le = 9)]
    optional: Option<u16>,
    #[param(ge = 2)]
    non_zero: Option<NonZero<u32>>,
    #[param(default = "net", length(min = 1, max = 5), pattern = r"^[a-z]+$")]
    name: String,
    #[param(default = "abc", length(max = 3))]
    maybe: Option<String>,
    #[param(default = "data", length(min = 1))]
    path: PathBuf,
    #[param(default = "x", length(max = 1))]
    cow: Cow<'static, str>,
    #[param(default = [0.1, 1], items(min = 1, max = 3, unique), each(ge = 0, le = 1))]
    rates: Vec<f64>,
    #[param(default = ["a", "b"], each(length(min = 1), pattern = "^[a-z]$"))]
    labels: Option<BTreeSet<String>>,
    #[param(default = [1, 2], items(max = 2))]
    pair: [u8; 2],
    #[param(default, items(max = 3), each(length(max = 2)))]
    aliased: Labels,
    #[param(default, entries(min = 0, max = 2), each(ge = 1))]
    counts: HashMap<String, u32>,
    #[param(default, entries(max = 2), each(multiple_of = 2))]
    sizes: Sizes,
    #[param(default = None)]
    nothing: Option<f64>,
    #[param(default = Value::Null)]
    anything: Value,
}

fn main() {
    let schema = json_schema::<Rules>(Contract::Params);
    let rules = |field: &str, keywords: &[&str]| -> Vec<Value> {
        keywords.iter().map(|keyword| schema["properties"][field][keyword].clone()).collect()
    };
    assert_eq!(rules("whole", &["minimum", "maximum", "multipleOf", "default"]), [1, 1024, 5, 10]);
    assert_eq!(rules("negative", &["exclusiveMinimum", "exclusiveMaximum", "default"]), [-2, 0, -1]);
    assert_eq!(rules("float", &["minimum", "exclusiveMaximum"]), [0, 2]);
    assert_eq!(rules("float", &["default"]), [1.0]);
    assert_eq!(rules("negative_float", &["default"]), [-3.0]);
    assert_eq!(rules("rate", &["exclusiveMinimum", "maximum", "multipleOf"]), [1e-6, 0.5, 0.1]);
    assert_eq!(rules("optional", &["minimum", "maximum", "default"]), [1, 9, 5]);
    assert_eq!(rules("non_zero", &["minimum"]), [2]);
    assert_eq!(rules("name", &["minLength", "maxLength"]), [1, 5]);
    assert_eq!(rules("name", &["pattern", "default"]), ["^[a-z]+$", "net"]);
    assert_eq!(rules("maybe", &["default"]), ["abc"]);
    assert_eq!(rules("path", &["default"]), ["data"]);
    assert_eq!(rules("rates", &["minItems", "maxItems"]), [1, 3]);
    assert_eq!(rules("rates", &["uniqueItems"]), [true]);
    let each = |field: &str, place: &str| schema["properties"][field][place].clone();
    assert_eq!((&each("rates", "items")["minimum"], &each("rates", "items")["maximum"]), (&json!(0), &json!(1)));
    assert_eq!(each("labels", "items")["minLength"], 1);
    assert_eq!(each("labels", "items")["pattern"], "^[a-z]$");
    assert_eq!(rules("pair", &["default"]), [json!([1, 2])]);
    assert_eq!(each("aliased", "items")["maxLength"], 2);
    assert_eq!(rules("counts", &["minProperties", "maxProperties"]), [0, 2]);
    assert_eq!(each("counts", "additionalProperties")["minimum"], 1);
    assert_eq!(each("sizes", "additionalProperties")["multipleOf"], 2);
    assert_eq!(schema.get("required"), None);

    let read = Rules::from_json("{}").unwrap();
    assert_eq!((read.whole, read.negative, read.float, read.negative_float), (10, -1, 1.0, -3.0));
    assert_eq!((read.rate, read.optional, read.non_zero), (0.1, Some(5), None));
    assert_eq!((read.name.as_str(), read.maybe.as_deref()), ("net", Some("abc")));
    assert_eq!((read.path, read.cow), (PathBuf::from("data"), Cow::Borrowed("x")));
    assert_eq!((read.rates, read.pair), (vec![0.1, 1.0], [1, 2]));
    assert_eq!(read.labels, Some(BTreeSet::from(["a".to_owned(), "b".to_owned()])));
    assert!(read.aliased.is_empty() && read.counts.is_empty() && read.sizes.is_empty());
    assert!(read.nothing.is_none() && read.anything.is_null());

    assert_eq!(found(json!({ "name": "A" })), [("/name".into(), "pattern".into())]);
    assert_eq!(found(json!({ "rates": [2] })), [("/rates/0".into(), "maximum".into())]);
    assert_eq!(found(json!({ "counts": { "a": 0 } })), [("/counts/a".into(), "minimum".into())]);
    let labels = found(json!({ "labels": ["ab"], "sizes": { "a": 2, "b": 4, "c": 6 } }));
    assert_eq!(labels, [("/labels/0".into(), "pattern".into()), ("/sizes".into(), "maxProperties".into())]);
}

/// Pointer and rule of each violation.
fn found(params: Value) -> Vec<(String, String)> {
    let error = Rules::from_value(&params).err().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let violations = error.details_json().as_array().unwrap().iter();
    violations.map(|violation| (text(&violation["pointer"]), text(&violation["rule"]))).collect()
}
