//! Rules of a field: what `ge = 1` and its like become in the schema.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::meta::ParseNestedMeta;
use syn::{Expr, Path, Token, parse_quote};

use super::attributes::{expression, list, words};
use crate::keys::{key_of, or_skip, twice};
use crate::names::known;
use crate::sink::Sink;

/// What a rule is about, and so on which types it can stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Number,
    Text,
    List,
    Map,
}

/// A keyword of JSON Schema with its value.
#[derive(Clone)]
pub(super) struct Rule {
    pub(super) family: Family,
    pub(super) keyword: &'static str,
    pub(super) value: Expr,
    /// The author's key: `ge`, or `length` for both its ends.
    pub(super) key: Path,
}

const NUMBER_KEYS: &[(&str, &str)] = &[
    ("ge", "minimum"),
    ("gt", "exclusiveMinimum"),
    ("le", "maximum"),
    ("lt", "exclusiveMaximum"),
    ("multiple_of", "multipleOf"),
];

/// The keys that [`read`] knows.
pub(super) const KEYS: &[&str] =
    &["ge", "gt", "le", "lt", "multiple_of", "length", "pattern", "items", "entries"];

/// Those of them for the items of a list and the values of a map.
const EACH_KEYS: &[&str] = &["ge", "gt", "le", "lt", "multiple_of", "length", "pattern"];

/// Reads one of [`KEYS`] with its value.
pub(super) fn read(meta: &ParseNestedMeta<'_>, rules: &mut Vec<Rule>, sink: &mut Sink) -> syn::Result<()> {
    let key = key_of(meta);
    if let Some((_, keyword)) = NUMBER_KEYS.iter().find(|(name, _)| *name == key) {
        let value = expression(meta)?;
        rules.push(Rule { family: Family::Number, keyword, value, key: meta.path.clone() });
        return Ok(());
    }
    match key.as_str() {
        "pattern" => {
            let value = words(meta)?;
            let value = parse_quote!(#value);
            rules.push(Rule { family: Family::Text, keyword: "pattern", value, key: meta.path.clone() });
            Ok(())
        }
        "length" => read_ends(meta, Family::Text, ["minLength", "maxLength"], rules, sink),
        "items" => read_ends(meta, Family::List, ["minItems", "maxItems"], rules, sink),
        _ => read_ends(meta, Family::Map, ["minProperties", "maxProperties"], rules, sink),
    }
}

/// `length(min = 1, max = 5)`, for lists with `unique`.
fn read_ends(
    outer: &ParseNestedMeta<'_>,
    family: Family,
    [min, max]: [&'static str; 2],
    rules: &mut Vec<Rule>,
    sink: &mut Sink,
) -> syn::Result<()> {
    let mut seen: Vec<&str> = Vec::new();
    let shown = if family == Family::List { "min = …, max = …, unique" } else { "min = …, max = …" };
    list(outer, shown, |end| {
        let key = key_of(end);
        let keyword = match key.as_str() {
            "min" => min,
            "max" => max,
            "unique" if family == Family::List => "uniqueItems",
            _ => {
                let expected = match family {
                    Family::List => "expected `min = …`, `max = …` or `unique`",
                    _ => "expected `min = …` or `max = …`",
                };
                return or_skip(Err(end.error(expected)), end, sink);
            }
        };
        if seen.contains(&keyword) {
            sink.push(twice(end));
        }
        seen.push(keyword);
        let value = if keyword == "uniqueItems" { flag_value(end) } else { expression(end) };
        let read = value.map(|value| rules.push(Rule { family, keyword, value, key: outer.path.clone() }));
        or_skip(read, end, sink)
    })
}

fn flag_value(meta: &ParseNestedMeta<'_>) -> syn::Result<Expr> {
    match meta.input.peek(Token![=]) {
        true => Err(meta.error("write `unique` alone")),
        false => Ok(parse_quote!(true)),
    }
}

/// `each(ge = 0, length(max = 5))`.
pub(super) fn read_each(
    outer: &ParseNestedMeta<'_>,
    rules: &mut Vec<Rule>,
    sink: &mut Sink,
) -> syn::Result<()> {
    let mut seen: Vec<String> = Vec::new();
    list(outer, "ge = …, length(…)", |meta| {
        let key = key_of(meta);
        if seen.contains(&key) {
            return or_skip(Err(twice(meta)), meta, sink);
        }
        let known_key = EACH_KEYS.contains(&key.as_str());
        let read = if known_key { read(meta, rules, sink) } else { Err(no_such_each(meta, &key)) };
        seen.push(key);
        or_skip(read, meta, sink)
    })
}

fn no_such_each(meta: &ParseNestedMeta<'_>, key: &str) -> syn::Error {
    match super::guesses::instead(key) {
        Some(advice) => meta.error(advice),
        None => meta.error(format!("no such key within `each`{}", known(key, EACH_KEYS))),
    }
}

/// `"minimum" = 1, …`, for schemars' `extend`.
pub(super) fn extensions(rules: &[Rule]) -> impl Iterator<Item = TokenStream> {
    rules.iter().map(|rule| {
        let (keyword, value) = (rule.keyword, rule.emitted());
        quote!(#keyword = #value)
    })
}

/// `{"minimum": 1, …}`.
pub(super) fn object(rules: &[Rule]) -> TokenStream {
    let entries = rules.iter().map(|rule| {
        let (keyword, value) = (rule.keyword, rule.emitted());
        quote!(#keyword: #value)
    });
    quote!({ #(#entries),* })
}

impl Rule {
    /// The engine for patterns is linked where one is emitted.
    fn emitted(&self) -> TokenTree {
        let value = &self.value;
        match self.keyword {
            "pattern" => one_token(quote!(::synapse_sdk::__private::pattern(#value))),
            _ => one_token(value),
        }
    }
}

/// schemars reads values up to the next comma: an expression may hold some.
pub(super) fn one_token(value: impl ToTokens) -> TokenTree {
    TokenTree::Group(Group::new(Delimiter::None, value.into_token_stream()))
}
