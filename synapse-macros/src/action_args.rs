//! The keys of `#[action(…)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::parse::Parser;
use syn::{Attribute, Ident, LitBool, LitStr, Path, Token, Type};

use crate::keys::{key_of, or_skip, path, set, text};
use crate::names::{known, name_fault, pascal_case};
use crate::sink::Sink;

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
}

impl ActionArgs {
    /// Reads the tokens between the parentheses of an attribute macro.
    pub(crate) fn from_tokens(tokens: TokenStream, sink: &mut Sink) -> Self {
        let mut args = Self::default();
        let parsed = syn::meta::parser(|meta| or_skip(args.key(&meta), &meta, sink)).parse2(tokens);
        sink.take(parsed);
        args.check(sink);
        args
    }

    /// Reads the `#[action(…)]` attributes on an item.
    pub(crate) fn from_attributes(attributes: &[Attribute], sink: &mut Sink) -> Self {
        let mut args = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("action")) {
            let parsed = attribute.parse_nested_meta(|meta| or_skip(args.key(&meta), &meta, sink));
            sink.take(parsed);
        }
        args.check(sink);
        args
    }

    fn key(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        let key = key_of(meta);
        match key.as_str() {
            "name" => set(&mut self.name, meta, text(meta)?),
            "description" => set(&mut self.description, meta, text(meta)?),
            "params" => set(&mut self.params, meta, meta.value()?.parse()?),
            "result" => set(&mut self.result, meta, meta.value()?.parse()?),
            "category" => set(&mut self.category, meta, word(meta)?),
            "method" => set(&mut self.method, meta, word(meta)?),
            "input" => set(&mut self.input, meta, path(meta)?),
            "output" => set(&mut self.output, meta, path(meta)?),
            "exclusive" => flag(&mut self.exclusive, meta),
            "strict_result" => flag(&mut self.strict_result, meta),
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
        optional_word(self.category.as_ref(), &quote!(::synapse_sdk::Category))
    }

    /// The expression of the method: `Option<Method>`.
    pub(crate) fn method_tokens(&self) -> TokenStream {
        optional_word(self.method.as_ref(), &quote!(::synapse_sdk::Method))
    }
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

fn optional_word(word: Option<&Path>, of: &TokenStream) -> TokenStream {
    match word {
        Some(path) => match path.get_ident() {
            Some(variant) => quote!(::core::option::Option::Some(#of::#variant)),
            None => quote!(::core::option::Option::Some(#path)),
        },
        None => quote!(::core::option::Option::None),
    }
}

/// A word of a fixed list: `NeuralNet`, `Category::NeuralNet` or `"neural_net"`.
fn word(meta: &ParseNestedMeta<'_>) -> syn::Result<Path> {
    let value = meta.value()?;
    if value.peek(LitStr) {
        let literal: LitStr = value.parse()?;
        let variant = pascal_case(&literal.value());
        if syn::parse_str::<Ident>(&variant).is_err() {
            return Err(syn::Error::new_spanned(literal, "expected a word such as `\"custom\"`"));
        }
        return Ok(Ident::new(&variant, literal.span()).into());
    }
    value.parse()
}

fn flag(slot: &mut Option<bool>, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
    let value = match meta.input.peek(Token![=]) {
        true => meta.value()?.parse::<LitBool>()?.value,
        false => true,
    };
    set(slot, meta, value)
}
