//! Hints for forms stand in `x-ui`.
#![forbid(unsafe_code)]
#![deny(warnings)]

use synapse_sdk::prelude::*;
use synapse_sdk::schema::{Contract, json_schema};

const LARGEST: i64 = 7;

#[params]
#[serde(rename_all = "camelCase")]
struct TrainParams {
    /// How it steps.
    #[param(default = Optimiser::Adam, label = "Optimiser", group = "Training", order = -1)]
    optimiser_kind: Optimiser,
    #[param(default = 0.9, widget = "slider", step = 0.05, unit = "%", help = "more is faster",
            if(optimiser_kind = Optimiser::Sgd, augmentImages, epochs = [1, -2, LARGEST]))]
    momentum: f64,
    #[param(default = true)]
    augment_images: bool,
    #[param(default = 10, step = "any", placeholder = "10", hidden)]
    epochs: i64,
    #[param(exclude_from_ui)]
    data_path: String,
    #[param(if(dataPath = "x"))]
    note: Option<String>,
}

#[params]
#[derive(Clone, Copy)]
enum Optimiser {
    Adam,
    Sgd,
}

#[params]
#[serde(tag = "kind")]
enum Loss {
    Plain,
    Weighted {
        #[param(default)]
        automatic: bool,
        #[param(default = 1.0, if(automatic = false))]
        weight: f64,
    },
}

/// Stands in no form at all.
#[params(exclude_from_ui)]
struct Internal {
    #[param(default)]
    value: u32,
}

#[params(allow_unknown)]
struct Lenient {
    #[param(default = 3)]
    value: u32,
}

fn main() {
    let schema = json_schema::<TrainParams>(Contract::Params);
    let ui = |field: &str| schema["properties"][field]["x-ui"].clone();
    assert_eq!(ui("optimiserKind"), json!({ "label": "Optimiser", "group": "Training", "order": -1 }));
    assert_eq!(
        ui("momentum"),
        json!({
            "widget": "slider", "step": 0.05, "unit": "%", "help": "more is faster",
            "if": { "optimiserKind": ["sgd"], "augmentImages": [true], "epochs": [1, -2, 7] }
        })
    );
    assert_eq!(ui("augmentImages"), Value::Null);
    assert_eq!(ui("epochs"), json!({ "step": "any", "placeholder": "10", "hidden": true }));
    assert_eq!(ui("dataPath"), json!({ "exclude": true }));
    assert_eq!(ui("note"), json!({ "if": { "dataPath": ["x"] } }));

    let schema = json_schema::<Loss>(Contract::Params);
    let weighted = &schema["oneOf"][1]["properties"];
    assert_eq!(weighted["weight"]["x-ui"], json!({ "if": { "automatic": [false] } }));

    let schema = json_schema::<Internal>(Contract::Params);
    assert_eq!(schema["x-ui"], json!({ "exclude": true }));

    assert_eq!(Lenient::from_json(r#"{ "other": 1 }"#).unwrap().value, 3);
    assert_eq!(json_schema::<Lenient>(Contract::Params).get("additionalProperties"), None);
}
