//! Checks of the author's own: of fields, of types, within all that can hold
//! types, with the pointer that a caller knows.
#![forbid(unsafe_code)]
#![deny(warnings)]

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use synapse_sdk::params::CheckContext;
use synapse_sdk::prelude::*;

#[params(check = splits_fit)]
#[serde(rename_all = "camelCase")]
struct TrainParams {
    // A function of `&str` checks a `String`.
    #[param(check = no_blank)]
    model_name: String,
    #[param(default = 0.8)]
    train_split: f64,
    #[param(default = 0.2)]
    test_split: f64,
    #[param(default = 8, check = |size| if size.is_power_of_two() { Ok(()) } else { Err("not a power of two") })]
    batch_size: u32,
    #[param(default, check = |path: &Path| if path.is_absolute() { Err("is absolute") } else { Ok(()) })]
    folder: PathBuf,
    #[param(default, check = |_name, ctx| nobody_knows(ctx))]
    owner: Option<String>,
    #[param(default, rename = "steps~of/it", check = at_most_two)]
    steps: Vec<Step>,
    #[param(default)]
    by_name: BTreeMap<String, Step>,
    #[param(default)]
    hashed: HashMap<String, Vec<Step>>,
    #[param(default)]
    maybe: Option<Box<Step>>,
    pair: Option<[Step; 2]>,
    #[serde(flatten)]
    more: More,
    #[param(default)]
    tree: Tree,
}

#[params]
#[derive(Default)]
struct Step {
    #[param(default = "step", check = no_blank)]
    name: String,
}

#[params]
struct More {
    #[param(default = 1, check = odd)]
    extra: u32,
}

#[params]
#[derive(Default)]
struct Tree {
    #[param(default, check = |value| if *value > 2 { Err(format!("{value} is above 2")) } else { Ok(()) })]
    value: u32,
    #[param(default)]
    children: Vec<Tree>,
}

/// A result can be a field of params, and its checks run there.
#[result(check = |point: &Point| if point.x == point.y { Err("on the line") } else { Ok(()) })]
struct Point {
    x: i32,
    y: i32,
}

#[params]
struct PointParams {
    point: Point,
}

fn no_blank(text: &str) -> std::result::Result<(), &'static str> {
    if text.trim().is_empty() { Err("is blank") } else { Ok(()) }
}

fn odd(number: &u32) -> Result<()> {
    if number % 2 == 1 { Ok(()) } else { Err(ValidationError::new("is even").into()) }
}

fn nobody_knows(ctx: CheckContext<'_>) -> std::result::Result<(), String> {
    if ctx.client().is_none() { Ok(()) } else { Err("there is a client".to_owned()) }
}

fn at_most_two(steps: &[Step]) -> std::result::Result<(), &'static str> {
    if steps.len() <= 2 { Ok(()) } else { Err("more than two") }
}

fn splits_fit(params: &TrainParams) -> Vec<Violation> {
    let mut found = Vec::new();
    if params.train_split + params.test_split > 1.0 {
        found.push(Violation::at("/testSplit", "train and test are more than everything"));
    }
    if params.model_name == "everything" {
        found.push(Violation::at("", "nothing has this name"));
    }
    found
}

/// Where something was found, and what.
fn found<P: Params>(json: Value) -> Vec<(String, String)> {
    let Err(error) = P::from_value(&json) else { return Vec::new() };
    let details = error.details_json();
    let list = details.as_array().unwrap_or_else(|| panic!("{error}"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    list.iter().map(|violation| (text(&violation["pointer"]), text(&violation["message"]))).collect()
}

fn pointers<P: Params>(json: Value) -> Vec<String> {
    found::<P>(json).into_iter().map(|(pointer, _)| pointer).collect()
}

fn main() {
    assert_eq!(found::<TrainParams>(json!({ "modelName": "net" })), []);
    let one = |pointer: &str, message: &str| vec![(pointer.to_owned(), message.to_owned())];
    assert_eq!(found::<TrainParams>(json!({ "modelName": " " })), one("/modelName", "is blank"));
    assert_eq!(
        found::<TrainParams>(json!({ "modelName": "net", "batchSize": 9 })),
        one("/batchSize", "not a power of two")
    );
    assert_eq!(
        found::<TrainParams>(json!({ "modelName": "net", "folder": "/tmp" })),
        one("/folder", "is absolute")
    );
    assert_eq!(
        found::<TrainParams>(json!({ "modelName": "everything", "trainSplit": 0.9, "batchSize": 3 })),
        [
            ("/batchSize".to_owned(), "not a power of two".to_owned()),
            ("/testSplit".to_owned(), "train and test are more than everything".to_owned()),
            (String::new(), "nothing has this name".to_owned()),
        ]
    );
    let blank = json!({ "name": "" });
    for (json, pointer) in [
        (json!({ "modelName": "net", "steps~of/it": [{}, blank] }), "/steps~0of~1it/1/name"),
        (json!({ "modelName": "net", "byName": { "a": blank } }), "/byName/a/name"),
        (json!({ "modelName": "net", "hashed": { "a/b": [blank] } }), "/hashed/a~1b/0/name"),
        (json!({ "modelName": "net", "maybe": blank }), "/maybe/name"),
        (json!({ "modelName": "net", "pair": [{ "name": "a" }, blank] }), "/pair/1/name"),
        (json!({ "modelName": "net", "extra": 2 }), "/extra"),
        (
            json!({ "modelName": "net", "tree": { "children": [{ "children": [{ "value": 3 }] }] } }),
            "/tree/children/0/children/0/value",
        ),
    ] {
        assert_eq!(pointers::<TrainParams>(json), [pointer]);
    }
    assert_eq!(found::<PointParams>(json!({ "point": { "x": 1, "y": 1 } })), one("/point", "on the line"));
    assert_eq!(found::<PointParams>(json!({ "point": { "x": 1, "y": 2 } })), []);
}
