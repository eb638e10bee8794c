//! The keys of `#[action(…)]`.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, Ident, LitStr, Path, Token, Type};

use crate::json::json;
use crate::keys::{flag, key_of, path, read_attributes, read_keys, set, text, ty, value_of};
use crate::names::{known, name_fault};
use crate::sink::Sink;
use crate::words::{CATEGORY, METHOD, Vocabulary};

const KEYS: &[&str] = &[
    "name",
    "description",
    "params",
    "result",
    "category",
    "input",
    "output",
    "method",
    "exclusive",
    "strict_result",
    "example",
    "pure",
    "workflow",
];

/// What was written in `#[action(…)]`.
#[derive(Default)]
pub(crate) struct ActionArgs {
    pub(crate) name: Option<LitStr>,
    pub(crate) description: Option<LitStr>,
    pub(crate) params: Option<Type>,
    pub(crate) result: Option<Type>,
    pub(crate) category: Option<Path>,
    pub(crate) method: Option<Path>,
    pub(crate) input: Option<Path>,
    pub(crate) output: Option<Path>,
    exclusive: Option<bool>,
    strict_result: Option<bool>,
    examples: Vec<Example>,
    pure: Option<bool>,
    /// Where it was said.
    workflow: Option<Span>,
}

/// Params, and the result they give where that was written.
struct Example {
    params: String,
    result: Option<String>,
}

impl ActionArgs {
    /// Reads the tokens between the parentheses of an attribute macro.
    pub(crate) fn from_tokens(tokens: TokenStream, sink: &mut Sink) -> Self {
        let mut args = Self::default();
        read_keys(tokens, sink, |meta| args.key(meta));
        args.check(sink);
        if let Some(span) = args.workflow {
            let fault = "a workflow needs a type: `#[derive(Action)] #[action(workflow)]`";
            sink.push(syn::Error::new(span, fault));
        }
        args
    }

    /// Reads the `#[action(…)]` attributes on an item.
    pub(crate) fn from_attributes(attributes: &[Attribute], sink: &mut Sink) -> Self {
        let mut args = Self::default();
        read_attributes(attributes, "action", sink, |meta| args.key(meta));
        args.check(sink);
        args
    }

    fn key(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        let key = key_of(meta);
        match key.as_str() {
            "name" => set(&mut self.name, meta, text(meta)?),
            "description" => set(&mut self.description, meta, text(meta)?),
            "params" => set(&mut self.params, meta, ty(meta)?),
            "result" => set(&mut self.result, meta, ty(meta)?),
            "category" => set(&mut self.category, meta, CATEGORY.read(meta)?),
            "method" => set(&mut self.method, meta, METHOD.read(meta)?),
            "input" => set(&mut self.input, meta, path(meta)?),
            "output" => set(&mut self.output, meta, path(meta)?),
            "exclusive" => set(&mut self.exclusive, meta, flag(meta)?),
            "strict_result" => set(&mut self.strict_result, meta, flag(meta)?),
            "example" => {
                self.examples.push(example(meta)?);
                Ok(())
            }
            "pure" => set(&mut self.pure, meta, flag(meta)?),
            "workflow" => {
                let is_one = flag(meta)?;
                set(&mut self.workflow, meta, meta.path.span())?;
                self.workflow = self.workflow.filter(|_| is_one);
                Ok(())
            }
            _ => Err(meta.error(format!("no such key{}", known(&key, KEYS)))),
        }
    }

    fn check(&self, sink: &mut Sink) {
        if let Some(name) = &self.name
            && let Some(fault) = name_fault(&name.value())
        {
            sink.add(name, fault);
        }
    }

    /// Whether calls must not overlap.
    pub(crate) fn exclusive(&self) -> bool {
        self.exclusive.unwrap_or_default()
    }

    /// Whether a result against its schema fails the call.
    pub(crate) fn strict_result(&self) -> bool {
        self.strict_result.unwrap_or_default()
    }

    /// Whether a call only computes.
    pub(crate) fn pure(&self) -> bool {
        self.pure.unwrap_or_default()
    }

    /// Whether it is made of steps.
    pub(crate) fn workflow(&self) -> bool {
        self.workflow.is_some()
    }

    /// The expressions of the examples.
    pub(crate) fn example_tokens(&self) -> impl Iterator<Item = TokenStream> + '_ {
        self.examples.iter().map(|Example { params, result }| {
            let result = match result {
                Some(result) => quote!(::core::option::Option::Some(#result)),
                None => quote!(::core::option::Option::None),
            };
            quote!(::synapse_sdk::__private::ActionExample { params: #params, result: #result })
        })
    }

    /// The action's name: the one written, else `default`, which has to be one.
    pub(crate) fn name(&self, item: &Ident, default: String, sink: &mut Sink) -> String {
        if let Some(name) = &self.name {
            return name.value();
        }
        if let Some(fault) = name_fault(&default) {
            sink.add(item, format!("{fault}: add `#[action(name = \"…\")]`"));
        }
        default
    }

    /// The expression of the category: `Option<Category>`.
    pub(crate) fn category_tokens(&self) -> TokenStream {
        optional_word(self.category.as_ref(), &CATEGORY)
    }

    /// The expression of the method: `Option<Method>`.
    pub(crate) fn method_tokens(&self) -> TokenStream {
        optional_word(self.method.as_ref(), &METHOD)
    }
}

fn example(meta: &ParseNestedMeta<'_>) -> syn::Result<Example> {
    let value = value_of(meta)?;
    let params = json(value)?;
    let result = match value.parse::<Option<Token![=>]>>()? {
        Some(arrow) if value.is_empty() || value.peek(Token![,]) => {
            return Err(syn::Error::new_spanned(arrow, "expected the result behind it, as JSON"));
        }
        Some(_) => Some(json(value)?),
        None => None,
    };
    Ok(Example { params, result })
}

/// The expression of a data type's facts: `Option<&'static DataTypeFacts>`.
pub(crate) fn data_type_tokens(data_type: Option<&Path>) -> TokenStream {
    match data_type {
        Some(path) => quote! {
            ::core::option::Option::Some(<#path as ::synapse_sdk::DataType>::FACTS)
        },
        None => quote!(::core::option::Option::None),
    }
}

/// A data type as a pipeline's steps are compared by it.
pub(crate) fn flow_tokens(data_type: Option<&Path>) -> TokenStream {
    data_type.map_or_else(|| quote!(::synapse_sdk::__private::NoData), |path| quote!(#path))
}

fn optional_word(word: Option<&Path>, of: &Vocabulary) -> TokenStream {
    let Some(path) = word else {
        return quote!(::core::option::Option::None);
    };
    let path = match path.get_ident() {
        Some(variant) => {
            let of = Ident::new(of.name, Span::call_site());
            quote!(::synapse_sdk::#of::#variant)
        }
        None => quote!(#path),
    };
    quote!(::core::option::Option::Some(#path))
}
