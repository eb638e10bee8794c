//! Hints for forms: how a field is shown. They become `x-ui` in the schema and
//! say nothing of what is valid.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::meta::ParseNestedMeta;
use syn::{Expr, ExprArray, Path, Token};

use super::attributes::{AtKey, expression, flag, list, words};
use super::literals::{Literal, Number};
use super::rules::one_token;
use crate::keys::{key_of, or_skip, twice};
use crate::sink::Sink;

pub(super) const KEYS: &[&str] =
    &["widget", "label", "group", "order", "placeholder", "help", "unit", "step", "hidden", "if"];

#[derive(Default)]
pub(super) struct Hints {
    /// Those with a value, in the author's order.
    entries: Vec<(Path, TokenStream)>,
    pub(super) hidden: Option<Path>,
    pub(super) conditions: Vec<Condition>,
}

/// Shown only while another field has one of these values.
pub(super) struct Condition {
    pub(super) field: Path,
    values: Vec<Expr>,
}

impl Hints {
    /// Reads one of [`KEYS`].
    pub(super) fn read(&mut self, meta: &ParseNestedMeta<'_>, sink: &mut Sink) -> syn::Result<()> {
        let key = key_of(meta);
        let value = match key.as_str() {
            "hidden" => {
                flag(meta)?;
                self.hidden = Some(meta.path.clone());
                return Ok(());
            }
            "if" => return self.read_conditions(meta, sink),
            "order" => whole(&key, expression(meta)?)?.into_token_stream(),
            "step" => step(expression(meta)?)?.into_token_stream(),
            _ => words(meta)?.into_token_stream(),
        };
        self.entries.push((meta.path.clone(), value));
        Ok(())
    }

    fn read_conditions(&mut self, meta: &ParseNestedMeta<'_>, sink: &mut Sink) -> syn::Result<()> {
        list(meta, "field = value", |condition| {
            let key = key_of(condition);
            if self.conditions.iter().any(|known| known.field.is_ident(&key)) {
                return or_skip(Err(twice(condition)), condition, sink);
            }
            let read = condition_values(condition)
                .map(|values| self.conditions.push(Condition { field: condition.path.clone(), values }));
            or_skip(read, condition, sink)
        })
    }

    /// The keys of all hints.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Path> {
        let conditions = self.conditions.iter().map(|condition| &condition.field);
        self.entries.iter().map(|(key, _)| key).chain(&self.hidden).chain(conditions)
    }

    /// The object `x-ui`; None without hints. `json_names` are those of the
    /// conditions' fields.
    pub(super) fn object(&self, excluded: bool, json_names: &[String]) -> Option<TokenStream> {
        let mut entries: Vec<TokenStream> = Vec::new();
        entries.extend(self.entries.iter().map(|(key, value)| {
            let key = key.to_token_stream().to_string();
            quote!(#key: #value)
        }));
        entries.extend(self.hidden.as_ref().map(|_| quote!("hidden": true)));
        entries.extend(excluded.then(|| quote!("exclude": true)));
        if !self.conditions.is_empty() {
            let conditions = self.conditions.iter().zip(json_names).map(|(condition, name)| {
                let values = condition.values.iter().map(one_token);
                quote!(#name: [#(#values),*])
            });
            entries.push(quote!("if": { #(#conditions),* }));
        }
        (!entries.is_empty()).then(|| quote!({ #(#entries),* }))
    }
}

/// `= value`, `= [a, b]`, or nothing for `true`.
fn condition_values(meta: &ParseNestedMeta<'_>) -> syn::Result<Vec<Expr>> {
    if !meta.input.peek(Token![=]) && !meta.input.peek(syn::token::Paren) {
        return Ok(vec![syn::parse_quote!(true)]);
    }
    match expression(meta)? {
        Expr::Array(ExprArray { elems, .. }) if elems.is_empty() => {
            Err(meta.error_at_key("name at least one value: the field would never be shown".to_owned()))
        }
        Expr::Array(ExprArray { elems, .. }) => Ok(elems.into_iter().collect()),
        single => Ok(vec![single]),
    }
}

fn whole(key: &str, value: Expr) -> syn::Result<Expr> {
    match Literal::of(&value) {
        Some(Literal::Integer(_)) => Ok(value),
        _ => Err(syn::Error::new_spanned(value, format!("`{key}` takes a whole number: `{key} = 1`"))),
    }
}

fn step(value: Expr) -> syn::Result<Expr> {
    let fine = match Literal::of(&value) {
        Some(Literal::Text(word)) => word == "any",
        _ => Number::of(&value).is_some_and(Number::is_positive),
    };
    match fine {
        true => Ok(value),
        false => Err(syn::Error::new_spanned(value, "`step` takes a number greater than 0, or \"any\"")),
    }
}
