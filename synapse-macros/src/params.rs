//! `#[params]` and `#[result]`: one declaration becomes serde and schemars
//! derives with their attributes.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Expr, ExprLit, Field, Fields, Ident, Item, ItemEnum, ItemStruct, Lit, LitStr, Token};

use crate::names::known;
use crate::sink::Sink;

const KEYS: &[&str] =
    &["default", "ge", "gt", "le", "lt", "multiple_of", "length", "items", "rename", "alias"];

/// What the type is declared as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Params,
    Result,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Params => "params",
            Self::Result => "result",
        }
    }
}

pub(crate) fn expand(kind: Kind, args: TokenStream, item: TokenStream) -> TokenStream {
    let mut sink = Sink::default();
    if !args.is_empty() {
        sink.add(&args, format!("`#[{}]` takes no arguments; `#[param(…)]` stands on fields", kind.word()));
    }
    let (item, generated) = match syn::parse2(item.clone()) {
        Ok(Item::Struct(item)) => expand_struct(kind, item, &mut sink),
        Ok(Item::Enum(item)) => expand_enum(kind, item, &mut sink),
        _ => {
            sink.add(&item, format!("`#[{}]` stands on a struct or an enum", kind.word()));
            (item, TokenStream::new())
        }
    };
    let errors = sink.into_tokens();
    quote!(#item #generated #errors)
}

fn expand_struct(kind: Kind, mut item: ItemStruct, sink: &mut Sink) -> (TokenStream, TokenStream) {
    if !item.generics.params.is_empty() {
        sink.add(&item.generics, "params and results cannot be generic: they need one schema");
    }
    if matches!(item.fields, Fields::Unnamed(_)) && kind == Kind::Params {
        sink.add(&item.fields, "params have named fields: callers give them by name");
    }
    let mut defaults = TokenStream::new();
    let mut flattened = false;
    for field in &mut item.fields {
        flattened |= has_flatten(field);
        defaults.extend(expand_field(&item.ident, field, sink));
    }
    // serde cannot refuse unknown fields where it flattens others in.
    let strict = kind == Kind::Params && !flattened;
    let ident = item.ident.clone();
    let derives = derives(&item.attrs, strict, None);
    let marker = marker(kind, &ident);
    (
        quote!(#derives #item),
        quote! {
            #[doc(hidden)]
            #[allow(clippy::unnecessary_literal_bound, reason = "defaults are written by the author")]
            impl #ident { #defaults }
            #marker
        },
    )
}

fn expand_enum(kind: Kind, mut item: ItemEnum, sink: &mut Sink) -> (TokenStream, TokenStream) {
    if !item.generics.params.is_empty() {
        sink.add(&item.generics, "params and results cannot be generic: they need one schema");
    }
    let mut defaults = TokenStream::new();
    for field in item.variants.iter_mut().flat_map(|variant| variant.fields.iter_mut()) {
        defaults.extend(expand_field(&item.ident, field, sink));
    }
    let renamed = serde_attributes(&item.attrs).any(|text| text.contains("rename_all"));
    let derives = derives(&item.attrs, false, (!renamed).then_some("snake_case"));
    let ident = item.ident.clone();
    let marker = marker(kind, &ident);
    (
        quote!(#derives #item),
        quote! {
            #[doc(hidden)]
            impl #ident { #defaults }
            #marker
        },
    )
}

fn marker(kind: Kind, ident: &Ident) -> TokenStream {
    match kind {
        Kind::Params => quote!(impl ::synapse_sdk::Params for #ident {}),
        Kind::Result => TokenStream::new(),
    }
}

/// The derives, without those the author wrote.
fn derives(attributes: &[Attribute], strict: bool, rename_all: Option<&str>) -> TokenStream {
    let written = derived_by_author(attributes);
    let wanted = [
        ("Serialize", quote!(::synapse_sdk::__private::serde::Serialize)),
        ("Deserialize", quote!(::synapse_sdk::__private::serde::Deserialize)),
        ("JsonSchema", quote!(::synapse_sdk::__private::schemars::JsonSchema)),
    ];
    let derives = wanted.into_iter().filter(|(name, _)| !written.iter().any(|written| written == name));
    let derives = derives.map(|(_, path)| path);
    let strict = strict.then(|| quote!(#[serde(deny_unknown_fields)]));
    let rename_all = rename_all.map(|style| quote!(#[serde(rename_all = #style)]));
    quote! {
        #[derive(#(#derives),*)]
        #[serde(crate = "::synapse_sdk::__private::serde")]
        #[schemars(crate = "::synapse_sdk::__private::schemars")]
        #strict
        #rename_all
    }
}

fn derived_by_author(attributes: &[Attribute]) -> Vec<String> {
    let mut names = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("derive")) {
        // A malformed derive is rustc's to report.
        let _ = attribute.parse_nested_meta(|meta| {
            names.extend(meta.path.segments.last().map(|segment| segment.ident.to_string()));
            Ok(())
        });
    }
    names
}

fn serde_attributes(attributes: &[Attribute]) -> impl Iterator<Item = String> {
    let serde = attributes.iter().filter(|attribute| attribute.path().is_ident("serde"));
    serde.map(|attribute| quote!(#attribute).to_string())
}

fn has_flatten(field: &Field) -> bool {
    serde_attributes(&field.attrs).any(|text| text.contains("flatten"))
}

/// What `#[param(…)]` on a field becomes.
#[derive(Default)]
struct FieldArgs {
    attributes: Vec<TokenStream>,
    default: Option<Default>,
}

enum Default {
    OfType,
    Value(Box<Expr>),
}

/// Replaces `#[param(…)]` by serde's and schemars' attributes; gives the
/// function that makes the default.
fn expand_field(owner: &Ident, field: &mut Field, sink: &mut Sink) -> TokenStream {
    let mut args = FieldArgs::default();
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("param")) {
        sink.take(attribute.parse_nested_meta(|meta| args.key(&meta)));
    }
    field.attrs.retain(|attribute| !attribute.path().is_ident("param"));
    let mut function = TokenStream::new();
    match args.default {
        None => {}
        Some(Default::OfType) => args.attributes.push(quote!(serde(default))),
        Some(Default::Value(value)) => {
            let field_name = field.ident.as_ref().map_or_else(|| "field".to_owned(), ToString::to_string);
            let field_name = field_name.trim_start_matches("r#");
            let name = format_ident!("__default_{field_name}");
            let path = format!("{owner}::{name}");
            let (ty, value) = (&field.ty, default_value(&value));
            args.attributes.push(quote!(serde(default = #path)));
            function = quote!(#[doc(hidden)] fn #name() -> #ty { #value });
        }
    }
    for attribute in args.attributes {
        field.attrs.push(syn::parse_quote!(#[#attribute]));
    }
    function
}

/// A text literal becomes whatever text type the field has.
fn default_value(value: &Expr) -> TokenStream {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => quote!(::core::convert::Into::into(#text)),
        other => quote!(#other),
    }
}

impl FieldArgs {
    fn key(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        let key = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        match key.as_str() {
            "default" => self.set_default(meta),
            "ge" => self.extend("minimum", meta),
            "gt" => self.extend("exclusiveMinimum", meta),
            "le" => self.extend("maximum", meta),
            "lt" => self.extend("exclusiveMaximum", meta),
            "multiple_of" => self.extend("multipleOf", meta),
            "length" => self.range(meta, "minLength", "maxLength"),
            "items" => self.range(meta, "minItems", "maxItems"),
            "rename" => self.rename(meta, "rename"),
            "alias" => self.rename(meta, "alias"),
            _ => Err(meta.error(format!("no such key{}", known(&key, KEYS)))),
        }
    }

    fn set_default(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        self.default = Some(match meta.input.peek(Token![=]) {
            true => Default::Value(Box::new(meta.value()?.parse()?)),
            false => Default::OfType,
        });
        Ok(())
    }

    fn extend(&mut self, keyword: &str, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        let bound: Expr = meta.value()?.parse()?;
        self.attributes.push(quote!(schemars(extend(#keyword = #bound))));
        Ok(())
    }

    fn range(&mut self, meta: &ParseNestedMeta<'_>, min: &str, max: &str) -> syn::Result<()> {
        meta.parse_nested_meta(|bound| match bound.path.get_ident().map(ToString::to_string).as_deref() {
            Some("min") => self.extend(min, &bound),
            Some("max") => self.extend(max, &bound),
            _ => Err(bound.error("expected `min = …` or `max = …`")),
        })
    }

    fn rename(&mut self, meta: &ParseNestedMeta<'_>, key: &str) -> syn::Result<()> {
        let name: LitStr = meta.value()?.parse()?;
        let key = format_ident!("{key}");
        self.attributes.push(quote!(serde(#key = #name)));
        Ok(())
    }
}
