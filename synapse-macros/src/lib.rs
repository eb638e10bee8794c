//! Macros of the Synapse plugin SDK. Authors use them through `synapse_sdk`,
//! where they are documented with examples.
//!
//! Each macro reports every mistake it can find at once, at the place where it
//! was made, and hands the author's item back unchanged, so that one mistake
//! does not look like ten.

mod action_args;
mod action_derive;
mod action_fn;
mod data_type;
mod docs;
#[cfg(test)]
mod golden;
mod keys;
mod names;
mod params;
mod register;
mod signature;
mod sink;
mod words;

use proc_macro::TokenStream;

/// Makes a function an action.
///
/// The function takes its params by value and a `&Context`, and returns a
/// `Result`. It stays what it is and can be called in tests. Beside it stands a
/// type of the same name, by which `export_plugin!` and `LocalExecutor` know
/// the action. An action named like its module is therefore called by its path,
/// `train::train`: a `use` of it would meet the module.
///
/// | key | meaning | default |
/// |---|---|---|
/// | `name = "…"` | the action's public name | the function's |
/// | `description = "…"` | for people | the doc comment |
/// | `params = T` | the params' type, if it should be said twice | the first argument's |
/// | `result = T` | the type a result in JSON is checked against | the returned type |
/// | `category = Export` | a category of the action's own | the plugin's |
/// | `input = YoloDataset` | the data it expects | none |
/// | `output = ModelWeights` | the data it produces | none |
/// | `method = Job` | how it is best run | none |
/// | `exclusive` | calls never overlap | they may |
/// | `strict_result` | a result against its schema fails the call | it warns |
#[proc_macro_attribute]
pub fn action(args: TokenStream, item: TokenStream) -> TokenStream {
    action_fn::expand(args.into(), item.into()).into()
}

/// Makes a type an action whose object is made once and serves many calls.
///
/// Takes the keys of [`macro@action`] in `#[action(…)]` on the type. The object
/// is made by the type's own `fn setup(ctx: &Context) -> Result<Self>`, or by
/// its `Default`; `impl Action` says what a call does.
#[proc_macro_derive(Action, attributes(action))]
pub fn derive_action(item: TokenStream) -> TokenStream {
    action_derive::expand(item.into()).into()
}

/// Makes a type a data type: `#[data_type(parent = Dataset, format = "…")]`.
///
/// | key | meaning | default |
/// |---|---|---|
/// | `parent = T` | the next more general type | `Data` |
/// | `id = "…"` | the name in configs | the type's, in snake case |
/// | `format = "…"` | the file format | none |
/// | `description = "…"` | for people | the doc comment |
#[proc_macro_derive(DataType, attributes(data_type))]
pub fn derive_data_type(item: TokenStream) -> TokenStream {
    data_type::expand(item.into()).into()
}

/// Makes a struct or enum an action's params: it can be read from JSON, has a
/// JSON Schema, and is checked against it. Unknown fields are refused.
///
/// | key of `#[param(…)]` on a field | meaning |
/// |---|---|
/// | `default`, `default = expr` | may be left out |
/// | `ge = n`, `gt = n`, `le = n`, `lt = n` | bounds of a number |
/// | `multiple_of = n` | steps of a number |
/// | `length(min = n, max = n)` | characters of a text |
/// | `items(min = n, max = n)` | items of a list |
/// | `rename = "…"`, `alias = "…"` | other names in JSON |
#[proc_macro_attribute]
pub fn params(args: TokenStream, item: TokenStream) -> TokenStream {
    params::expand(params::Kind::Params, args.into(), item.into()).into()
}

/// Makes a struct or enum an action's result: it can be written as JSON and has
/// a JSON Schema. Takes the same keys as [`macro@params`].
#[proc_macro_attribute]
pub fn result(args: TokenStream, item: TokenStream) -> TokenStream {
    params::expand(params::Kind::Result, args.into(), item.into()).into()
}
