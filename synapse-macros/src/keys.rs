//! What every list of keys, `#[action(…)]`, `#[data_type(…)]`, `#[param(…)]`, shares.

use proc_macro2::TokenTree;
use syn::meta::ParseNestedMeta;
use syn::{LitStr, Path, Token};

use crate::names::pascal_case;
use crate::sink::Sink;

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

/// The value of a key whose value is text.
pub(crate) fn text(meta: &ParseNestedMeta<'_>) -> syn::Result<LitStr> {
    meta.value()?.parse()
}

/// The value of a key whose value is a type, which people put in quotes.
pub(crate) fn path(meta: &ParseNestedMeta<'_>) -> syn::Result<Path> {
    let value = meta.value()?;
    if value.peek(LitStr) {
        let literal: LitStr = value.parse()?;
        let name = pascal_case(&literal.value());
        let message = format!("name the type itself, without quotes: `{name}`");
        return Err(syn::Error::new_spanned(literal, message));
    }
    value.parse()
}
