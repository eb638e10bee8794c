//! Enums of every tagging: what the schema says, what is read, and where a
//! check's finding stands, agree.
#![forbid(unsafe_code)]
#![deny(warnings)]

use synapse_sdk::prelude::*;
use synapse_sdk::schema::{Contract, json_schema};

#[params]
#[derive(Debug)]
enum External {
    Plain,
    Single(Sgd),
    Number(#[param(ge = 1)] u32),
    TwoOf(u32, Sgd),
    WithFields {
        #[param(default = 0.5, ge = 0, le = 1, check = |rate| if *rate == 0.25 { Err("a quarter") } else { Ok(()) })]
        learning_rate: f64,
        sgd: Option<Sgd>,
    },
}

#[params]
#[derive(Debug)]
#[serde(tag = "kind")]
enum Internal {
    Plain,
    Single(Sgd),
    #[serde(rename = "fields", rename_all = "kebab-case")]
    WithFields {
        #[param(default = 0.5, check = not_a_quarter)]
        learning_rate: f64,
    },
}

#[params]
#[derive(Debug)]
#[serde(
    tag = "kind",
    content = "value",
    rename_all = "SCREAMING_SNAKE_CASE",
    rename_all_fields = "camelCase"
)]
enum Adjacent {
    Plain,
    SingleOne(Sgd),
    WithFields {
        #[param(default = 0.5, check = not_a_quarter)]
        learning_rate: f64,
    },
}

#[params]
#[derive(Debug)]
#[serde(untagged)]
enum Untagged {
    Single(Sgd),
    WithFields {
        #[param(check = not_a_quarter)]
        learning_rate: f64,
    },
    Word(String),
}

#[params]
#[derive(Debug, Default)]
struct Sgd {
    #[param(default, check = |momentum| if *momentum > 1.0 { Err("too fast") } else { Ok(()) })]
    momentum: f64,
}

#[params]
#[derive(Debug, Clone, Copy, PartialEq, Default)]
enum Plain {
    #[default]
    Adam,
    PlainSgd,
    #[serde(rename = "RMS")]
    RmsProp,
}

#[params]
#[derive(Debug)]
struct Holder {
    external: Option<External>,
    internal: Option<Internal>,
    adjacent: Option<Adjacent>,
    untagged: Option<Untagged>,
    #[param(default = Plain::RmsProp)]
    plain: Plain,
}

fn not_a_quarter(rate: &f64) -> std::result::Result<(), &'static str> {
    if *rate == 0.25 { Err("a quarter") } else { Ok(()) }
}

fn pointers(json: Value) -> Vec<String> {
    let Err(error) = Holder::from_value(&json) else { return Vec::new() };
    let details = error.details_json();
    let list = details.as_array().unwrap_or_else(|| panic!("{error}"));
    list.iter().map(|violation| violation["pointer"].as_str().unwrap().to_owned()).collect()
}

fn main() {
    for fine in [
        json!({ "external": "plain" }),
        json!({ "external": { "single": {} } }),
        json!({ "external": { "number": 1 } }),
        json!({ "external": { "two_of": [1, { "momentum": 0.5 }] } }),
        json!({ "external": { "with_fields": { "sgd": { "momentum": 1 } } } }),
        json!({ "external": { "with_fields": {} } }),
        json!({ "internal": { "kind": "plain" } }),
        json!({ "internal": { "kind": "single", "momentum": 0.5 } }),
        json!({ "internal": { "kind": "fields", "learning-rate": 0.5 } }),
        json!({ "adjacent": { "kind": "PLAIN" } }),
        json!({ "adjacent": { "kind": "SINGLE_ONE", "value": { "momentum": 1 } } }),
        json!({ "adjacent": { "kind": "WITH_FIELDS", "value": { "learningRate": 1 } } }),
        json!({ "untagged": { "momentum": 0.5 } }),
        json!({ "untagged": { "learning_rate": 0.5 } }),
        json!({ "untagged": "word" }),
        json!({ "plain": "plain_sgd" }),
        json!({ "plain": "RMS" }),
    ] {
        assert_eq!(pointers(fine.clone()), [] as [&str; 0], "{fine}");
    }
    // Checks, each with the place that it has in JSON.
    for (json, pointer) in [
        (json!({ "external": { "single": { "momentum": 2 } } }), "/external/single/momentum"),
        (json!({ "external": { "two_of": [1, { "momentum": 2 }] } }), "/external/two_of/1/momentum"),
        (
            json!({ "external": { "with_fields": { "learning_rate": 0.25 } } }),
            "/external/with_fields/learning_rate",
        ),
        (
            json!({ "external": { "with_fields": { "sgd": { "momentum": 2 } } } }),
            "/external/with_fields/sgd/momentum",
        ),
        (json!({ "internal": { "kind": "single", "momentum": 2 } }), "/internal/momentum"),
        (json!({ "internal": { "kind": "fields", "learning-rate": 0.25 } }), "/internal/learning-rate"),
        (
            json!({ "adjacent": { "kind": "SINGLE_ONE", "value": { "momentum": 2 } } }),
            "/adjacent/value/momentum",
        ),
        (
            json!({ "adjacent": { "kind": "WITH_FIELDS", "value": { "learningRate": 0.25 } } }),
            "/adjacent/value/learningRate",
        ),
        (json!({ "untagged": { "momentum": 2 } }), "/untagged/momentum"),
        (json!({ "untagged": { "learning_rate": 0.25 } }), "/untagged/learning_rate"),
    ] {
        assert_eq!(pointers(json.clone()), [pointer], "{json}");
    }
    // Unknown fields and broken rules are refused within variants too.
    for refused in [
        json!({ "external": { "number": 0 } }),
        json!({ "external": { "with_fields": { "learning_rate": 2 } } }),
        json!({ "external": { "with_fields": { "extra": 1 } } }),
        json!({ "external": { "plain": null, "single": {} } }),
        json!({ "internal": { "kind": "plain", "extra": 1 } }),
        json!({ "internal": { "kind": "single", "extra": 1 } }),
        json!({ "internal": { "kind": "fields", "extra": 1 } }),
        json!({ "adjacent": { "kind": "PLAIN", "extra": 1 } }),
        json!({ "adjacent": { "kind": "WITH_FIELDS", "value": { "extra": 1 } } }),
        json!({ "untagged": { "learning_rate": 0.5, "momentum": 0.5 } }),
        json!({ "plain": "sgd" }),
    ] {
        assert_ne!(pointers(refused.clone()), [] as [&str; 0], "{refused}");
    }
    let schema = json_schema::<Holder>(Contract::Params);
    assert_eq!(schema["$defs"]["Plain"]["enum"], json!(["adam", "plain_sgd", "RMS"]));
    assert_eq!(schema["properties"]["plain"]["default"], json!("RMS"));
    assert_eq!(schema["$defs"]["Plain"].get("additionalProperties"), None);
}
