//! Types of the author's own as fields, and how they are read where they are
//! left out.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, unused_qualifications)]

use std::collections::{BTreeMap, HashMap, HashSet};

use synapse_sdk::prelude::*;
use synapse_sdk::schema::{Contract, json_schema};

/// A type by hand is a field like any other.
#[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema, Debug, PartialEq, Eq, Hash)]
struct ByHand {
    value: u32,
}

/// A step.
#[params]
#[derive(Debug, PartialEq, Clone)]
pub struct Step {
    /// Its rate.
    #[param(ge = 0.0)]
    rate: f64,
}

/// A part of a result.
#[result]
#[derive(Debug)]
pub struct Part {
    step: Step,
    note: Option<Step>,
}

#[params]
#[derive(Debug)]
struct Holder {
    /// What it begins with.
    first: Step,
    #[param(default = Step { rate: 0.5 })]
    second: Step,
    /// What it may end with.
    last: Option<Step>,
    #[param(default = Some(Step { rate: 0.25 }))]
    given: Option<Step>,
    #[param(default)]
    list: Vec<Option<Step>>,
    #[param(default)]
    map: BTreeMap<String, Vec<Step>>,
    #[param(default)]
    hashed: HashMap<String, ByHand>,
    #[param(default)]
    set: HashSet<ByHand>,
    tuple: Option<(u8, Step)>,
    part: Option<Part>,
    node: Option<Box<Node>>,
}

#[params]
#[derive(Debug)]
struct Node {
    edges: Vec<Edge>,
}

#[params]
#[derive(Debug)]
struct Edge {
    to: Option<Box<Node>>,
}

fn main() {
    let read = Holder::from_json(r#"{ "first": { "rate": 1 } }"#).unwrap();
    assert_eq!((read.first.rate, read.second.rate), (1.0, 0.5));
    assert_eq!((read.last, read.given), (None, Some(Step { rate: 0.25 })));
    assert!(read.list.is_empty() && read.map.is_empty() && read.hashed.is_empty() && read.set.is_empty());
    assert!(read.tuple.is_none() && read.part.is_none() && read.node.is_none());

    let full = json!({
        "first": { "rate": 1.0 }, "second": { "rate": 2.0 }, "last": { "rate": 3.0 }, "given": null,
        "list": [null, { "rate": 4.0 }], "map": { "a": [{ "rate": 5.0 }] }, "hashed": { "b": { "value": 6 } },
        "set": [{ "value": 7 }], "tuple": [8, { "rate": 9.0 }],
        "part": { "step": { "rate": 10.0 }, "note": null },
        "node": { "edges": [{ "to": { "edges": [] } }, { "to": null }] },
    });
    let read = Holder::from_value(&full).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), full);

    let error = Holder::from_json(r#"{ "first": { "rate": -1 }, "last": { "rat": 1 } }"#).unwrap_err();
    let details = error.details_json();
    let pointers: Vec<_> =
        details.as_array().unwrap().iter().map(|found| found["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/first/rate", "/last/rat", "/last/rate"]);
    assert!(Holder::from_json("{}").is_err());

    // The schema is the one that schemars' derive would give.
    let schema = json_schema::<Holder>(Contract::Params);
    assert_eq!(schema["required"], json!(["first"]));
    let properties = &schema["properties"];
    assert_eq!(properties["first"], json!({ "description": "What it begins with.", "$ref": "#/$defs/Step" }));
    assert_eq!(
        properties["last"],
        json!({
            "description": "What it may end with.",
            "anyOf": [{ "$ref": "#/$defs/Step" }, { "type": "null" }]
        })
    );
    assert_eq!(properties["second"]["default"], json!({ "rate": 0.5 }));
    assert_eq!(properties["given"]["default"], json!({ "rate": 0.25 }));
    let schema = json_schema::<Part>(Contract::Result);
    assert_eq!(schema["required"], json!(["step", "note"]));
    let part = Part { step: Step { rate: 1.0 }, note: None };
    assert_eq!(serde_json::to_value(&part).unwrap(), json!({ "step": { "rate": 1.0 }, "note": null }));
}
