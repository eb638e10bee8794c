//! Names: renamed, aliased, in every style of serde's.
#![forbid(unsafe_code)]
#![deny(warnings)]

use synapse_sdk::prelude::*;
use synapse_sdk::schema::{Contract, json_schema};

#[params]
struct Aliased {
    #[param(rename = "kind", alias = "sort", alias = "type", default = "a")]
    r#type: String,
    #[serde(alias = "batch-size")]
    #[param(alias = "batch", default = 8)]
    batch_size: u32,
    #[param(default = 1)]
    epochs: u32,
}

macro_rules! styles {
    ($($module:ident $style:literal $field:literal $variant:literal;)*) => {
        $(mod $module {
            use synapse_sdk::prelude::*;

            #[params]
            #[serde(rename_all = $style)]
            pub struct Fields {
                #[param(check = odd)]
                pub batch_size: u32,
            }

            #[params]
            #[serde(rename_all = $style)]
            pub enum Variants {
                PlainSgd {
                    #[param(check = odd)]
                    rate: u32
                },
            }

            fn odd(number: &u32) -> std::result::Result<(), &'static str> {
                if number % 2 == 1 { Ok(()) } else { Err("even") }
            }
        })*

        fn check_all() {
            $(
                let fields = $module::Fields::from_value(&json!({ $field: 3 })).unwrap();
                assert_eq!(fields.batch_size, 3);
                let error = $module::Fields::from_value(&json!({ $field: 2 })).err().unwrap();
                assert_eq!(error.details_json()[0]["pointer"], concat!("/", $field));
                let $module::Variants::PlainSgd { rate } =
                    $module::Variants::from_value(&json!({ $variant: { "rate": 3 } })).unwrap();
                assert_eq!(rate, 3);
                let error = $module::Variants::from_value(&json!({ $variant: { "rate": 2 } })).err().unwrap();
                assert_eq!(error.details_json()[0]["pointer"], concat!("/", $variant, "/rate"));
            )*
        }
    };
}

styles! {
    lower "lowercase" "batch_size" "plainsgd";
    upper "UPPERCASE" "BATCH_SIZE" "PLAINSGD";
    pascal "PascalCase" "BatchSize" "PlainSgd";
    camel "camelCase" "batchSize" "plainSgd";
    snake "snake_case" "batch_size" "plain_sgd";
    screaming_snake "SCREAMING_SNAKE_CASE" "BATCH_SIZE" "PLAIN_SGD";
    kebab "kebab-case" "batch-size" "plain-sgd";
    screaming_kebab "SCREAMING-KEBAB-CASE" "BATCH-SIZE" "PLAIN-SGD";
}

fn main() {
    let schema = json_schema::<Aliased>(Contract::Params);
    let properties = &schema["properties"];
    assert_eq!(properties["kind"]["x-aliases"], json!(["sort", "type"]));
    assert_eq!(properties["batch_size"]["x-aliases"], json!(["batch", "batch-size"]));
    assert_eq!(properties["epochs"].get("x-aliases"), None);
    let read: Aliased = serde_json::from_value(json!({ "type": "b", "batch-size": 4 })).unwrap();
    assert_eq!((read.r#type.as_str(), read.batch_size, read.epochs), ("b", 4, 1));
    let checked = Aliased::from_value(&json!({ "type": "b", "batch-size": 4 })).unwrap();
    assert_eq!((checked.r#type.as_str(), checked.batch_size, checked.epochs), ("b", 4, 1));
    let twice = Aliased::from_value(&json!({ "kind": "a", "sort": "b" })).err().unwrap();
    assert_eq!(twice.details_json()[0]["rule"], "duplicate");
    check_all();
}
