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
mod json;
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
/// | `workflow` | on a type: it is made of steps, by `impl WorkflowAction` | `impl Action` says what a call does |
/// | `strict_result` | a result against its schema fails the call | it warns |
/// | `example = {…} => {…}` | params, and the result they give: `synapse plugin test` runs them. May stand several times | none |
/// | `pure` | a call only computes: it may be tried with any params | it may do more |
///
/// An example is JSON: `example = { "name": "Ada" } => { "message": "Hello Ada!" }`.
/// What the result has beside the fields written may be anything; without `=>`
/// the run has to succeed, whatever it gives.
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
/// A field without `default` that is no `Option` is required. Its doc comment
/// is its description. What a form cannot show, a rule cannot say and serde
/// cannot read is told while compiling, at the key that asks for it.
///
/// A type of one's own can be a field when it stands under `#[params]` or
/// `#[result]` itself; a type with derives of serde and schemars by hand can
/// too. An enum of words has its variants in snake case. Enums with fields take
/// `#[param(…)]` on these, and serde's `tag`, `content` and `untagged`. A struct
/// with one field without a name passes its rules on to wherever it stands.
/// Attributes of serde and schemars stand beside `#[param(…)]` and mean what
/// they mean there.
///
/// ## Keys of `#[param(…)]` on a field
///
/// | what may be given | on | meaning |
/// |---|---|---|
/// | `default` | any type | may be left out, and is then the type's own default |
/// | `default = expr` | any type | the same with this value. Texts, numbers and `[lists]` become what the field's type wants, `Some` included |
/// | `ge = n`, `gt = n`, `le = n`, `lt = n` | numbers | bounds: greater or equal, greater, less or equal, less |
/// | `multiple_of = n` | numbers | steps, greater than 0 |
/// | `length(min = n, max = n)` | texts | how many characters |
/// | `pattern = "…"` | texts | a regular expression that the text holds; `^…$` for all of it. Only what ECMA 262 and Rust share |
/// | `items(min = n, max = n, unique)` | lists, sets | how many items, and whether each stands once |
/// | `entries(min = n, max = n)` | maps | how many entries |
/// | `each(…)` | lists, maps | `ge`, `gt`, `le`, `lt`, `multiple_of`, `length`, `pattern` for every item or value |
/// | `check = f` | any type | a check in code, see below |
///
/// | name | meaning |
/// |---|---|
/// | `rename = "…"` | its name in JSON |
/// | `alias = "…"` | a further name under which it is read; may stand several times |
///
/// | what a form shows | meaning |
/// |---|---|
/// | `exclude_from_ui` | it stands in no form: the platform fills it, or its default does |
/// | `hidden` | it stands in the form and is not shown; it needs a default |
/// | `label = "…"`, `help = "…"`, `placeholder = "…"`, `unit = "…"` | words beside it |
/// | `widget = "slider"` | what kind of input it is |
/// | `step = 0.1`, `step = "any"` | how far one click moves it |
/// | `group = "…"` | fields of one group stand together |
/// | `order = n` | lower ones first; 0 where nothing is said |
/// | `if(field = value, other = [a, b], flag)` | shown only while the other fields have one of these values; a flag alone is `true` |
///
/// ## Keys of `#[params(…)]` on the type
///
/// | key | meaning |
/// |---|---|
/// | `check = f` | a check that sees all fields |
/// | `exclude_from_ui` | there is no form |
/// | `allow_unknown` | fields that the type does not have are ignored |
///
/// ## Checks in code
///
/// A check runs once the params fit their schema. It is a function of `&T`, or a
/// closure `|value| …`; a closure `|value, ctx| …` gets the
/// `CheckContext` as well. It returns `Result<(), E>` with a text, an error or a
/// `Violation`, or a `Vec<Violation>`. A function of `&str` checks a `String`; an
/// `Option` is given as such. What it finds is told with the place in the JSON,
/// however deep the type is nested.
#[proc_macro_attribute]
pub fn params(args: TokenStream, item: TokenStream) -> TokenStream {
    params::expand(params::Kind::Params, args.into(), item.into()).into()
}

/// Makes a struct or enum an action's result: it can be written as JSON and has
/// a JSON Schema. Fields take the same keys as under [`macro@params`]: rules and
/// names stand in the schema that the result is checked against.
///
/// | key of `#[result(…)]` | meaning |
/// |---|---|
/// | `check = f`, `exclude_from_ui` | as under [`macro@params`], where the type is a field of params |
///
/// Fields that the type does not have are never refused.
#[proc_macro_attribute]
pub fn result(args: TokenStream, item: TokenStream) -> TokenStream {
    params::expand(params::Kind::Result, args.into(), item.into()).into()
}
