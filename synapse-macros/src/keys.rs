//! What every list of keys, `#[action(…)]`, `#[data_type(…)]`, `#[param(…)]`, shares.

use proc_macro2::{TokenStream, TokenTree};
use syn::meta::ParseNestedMeta;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Lit, LitBool, LitStr, Meta, Path, Token, Type};

use crate::names::pascal_case;
use crate::sink::Sink;

/// Reads a list of keys with all its mistakes.
pub(crate) fn read_keys(
    tokens: TokenStream,
    sink: &mut Sink,
    mut key: impl FnMut(&ParseNestedMeta<'_>) -> syn::Result<()>,
) {
    if let Some(TokenTree::Literal(literal)) = tokens.clone().into_iter().next() {
        return sink.add(&literal, format!("expected a key before it: `key = {literal}`"));
    }
    let parsed = syn::meta::parser(|meta| or_skip(key(&meta), &meta, sink)).parse2(tokens);
    sink.take(parsed);
}

/// Reads the lists of keys in an item's attributes of that name.
pub(crate) fn read_attributes(
    attributes: &[Attribute],
    name: &str,
    sink: &mut Sink,
    mut key: impl FnMut(&ParseNestedMeta<'_>) -> syn::Result<()>,
) {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident(name)) {
        match &attribute.meta {
            Meta::List(list) => read_keys(list.tokens.clone(), sink, &mut key),
            Meta::Path(_) => {}
            Meta::NameValue(pair) => {
                sink.add(pair, format!("expected keys in parentheses: `#[{name}(key = …)]`"));
            }
        }
    }
}

/// The key as it was written.
pub(crate) fn key_of(meta: &ParseNestedMeta<'_>) -> String {
    meta.path.get_ident().map(ToString::to_string).unwrap_or_default()
}

/// Notes a key's mistake and goes on behind the next comma, so that the
/// mistakes of later keys are found as well.
pub(crate) fn or_skip(read: syn::Result<()>, meta: &ParseNestedMeta<'_>, sink: &mut Sink) -> syn::Result<()> {
    if sink.take(read).is_none() {
        while !meta.input.is_empty() && !meta.input.peek(Token![,]) {
            meta.input.parse::<TokenTree>()?;
        }
    }
    Ok(())
}

/// Puts a key's value into its place, unless the key was there before.
pub(crate) fn set<T>(slot: &mut Option<T>, meta: &ParseNestedMeta<'_>, value: T) -> syn::Result<()> {
    match slot.replace(value) {
        Some(_) => Err(twice(meta)),
        None => Ok(()),
    }
}

/// The mistake of a key that stands twice.
pub(crate) fn twice(meta: &ParseNestedMeta<'_>) -> syn::Error {
    syn::Error::new_spanned(&meta.path, "this key stands here twice")
}

/// What stands behind the key's `=`.
pub(crate) fn value_of<'a>(meta: &ParseNestedMeta<'a>) -> syn::Result<ParseStream<'a>> {
    if !meta.input.peek(Token![=]) {
        return Err(syn::Error::new_spanned(&meta.path, format!("expected `{} = …`", key_of(meta))));
    }
    meta.value()
}

/// The value of a key whose value is text.
pub(crate) fn text(meta: &ParseNestedMeta<'_>) -> syn::Result<LitStr> {
    let value = value_of(meta)?;
    value.parse().map_err(|error| {
        syn::Error::new(error.span(), format!("expected text in quotes: `{} = \"…\"`", key_of(meta)))
    })
}

/// The value of a key that is on when it stands there.
pub(crate) fn flag(meta: &ParseNestedMeta<'_>) -> syn::Result<bool> {
    if !meta.input.peek(Token![=]) {
        return Ok(true);
    }
    let value: syn::Result<LitBool> = meta.value()?.parse();
    let value = value.map_err(|error| {
        syn::Error::new(
            error.span(),
            format!("expected `true` or `false`; `{}` alone means `true`", key_of(meta)),
        )
    })?;
    Ok(value.value)
}

/// The value of a key whose value is a type, which people put in quotes.
pub(crate) fn ty(meta: &ParseNestedMeta<'_>) -> syn::Result<Type> {
    no_literal(meta)?.parse()
}

/// The value of a key whose value is the path of a data type.
pub(crate) fn path(meta: &ParseNestedMeta<'_>) -> syn::Result<Path> {
    no_literal(meta)?.parse()
}

fn no_literal<'a>(meta: &ParseNestedMeta<'a>) -> syn::Result<ParseStream<'a>> {
    let value = value_of(meta)?;
    if !value.peek(Lit) {
        return Ok(value);
    }
    let literal: Lit = value.parse()?;
    let message = match &literal {
        Lit::Str(text) => format!("name the type itself, without quotes: `{}`", pascal_case(&text.value())),
        _ => format!("expected a type: `{} = MyType`", key_of(meta)),
    };
    Err(syn::Error::new_spanned(literal, message))
}
