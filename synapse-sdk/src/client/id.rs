//! What names a dataset or a model.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The identifier of a dataset or a model: a number (`123`), or a text
/// (`"model-1"`). Params may have fields of this type.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Id {
    /// As in `123`.
    Number(u64),
    /// As in `"model-1"`.
    Text(String),
}

impl Id {
    /// The identifier a JSON value is, when it is one.
    pub fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => number.as_u64().map(Self::Number),
            Value::String(text) if !text.is_empty() => Some(Self::Text(text.clone())),
            _ => None,
        }
    }

    /// The same as a JSON value.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Number(number) => Value::from(*number),
            Self::Text(text) => Value::from(text.as_str()),
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl From<u64> for Id {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Id {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Id {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl JsonSchema for Id {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "string"], "minimum": 0, "maximum": u64::MAX, "minLength": 1 })
    }
}

/// What may stand where an identifier is asked for that params may lack: an
/// [`Id`], a number, a text, or an `Option` of these.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no identifier",
    label = "expected an identifier, or none",
    note = "give the field of the params as it is: `Id`, `u64`, a text, or an `Option` of these"
)]
pub trait IntoId {
    /// The identifier, where there is one.
    fn into_id(self) -> Option<Id>;
}

macro_rules! ids {
    ($($given:ty),*) => {$(
        #[diagnostic::do_not_recommend]
        impl IntoId for $given {
            fn into_id(self) -> Option<Id> {
                Some(self.into())
            }
        }
    )*};
}
ids!(Id, u64, &str, String);

#[diagnostic::do_not_recommend]
impl IntoId for &Id {
    fn into_id(self) -> Option<Id> {
        Some(self.clone())
    }
}

#[diagnostic::do_not_recommend]
impl<T: IntoId> IntoId for Option<T> {
    fn into_id(self) -> Option<Id> {
        self?.into_id()
    }
}

#[diagnostic::do_not_recommend]
impl<T> IntoId for &Option<T>
where
    for<'a> &'a T: IntoId,
{
    fn into_id(self) -> Option<Id> {
        self.as_ref()?.into_id()
    }
}
