//! `#[param(…)]` on a field and `#[params(…)]` on a type, as they were written.

use proc_macro2::TokenStream;
use syn::meta::ParseNestedMeta;
use syn::parse::Parser;
use syn::{Attribute, Expr, ExprLit, Field, Lit, LitStr, Path, Token, parenthesized, token};

use super::expand::Kind;
use super::guesses;
use super::hints::{self, Hints};
use super::rules::{self, Rule};
use crate::keys::{key_of, or_skip, twice};
use crate::names::known;
use crate::sink::Sink;

const OTHER_KEYS: &[&str] = &["default", "each", "rename", "alias", "check", "exclude_from_ui"];

/// What `#[param(…)]` says of a field.
#[derive(Default)]
pub(super) struct ParamArgs {
    pub(super) default: Option<DefaultValue>,
    pub(super) rules: Vec<Rule>,
    pub(super) each: Vec<Rule>,
    pub(super) each_key: Option<Path>,
    pub(super) rename: Option<LitStr>,
    pub(super) aliases: Vec<LitStr>,
    pub(super) check: Option<Expr>,
    pub(super) excluded: Option<Path>,
    pub(super) hints: Hints,
    seen: Vec<String>,
}

/// What stands in for a field that is left out.
pub(super) struct DefaultValue {
    pub(super) key: Path,
    /// None for the type's own.
    pub(super) value: Option<Expr>,
}

impl ParamArgs {
    /// Takes `#[param(…)]` off a field.
    pub(super) fn take(field: &mut Field, sink: &mut Sink) -> Self {
        let mut args = Self::default();
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("param")) {
            let parsed = match &attribute.meta {
                syn::Meta::List(_) => {
                    attribute.parse_nested_meta(|meta| or_skip(args.key(&meta, sink), &meta, sink))
                }
                other => Err(syn::Error::new_spanned(other, "write `#[param(…)]` with keys within")),
            };
            sink.take(parsed);
        }
        field.attrs.retain(|attribute| !attribute.path().is_ident("param"));
        args
    }

    fn key(&mut self, meta: &ParseNestedMeta<'_>, sink: &mut Sink) -> syn::Result<()> {
        let key = key_of(meta);
        if key != "alias" {
            self.once(&key, meta)?;
        }
        match key.as_str() {
            "default" => self.set_default(meta),
            "each" => {
                self.each_key = Some(meta.path.clone());
                rules::read_each(meta, &mut self.each, sink)
            }
            "rename" => words(meta).map(|name| self.rename = Some(name)),
            "alias" => words(meta).map(|name| self.aliases.push(name)),
            "check" => check(meta).map(|check| self.check = Some(check)),
            "exclude_from_ui" => flag(meta).map(|()| self.excluded = Some(meta.path.clone())),
            key if rules::KEYS.contains(&key) => rules::read(meta, &mut self.rules, sink),
            key if hints::KEYS.contains(&key) => self.hints.read(meta, sink),
            key => Err(no_such_key(meta, key)),
        }
    }

    fn once(&mut self, key: &str, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        if self.seen.iter().any(|seen| seen == key) {
            return Err(twice(meta));
        }
        self.seen.push(key.to_owned());
        Ok(())
    }

    fn set_default(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        let wants_value = meta.input.peek(Token![=]) || meta.input.peek(token::Paren);
        let value = if wants_value { Some(expression(meta)?) } else { None };
        self.default = Some(DefaultValue { key: meta.path.clone(), value });
        Ok(())
    }
}

fn no_such_key(meta: &ParseNestedMeta<'_>, key: &str) -> syn::Error {
    let keys: Vec<&str> = [&OTHER_KEYS[..1], rules::KEYS, &OTHER_KEYS[1..], hints::KEYS].concat();
    match guesses::instead(key) {
        Some(advice) => meta.error(advice),
        None => meta.error(format!("no such key{}", known(key, &keys))),
    }
}

/// What `#[params(…)]` says of a type.
#[derive(Default)]
pub(super) struct TypeArgs {
    pub(super) check: Option<Expr>,
    pub(super) excluded: bool,
    pub(super) lenient: bool,
}

impl TypeArgs {
    pub(super) fn parse(kind: Kind, args: TokenStream, sink: &mut Sink) -> Self {
        let mut read = Self::default();
        let mut seen: Vec<String> = Vec::new();
        let parser = syn::meta::parser(|meta| {
            let key = key_of(&meta);
            if seen.contains(&key) {
                return or_skip(Err(twice(&meta)), &meta, sink);
            }
            seen.push(key.clone());
            let outcome = read.key(kind, &key, &meta);
            or_skip(outcome, &meta, sink)
        });
        let parsed = parser.parse2(args);
        sink.take(parsed);
        read
    }

    fn key(&mut self, kind: Kind, key: &str, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        match key {
            "check" => check(meta).map(|check| self.check = Some(check)),
            "exclude_from_ui" => flag(meta).map(|()| self.excluded = true),
            "allow_unknown" if kind == Kind::Params => flag(meta).map(|()| self.lenient = true),
            "allow_unknown" => Err(meta.error("a result is not checked for unknown fields; leave this out")),
            _ => Err(no_such_type_key(kind, meta, key)),
        }
    }
}

fn no_such_type_key(kind: Kind, meta: &ParseNestedMeta<'_>, key: &str) -> syn::Error {
    let message = match key {
        "rename_all" | "rename_all_fields" | "tag" | "content" | "untagged" => {
            format!("this is serde's: write it in `#[serde({key} …)]` below")
        }
        "deny_unknown_fields" => "unknown fields are refused already; leave this out".to_owned(),
        "validate" => "write `check = …`".to_owned(),
        "description" | "doc" => "the doc comment of the type is its description".to_owned(),
        _ => {
            let keys: &[&str] = match kind {
                Kind::Params => &["check", "exclude_from_ui", "allow_unknown"],
                Kind::Result => &["check", "exclude_from_ui"],
            };
            let near = known(key, keys);
            format!("no such key for a type{near}; what holds for a field stands on it, in `#[param(…)]`")
        }
    };
    meta.error(message)
}

/// The value behind `=`.
pub(super) fn expression(meta: &ParseNestedMeta<'_>) -> syn::Result<Expr> {
    let key = key_of(meta);
    if meta.input.peek(token::Paren) {
        let content;
        parenthesized!(content in meta.input);
        let inner: TokenStream = content.parse()?;
        return Err(meta.error_at_key(format!("write `{key} = {inner}`")));
    }
    if !meta.input.peek(Token![=]) {
        return Err(meta.error_at_key(format!("`{key}` takes a value: `{key} = …`")));
    }
    meta.value()?.parse()
}

/// A text behind `=`.
pub(super) fn words(meta: &ParseNestedMeta<'_>) -> syn::Result<LitStr> {
    let key = key_of(meta);
    match expression(meta)? {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text),
        other => Err(syn::Error::new_spanned(other, format!("`{key}` takes a text: `{key} = \"…\"`"))),
    }
}

/// Keys within parentheses, at least one.
pub(super) fn list(
    meta: &ParseNestedMeta<'_>,
    shown: &str,
    mut each: impl FnMut(&ParseNestedMeta<'_>) -> syn::Result<()>,
) -> syn::Result<()> {
    let key = key_of(meta);
    let missing = || Err(meta.error_at_key(format!("write `{key}({shown})`")));
    if !meta.input.peek(token::Paren) {
        return missing();
    }
    let ahead = meta.input.fork();
    let content;
    parenthesized!(content in ahead);
    if content.is_empty() {
        return missing();
    }
    meta.parse_nested_meta(|inner| each(&inner))
}

/// A key without a value.
pub(super) fn flag(meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
    match meta.input.peek(Token![=]) || meta.input.peek(token::Paren) {
        true => Err(meta.error_at_key(format!("write `{}` alone: it takes no value", key_of(meta)))),
        false => Ok(()),
    }
}

/// A function or a closure behind `=`.
fn check(meta: &ParseNestedMeta<'_>) -> syn::Result<Expr> {
    let check = expression(meta)?;
    match &check {
        Expr::Closure(closure) if !matches!(closure.inputs.len(), 1 | 2) => Err(syn::Error::new_spanned(
            &check,
            "a check takes the value, or the value and the context: `|value| …` or `|value, ctx| …`",
        )),
        Expr::Lit(ExprLit { lit: Lit::Str(name), .. }) => Err(syn::Error::new_spanned(
            name,
            format!("name the function itself, without quotes: `check = {}`", name.value()),
        )),
        Expr::Call(_) => Err(syn::Error::new_spanned(
            &check,
            "name the function without calling it: `check = my_check`, or write `check = |value| …`",
        )),
        Expr::Path(_) | Expr::Closure(_) => Ok(check),
        _ => Err(syn::Error::new_spanned(&check, "a check is a function or a closure: `check = my_check`")),
    }
}

/// Errors that underline the key and not what follows it.
pub(super) trait AtKey {
    fn error_at_key(&self, message: String) -> syn::Error;
}

impl AtKey for ParseNestedMeta<'_> {
    fn error_at_key(&self, message: String) -> syn::Error {
        syn::Error::new_spanned(&self.path, message)
    }
}

/// Whether the tokens hold nothing but what derives read.
pub(super) fn is_for_derives(attribute: &Attribute) -> bool {
    ["serde", "schemars"].iter().any(|name| attribute.path().is_ident(name))
}
