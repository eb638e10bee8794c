//! The derives of serde and schemars with the attributes they read.
//!
//! A field whose type may lack their traits is read, written and described
//! through `ParamField`. Then a type that cannot be a field gets one message, in
//! the words of that trait, at the field; the derives would repeat it once for
//! every way in which they use the field.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Attribute, Field, Ident, LitStr};

use super::field::{Plan, type_text};
use super::questions::as_field;
use super::rules;
use super::shape::unknown_in;

/// The derives, without those the author wrote.
pub(super) fn derives(attributes: &[Attribute]) -> TokenStream {
    let written = derived_by_author(attributes);
    let wanted = [
        ("Serialize", quote!(::synapse_sdk::__private::serde::Serialize)),
        ("Deserialize", quote!(::synapse_sdk::__private::serde::Deserialize)),
        ("JsonSchema", quote!(::synapse_sdk::__private::schemars::JsonSchema)),
    ];
    let missing = wanted.into_iter().filter(|(name, _)| !written.iter().any(|written| written == name));
    let derives = missing.map(|(_, path)| path);
    quote! {
        #[derive(#(#derives),*)]
        #[serde(crate = "::synapse_sdk::__private::serde")]
        #[schemars(crate = "::synapse_sdk::__private::schemars")]
    }
}

/// The names of the derives that stand on the item.
pub(super) fn derived_by_author(attributes: &[Attribute]) -> Vec<String> {
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

/// Writes the attributes of a field. `conditions` are the names in JSON of the
/// fields that its `if` names; `asking` allows to go through `ParamField`.
pub(super) fn dress(owner: &Ident, plan: &Plan, conditions: &[String], asking: bool, field: &mut Field) {
    let mut serde: Vec<TokenStream> = Vec::new();
    let mut schemars: Vec<TokenStream> = Vec::new();
    let args = &plan.args;
    if let Some(default) = &args.default {
        let path = default.value.as_ref().map(|_| format!("{owner}::{}", plan.function("default")));
        serde.push(path.map_or_else(|| quote!(default), |path| quote!(default = #path)));
    }
    serde.extend(args.rename.iter().map(|name| quote!(rename = #name)));
    serde.extend(args.aliases.iter().map(|name| quote!(alias = #name)));
    let extensions = extensions(plan, conditions);
    if !extensions.is_empty() {
        schemars.push(quote!(extend(#(#extensions),*)));
    }
    if asking && plan.is_asked_for() {
        ask(owner, plan, &mut serde, &mut schemars);
    }
    if !serde.is_empty() {
        field.attrs.push(syn::parse_quote!(#[serde(#(#serde),*)]));
    }
    if !schemars.is_empty() {
        field.attrs.push(syn::parse_quote!(#[schemars(#(#schemars),*)]));
    }
}

fn extensions(plan: &Plan, conditions: &[String]) -> Vec<TokenStream> {
    let args = &plan.args;
    let mut extensions: Vec<TokenStream> = rules::extensions(&args.rules).collect();
    if !args.each.is_empty() {
        let rules = rules::object(&args.each);
        extensions.push(quote!("x-each" = #rules));
    }
    let aliases = plan.aliases();
    if !aliases.is_empty() {
        extensions.push(quote!("x-aliases" = [#(#aliases),*]));
    }
    let hints = args.hints.object(args.excluded.is_some(), conditions);
    extensions.extend(hints.map(|hints| quote!("x-ui" = #hints)));
    extensions
}

fn ask(owner: &Ident, plan: &Plan, serde: &mut Vec<TokenStream>, schemars: &mut Vec<TokenStream>) {
    let span = unknown_in(&plan.ty).span();
    let through = |function: &str| {
        let ty = type_text(&plan.ty);
        LitStr::new(&format!("<{ty} as ::synapse_sdk::__private::ParamField>::{function}"), span)
    };
    let (read, write) = (through("read"), through("write"));
    serde.push(quote!(deserialize_with = #read));
    let schema = LitStr::new(&format!("{owner}::{}", plan.function("schema")), span);
    schemars.push(quote!(schema_with = #schema));
    if plan.args.default.is_some() {
        return;
    }
    if plan.shape.optional {
        // A field that is read by a function is required by serde.
        serde.push(quote!(default));
        schemars.push(quote!(transform = ::synapse_sdk::__private::without_default));
    } else {
        // Where there is a default schemars would write it by this function,
        // with the help of a crate `serde` that the author may not have.
        serde.push(quote!(serialize_with = #write));
    }
}

/// The function that describes a field to schemars, which takes no path with a
/// type in front.
pub(super) fn schema_function(plan: &Plan) -> Option<TokenStream> {
    if !plan.is_asked_for() {
        return None;
    }
    let (name, schema) = (plan.function("schema"), as_field(&plan.ty, "schema"));
    Some(quote! {
        #[doc(hidden)]
        fn #name(
            generator: &mut ::synapse_sdk::__private::schemars::SchemaGenerator,
        ) -> ::synapse_sdk::__private::schemars::Schema {
            #schema(generator)
        }
    })
}
