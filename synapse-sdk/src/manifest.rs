//! What a plugin describes of itself once it is loaded: actions, schemas, data types.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::abi::identity::ListedAction;
use crate::action::{ActionDef, ActionExample, registry};
use crate::data_type::DataTypeFacts;
use crate::words::{Category, Method};

/// A plugin's description of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the SDK it was built with.
    pub sdk: String,
    /// Its actions, by name.
    pub actions: Vec<ActionSpec>,
    /// The data types they name, and the ancestors of those.
    pub data_types: Vec<DataTypeSpec>,
}

/// An action in a manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionSpec {
    /// The name it was registered under.
    pub name: String,
    /// The function's or type's name in the source.
    pub item: String,
    /// The module it stands in, with the crate's name first.
    pub module: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// The category, when one was declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// The method, when one was declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// The id of the input type, when one was declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_type: Option<String>,
    /// The id of the output type, when one was declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_type: Option<String>,
    /// Whether calls must not overlap.
    #[serde(default)]
    pub exclusive: bool,
    /// Whether a call only computes, so that it may be tried with any params.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pure: bool,
    /// Params with the results they give.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<ExampleSpec>,
    /// JSON Schema of the params.
    pub params: Value,
    /// JSON Schema of the result.
    pub result: Value,
}

/// An example of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExampleSpec {
    /// What the action is called with.
    pub params: Value,
    /// What it gives, where more matters than that it succeeds.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "written")]
    pub result: Option<Value>,
}

/// An expected `null` is something other than none.
fn written<'de, D: Deserializer<'de>>(json: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(json).map(Some)
}

/// A data type in a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataTypeSpec {
    /// Its id.
    pub id: String,
    /// The file format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// The id of the next more general type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

impl Manifest {
    /// The manifest of this image.
    pub fn of_this_image() -> Self {
        let defs = registry();
        let mut data_types: Vec<DataTypeSpec> = Vec::new();
        let named = defs.iter().flat_map(|def| [def.facts().input, def.facts().output]).flatten();
        // Two types of one id both stand here: the host refuses them.
        for spec in named.flat_map(DataTypeFacts::lineage).map(DataTypeSpec::from) {
            if !data_types.contains(&spec) {
                data_types.push(spec);
            }
        }
        Self {
            sdk: crate::abi::identity::SDK_VERSION.to_owned(),
            actions: defs.iter().map(|def| ActionSpec::of(def)).collect(),
            data_types,
        }
    }
}

impl ActionSpec {
    fn of(def: &ActionDef) -> Self {
        let facts = def.facts();
        let id = |data_type: Option<&DataTypeFacts>| data_type.map(|facts| facts.id.to_owned());
        Self {
            name: facts.name.to_owned(),
            item: facts.item.to_owned(),
            module: facts.module.to_owned(),
            description: facts.description.to_owned(),
            category: facts.category,
            method: facts.method,
            input_type: id(facts.input),
            output_type: id(facts.output),
            exclusive: facts.exclusive,
            pure: facts.pure,
            examples: facts.examples.iter().map(ExampleSpec::from).collect(),
            params: def.params_schema(),
            result: def.result_schema(),
        }
    }
}

impl From<&ActionExample> for ExampleSpec {
    fn from(example: &ActionExample) -> Self {
        // The macro wrote both as JSON.
        let read = |text: &str| serde_json::from_str(text).unwrap_or_default();
        Self { params: read(example.params), result: example.result.map(read) }
    }
}

impl From<&ActionSpec> for ListedAction {
    fn from(spec: &ActionSpec) -> Self {
        Self {
            name: spec.name.clone(),
            item: spec.item.clone(),
            module: spec.module.clone(),
            method: spec.method.map(|method| method.as_str().to_owned()).unwrap_or_default(),
            category: spec.category.map(|category| category.as_str().to_owned()).unwrap_or_default(),
            input: spec.input_type.clone().unwrap_or_default(),
            output: spec.output_type.clone().unwrap_or_default(),
        }
    }
}

impl From<&DataTypeFacts> for DataTypeSpec {
    fn from(facts: &DataTypeFacts) -> Self {
        Self {
            id: facts.id.to_owned(),
            format: facts.format.map(str::to_owned),
            description: facts.description.to_owned(),
            parent: facts.parent.map(|parent| parent.id.to_owned()),
        }
    }
}
