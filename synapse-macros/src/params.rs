//! `#[params]` and `#[result]`: one declaration becomes serde and schemars
//! derives with their attributes.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, ExprLit, Field, Fields, Generics, Ident, Item, ItemEnum, ItemStruct, Lit, Token};

use crate::keys::{key_of, or_skip, text, twice};
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
    if matches!(item.fields, Fields::Unnamed(_)) && kind == Kind::Params {
        sink.add(&item.fields, "params have named fields: callers give them by name");
    }
    let mut parts = Parts::default();
    let mut flattened = false;
    for field in &mut item.fields {
        flattened |= has_flatten(field);
        parts.add(&item.ident, field, sink);
    }
    // serde cannot refuse unknown fields where it flattens others in.
    let strict = kind == Kind::Params && !flattened;
    let derives = derives(&item.attrs, strict, None);
    let checks = parts.field_checks(&item.generics);
    let generated = parts.tokens(kind, &item.ident, &item.generics, sink);
    (quote!(#checks #derives #item), generated)
}

fn expand_enum(kind: Kind, mut item: ItemEnum, sink: &mut Sink) -> (TokenStream, TokenStream) {
    let mut parts = Parts::default();
    for field in item.variants.iter_mut().flat_map(|variant| variant.fields.iter_mut()) {
        parts.add(&item.ident, field, sink);
    }
    let renamed = serde_attributes(&item.attrs).any(|text| text.contains("rename_all"));
    let derives = derives(&item.attrs, false, (!renamed).then_some("snake_case"));
    let checks = parts.field_checks(&item.generics);
    let generated = parts.tokens(kind, &item.ident, &item.generics, sink);
    (quote!(#checks #derives #item), generated)
}

/// What stands beside the item.
#[derive(Default)]
struct Parts {
    defaults: TokenStream,
    field_checks: TokenStream,
}

impl Parts {
    fn add(&mut self, owner: &Ident, field: &mut Field, sink: &mut Sink) {
        self.field_checks.extend(field_check(field));
        self.defaults.extend(expand_field(owner, field, sink));
    }

    /// Stands before the item, so that its message comes before the derives'.
    fn field_checks(&self, generics: &Generics) -> Option<TokenStream> {
        let checks = &self.field_checks;
        generics.params.is_empty().then(|| quote!(const _: () = { #checks };))
    }

    fn tokens(self, kind: Kind, ident: &Ident, generics: &Generics, sink: &mut Sink) -> TokenStream {
        let defaults = self.defaults;
        let mut generics = generics.clone();
        if !generics.params.is_empty() {
            sink.add(&generics, "params and results cannot be generic: they need one schema");
            // Who uses them has made no further mistake.
            generics.make_where_clause().predicates.push(syn::parse_quote! {
                Self: ::synapse_sdk::__private::serde::de::DeserializeOwned
                    + ::synapse_sdk::__private::schemars::JsonSchema
                    + 'static
            });
        }
        let (impl_generics, type_generics, wheres) = generics.split_for_impl();
        let marker = (kind == Kind::Params)
            .then(|| quote!(impl #impl_generics ::synapse_sdk::Params for #ident #type_generics #wheres {}));
        quote! {
            #[doc(hidden)]
            #[allow(clippy::unnecessary_literal_bound, reason = "defaults are written by the author")]
            impl #impl_generics #ident #type_generics #wheres { #defaults }
            #marker
        }
    }
}

/// Asks of a field's type what the derives will ask, in words an author knows.
fn field_check(field: &Field) -> Option<TokenStream> {
    let told_how =
        |attribute: &Attribute| ["serde", "schemars"].iter().any(|name| attribute.path().is_ident(name));
    if field.attrs.iter().any(told_how) {
        return None;
    }
    let ty = &field.ty;
    Some(quote_spanned!(ty.span()=> ::synapse_sdk::__private::field::<#ty>();))
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
    seen: Vec<String>,
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
        let parsed = attribute.parse_nested_meta(|meta| or_skip(args.key(&meta, sink), &meta, sink));
        sink.take(parsed);
    }
    field.attrs.retain(|attribute| !attribute.path().is_ident("param"));
    let mut function = TokenStream::new();
    match args.default {
        None => {}
        Some(Default::OfType) => args.attributes.push(quote!(serde(default))),
        Some(Default::Value(value)) => {
            let field_name =
                field.ident.as_ref().map_or_else(|| "field".to_owned(), |name| name.unraw().to_string());
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
    fn key(&mut self, meta: &ParseNestedMeta<'_>, sink: &mut Sink) -> syn::Result<()> {
        let key = key_of(meta);
        match key.as_str() {
            "default" => self.set_default(meta),
            "ge" => self.extend("minimum", meta),
            "gt" => self.extend("exclusiveMinimum", meta),
            "le" => self.extend("maximum", meta),
            "lt" => self.extend("exclusiveMaximum", meta),
            "multiple_of" => self.extend("multipleOf", meta),
            "length" => self.range(meta, "minLength", "maxLength", sink),
            "items" => self.range(meta, "minItems", "maxItems", sink),
            "rename" => self.rename(meta, "rename"),
            "alias" => self.rename(meta, "alias"),
            _ => Err(meta.error(format!("no such key{}", known(&key, KEYS)))),
        }
    }

    fn once(&mut self, keyword: &str, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        if self.seen.iter().any(|seen| seen == keyword) {
            return Err(twice(meta));
        }
        self.seen.push(keyword.to_owned());
        Ok(())
    }

    fn set_default(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        self.once("default", meta)?;
        self.default = Some(match meta.input.peek(Token![=]) {
            true => Default::Value(Box::new(meta.value()?.parse()?)),
            false => Default::OfType,
        });
        Ok(())
    }

    fn extend(&mut self, keyword: &str, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        self.once(keyword, meta)?;
        let bound: Expr = meta.value()?.parse()?;
        self.attributes.push(quote!(schemars(extend(#keyword = #bound))));
        Ok(())
    }

    fn range(
        &mut self,
        meta: &ParseNestedMeta<'_>,
        min: &str,
        max: &str,
        sink: &mut Sink,
    ) -> syn::Result<()> {
        meta.parse_nested_meta(|bound| {
            let read = match key_of(&bound).as_str() {
                "min" => self.extend(min, &bound),
                "max" => self.extend(max, &bound),
                _ => Err(bound.error("expected `min = …` or `max = …`")),
            };
            or_skip(read, &bound, sink)
        })
    }

    /// A field has one name; it may have several aliases.
    fn rename(&mut self, meta: &ParseNestedMeta<'_>, key: &str) -> syn::Result<()> {
        if key == "rename" {
            self.once(key, meta)?;
        }
        let name = text(meta)?;
        let key = format_ident!("{key}");
        self.attributes.push(quote!(serde(#key = #name)));
        Ok(())
    }
}
