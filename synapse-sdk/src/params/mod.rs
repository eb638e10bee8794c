//! Params: what an action is called with, and the checks of its author's own.
//!
//! ```
//! use synapse_sdk::prelude::*;
//!
//! #[params(check = shares_fit)]
//! #[derive(Debug)]
//! struct SplitParams {
//!     /// Share that is trained on
//!     #[param(default = 0.8, ge = 0, le = 1)]
//!     train: f64,
//!     #[param(default = 0.2, ge = 0, le = 1)]
//!     test: f64,
//!     #[param(default = 8, check = |size| if size.is_power_of_two() { Ok(()) } else { Err("no power of two") })]
//!     batch_size: u32,
//! }
//!
//! fn shares_fit(params: &SplitParams) -> std::result::Result<(), &'static str> {
//!     if params.train + params.test > 1.0 { Err("train and test are more than everything") } else { Ok(()) }
//! }
//!
//! let error = SplitParams::from_json(r#"{ "train": 0.9, "batch_size": 9 }"#).unwrap_err();
//! let found: Vec<_> = error.details_json().as_array().unwrap().iter().map(|v| v["pointer"].clone()).collect();
//! assert_eq!(found, ["/batch_size", ""]);
//! ```

mod dive;
mod fields;
mod findings;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::action::read_params;
use crate::errors::{Result, ResultExt};
use crate::schema::Schema;

pub use dive::{Dive, Probe, Skip};
pub use fields::{Each, Entries, List, Ordered, ParamField, Text, TextDefault, without_default};
pub use findings::{CheckContext, CheckError, CheckOutcome, Findings};

/// What an action can be called with.
///
/// `#[params]` implements it. With serde and schemars derives of one's own an
/// empty `impl Params for MyParams {}` is enough.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an action's params",
    label = "not a params type",
    note = "write `#[params]` on the struct; with serde and schemars derives of your own, \
            `impl synapse_sdk::Params for {Self} {{}}` is enough"
)]
pub trait Params: DeserializeOwned + JsonSchema + 'static {
    /// Checks what a schema cannot say, once the params fit their schema and
    /// were read. `#[params]` writes this from `check = …`.
    fn check(&self, found: &mut Findings<'_>) {
        let _ = found;
    }

    /// Reads and checks params from JSON text, for tests and tools.
    ///
    /// ```
    /// use synapse_sdk::prelude::*;
    ///
    /// #[params]
    /// #[derive(Debug)]
    /// struct TrainParams {
    ///     #[param(default = 100, ge = 1)]
    ///     epochs: u32,
    /// }
    ///
    /// assert_eq!(TrainParams::from_json("{}")?.epochs, 100);
    /// let refused = TrainParams::from_json(r#"{ "epochs": 0 }"#).unwrap_err();
    /// assert_eq!(refused.details_json()[0]["rule"], "minimum");
    /// # Ok::<(), PluginError>(())
    /// ```
    ///
    /// # Errors
    /// [`Usage`](crate::ErrorKind::Usage) when it is not JSON;
    /// [`Validation`](crate::ErrorKind::Validation) with every violation in its
    /// details.
    fn from_json(json: &str) -> Result<Self> {
        let schema = Schema::of::<Self>()?;
        read_params(json.as_bytes(), &schema, short_name::<Self>(), CheckContext::default())
    }

    /// The same from a JSON value.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json).
    fn from_value(value: &Value) -> Result<Self> {
        Self::from_json(&serde_json::to_string(value).context("params as JSON")?)
    }
}

#[diagnostic::do_not_recommend]
impl Params for () {}
#[diagnostic::do_not_recommend]
impl Params for Value {}

/// A type's name without its path.
fn short_name<T>() -> &'static str {
    let name = std::any::type_name::<T>();
    name.rsplit("::").next().unwrap_or(name)
}
