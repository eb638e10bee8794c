//! Refuses what cannot be meant: rules on types they say nothing of, values
//! that no rule can have, defaults outside their own bounds.

use syn::spanned::Spanned;
use syn::{Expr, Path};

use super::attributes::DefaultValue;
use super::field::Plan;
use super::literals::{Literal, Number, is_not_finite};
use super::pattern;
use super::rules::{Family, Rule};
use super::shape::{Shape, ShapeKind, Width, reference_in};
use crate::sink::Sink;

/// All that can be said of one field. A default at fault is dropped, so that
/// the compiler does not report it once more.
pub(super) fn check(plan: &mut Plan, type_has_default: bool, sink: &mut Sink) {
    if let Some(reference) = reference_in(&plan.ty) {
        sink.add(
            reference,
            "params and results own their data: write `String` for a text, `Vec<…>` for a list",
        );
    }
    if plan.ident.is_none() {
        named_only(plan, sink);
    }
    check_rules(&plan.args.rules, &plan.shape, sink);
    check_each(plan, sink);
    if let Some(hidden) = &plan.args.hints.hidden
        && !plan.may_be_missing()
        && !type_has_default
    {
        sink.add(hidden, "nobody can fill a field that is hidden and required: give it a `default`");
    }
    if let Some(default) = &plan.args.default
        && let Err(error) = check_default(plan, default)
    {
        sink.push(error);
        plan.args.default = None;
    }
}

/// Serde reads fields of tuples by their place and never leaves one out.
fn named_only(plan: &mut Plan, sink: &mut Sink) {
    let message = "a field without a name takes rules and `check` only; \
                   the rest stands on the field that has this type";
    let args = &mut plan.args;
    let default = args.default.take().map(|default| default.key);
    for key in default.iter().chain(&args.excluded).chain(args.hints.keys()) {
        sink.add(key, message);
    }
    for name in args.rename.take().into_iter().chain(args.aliases.drain(..)) {
        sink.add(name, message);
    }
}

fn check_each(plan: &Plan, sink: &mut Sink) {
    let Some(key) = &plan.args.each_key else { return };
    match &plan.shape.kind {
        ShapeKind::List(item) | ShapeKind::Map(item) => check_rules(&plan.args.each, item, sink),
        ShapeKind::Unknown => check_rules(&plan.args.each, &Shape::of(&syn::parse_quote!(_)), sink),
        kind => {
            let what = kind_words(kind);
            sink.add(
                key,
                format!("`each` is for the items of a list or the values of a map, not for {what}"),
            );
        }
    }
}

fn check_rules(rules: &[Rule], shape: &Shape, sink: &mut Sink) {
    let mut misplaced: Vec<Option<&syn::Ident>> = Vec::new();
    for rule in rules {
        if misplaced.contains(&rule.key.get_ident()) {
            continue;
        }
        if let Some(message) = wrong_type(rule, &shape.kind) {
            sink.add(&rule.key, message);
            misplaced.push(rule.key.get_ident());
        } else if let Some(message) = wrong_value(rule, &shape.kind) {
            sink.add(&rule.value, message);
        }
    }
    if misplaced.is_empty() {
        contradictions(rules, sink);
    }
}

fn kind_words(kind: &ShapeKind) -> &'static str {
    match kind {
        ShapeKind::Integer(_) | ShapeKind::Float => "a number",
        ShapeKind::Bool => "a `bool`",
        ShapeKind::Text => "a text",
        ShapeKind::List(_) => "a list",
        ShapeKind::Map(_) => "a map",
        ShapeKind::Leaf | ShapeKind::Unknown => "this type",
    }
}

/// A rule on a type it says nothing of.
fn wrong_type(rule: &Rule, kind: &ShapeKind) -> Option<String> {
    let fits = match rule.family {
        Family::Number => matches!(kind, ShapeKind::Integer(_) | ShapeKind::Float),
        Family::Text => *kind == ShapeKind::Text,
        Family::List => matches!(kind, ShapeKind::List(_)),
        Family::Map => matches!(kind, ShapeKind::Map(_)),
    };
    if fits || *kind == ShapeKind::Unknown {
        return None;
    }
    let key = rule.key.get_ident().map(ToString::to_string).unwrap_or_default();
    let subject = match rule.family {
        Family::Number => "numbers",
        Family::Text => "texts",
        Family::List => "lists",
        Family::Map => "maps",
    };
    let end = if matches!(
        rule.keyword,
        "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties"
    ) {
        "max"
    } else {
        "min"
    };
    let advice = match (kind, rule.family) {
        (ShapeKind::Text, Family::Number) if key == "multiple_of" => String::new(),
        (ShapeKind::Text, Family::Number | Family::List | Family::Map) => {
            format!("; for a text write `length({end} = …)`")
        }
        (ShapeKind::Integer(_) | ShapeKind::Float, _) => "; for a number write `ge = …`, `le = …`".to_owned(),
        (ShapeKind::List(_), Family::Number | Family::Text) => {
            let inner = if key == "length" { format!("length({end} = …)") } else { format!("{key} = …") };
            format!("; write `items({end} = …)` for the count of a list, `each({inner})` for each item")
        }
        (ShapeKind::Map(_), Family::Number | Family::Text) => {
            let inner = if key == "length" { format!("length({end} = …)") } else { format!("{key} = …") };
            format!("; write `entries({end} = …)` for the count of a map, `each({inner})` for each value")
        }
        (ShapeKind::List(_), _) => format!("; for a list write `items({end} = …)`"),
        (ShapeKind::Map(_), _) => format!("; for a map write `entries({end} = …)`"),
        _ => format!(", not for {}", kind_words(kind)),
    };
    Some(format!("`{key}` is for {subject}{advice}"))
}

/// A value that a rule cannot have.
fn wrong_value(rule: &Rule, kind: &ShapeKind) -> Option<String> {
    match (rule.family, rule.keyword) {
        (Family::Number, keyword) => wrong_bound(keyword, &rule.value, kind),
        (_, "pattern") => match Literal::of(&rule.value) {
            Some(Literal::Text(text)) => pattern::fault(&text).map(|fault| format!("no pattern: {fault}")),
            _ => None,
        },
        (_, "uniqueItems") => None,
        _ => match Literal::of(&rule.value)? {
            Literal::Integer(count) if count >= 0 => None,
            _ => Some("a count is a whole number from 0 up, without quotes".to_owned()),
        },
    }
}

fn wrong_bound(keyword: &str, value: &Expr, kind: &ShapeKind) -> Option<String> {
    if is_not_finite(value) {
        return Some("JSON has no such number; leave the bound out".to_owned());
    }
    let literal = Literal::of(value)?;
    let Some(number) = literal.number() else {
        return Some(match literal {
            Literal::Text(text) if text.parse::<f64>().is_ok() => {
                format!("a bound is a number: write `{text}` without quotes")
            }
            _ => "a bound is a number".to_owned(),
        });
    };
    if let ShapeKind::Integer(width) = kind
        && let Some(message) = outside(number, *width, "bound")
    {
        return Some(message);
    }
    (keyword == "multipleOf" && !number.is_positive()).then(|| "a step is greater than 0".to_owned())
}

fn outside(number: Number, width: Width, what: &str) -> Option<String> {
    let Width { name, min, max } = width;
    match number {
        Number::Float(_) => Some(format!("`{name}` holds whole numbers: its {what} is one too")),
        Number::Integer(number) if number < min || number > max => {
            Some(format!("`{name}` holds {min} to {max}, not {number}"))
        }
        Number::Integer(_) => None,
    }
}

/// Rules that leave nothing over.
fn contradictions(rules: &[Rule], sink: &mut Sink) {
    let pairs = [
        ("minimum", "maximum", false),
        ("minimum", "exclusiveMaximum", true),
        ("exclusiveMinimum", "maximum", true),
        ("exclusiveMinimum", "exclusiveMaximum", true),
        ("minLength", "maxLength", false),
        ("minItems", "maxItems", false),
        ("minProperties", "maxProperties", false),
    ];
    let named = |keyword| rules.iter().find(|rule: &&Rule| rule.keyword == keyword);
    for (low, high, exclusive) in pairs {
        let (Some(low), Some(high)) = (named(low), named(high)) else { continue };
        let (Some(least), Some(most)) = (Number::of(&low.value), Number::of(&high.value)) else { continue };
        let equal = !least.is_below(most) && !most.is_below(least);
        if most.is_below(least) || (equal && exclusive) {
            let (from, to) = (as_written(low), as_written(high));
            sink.add(&high.value, format!("nothing can be both `{from}` and `{to}`"));
            return;
        }
    }
}

/// `ge = 5`, `length(min = 5)`.
fn as_written(rule: &Rule) -> String {
    let key = rule.key.get_ident().map(ToString::to_string).unwrap_or_default();
    let value = &rule.value;
    let value = quote::quote!(#value).to_string().replace("- ", "-");
    match rule.keyword {
        keyword if keyword.starts_with("min") && rule.family != Family::Number => {
            format!("{key}(min = {value})")
        }
        keyword if keyword.starts_with("max") && rule.family != Family::Number => {
            format!("{key}(max = {value})")
        }
        "uniqueItems" => format!("{key}(unique)"),
        _ => format!("{key} = {value}"),
    }
}

fn check_default(plan: &Plan, default: &DefaultValue) -> syn::Result<()> {
    let Some(value) = &default.value else {
        return check_own_default(plan, &default.key);
    };
    let fault = |message: String| Err(syn::Error::new(value.span(), message));
    if is_not_finite(value) {
        return fault("JSON has no such number: a form could not show it".to_owned());
    }
    let Some(literal) = Literal::of(value) else { return Ok(()) };
    match wrong_kind(&literal, &plan.shape.kind, &plan.type_text()) {
        Some(message) => fault(message),
        None => match broken(&literal, &plan.args.rules, &plan.args.each) {
            Some(rule) => fault(format!("the default breaks the field's own `{}`", as_written(rule))),
            None => Ok(()),
        },
    }
}

/// `default` alone: 0, an empty text, an empty list.
fn check_own_default(plan: &Plan, key: &Path) -> syn::Result<()> {
    if plan.shape.optional {
        return Ok(());
    }
    let empty = syn::parse_quote!([]);
    let (literal, shown) = match plan.shape.kind {
        ShapeKind::Integer(_) | ShapeKind::Float => (Literal::Integer(0), "0"),
        ShapeKind::Text => (Literal::Text(String::new()), "an empty text"),
        ShapeKind::List(_) => (Literal::List(&empty), "an empty list"),
        _ => return Ok(()),
    };
    match broken(&literal, &plan.args.rules, &plan.args.each) {
        Some(rule) => {
            let message = format!(
                "`default` alone is {shown}, which breaks the field's own `{}`; write `default = …`",
                as_written(rule)
            );
            Err(syn::Error::new_spanned(key, message))
        }
        None => Ok(()),
    }
}

/// A default that is not of the field's type.
fn wrong_kind(literal: &Literal<'_>, kind: &ShapeKind, ty: &str) -> Option<String> {
    match (kind, literal) {
        (ShapeKind::Integer(width), Literal::Integer(_) | Literal::Float(_)) => {
            outside(literal.number()?, *width, "default")
        }
        (ShapeKind::Float, Literal::Integer(_) | Literal::Float(_))
        | (ShapeKind::Bool, Literal::Bool)
        | (ShapeKind::Text, Literal::Text(_))
        | (ShapeKind::Leaf | ShapeKind::Unknown, _) => None,
        (ShapeKind::List(item), Literal::List(list)) => list.elems.iter().find_map(|value| {
            wrong_kind(&Literal::of(value)?, &item.kind, "…").map(|_| {
                format!(
                    "each item of this `{ty}` is {}: write `default = [{}]`",
                    item.words(),
                    item.example()
                )
            })
        }),
        (kind, _) => {
            let shape = Shape { optional: false, kind: kind.clone() };
            Some(format!("this field is {} (`{ty}`): write `default = {}`", shape.words(), shape.example()))
        }
    }
}

/// The first rule that a value breaks.
fn broken<'a>(literal: &Literal<'_>, rules: &'a [Rule], each: &'a [Rule]) -> Option<&'a Rule> {
    let of_items = || match literal {
        Literal::List(list) => list.elems.iter().find_map(|item| broken(&Literal::of(item)?, each, &[])),
        _ => None,
    };
    rules.iter().find(|rule| breaks(literal, rule)).or_else(of_items)
}

fn breaks(literal: &Literal<'_>, rule: &Rule) -> bool {
    match (literal, rule.keyword) {
        (Literal::Text(text), "pattern") => match Literal::of(&rule.value) {
            Some(Literal::Text(pattern)) => {
                regex_lite::Regex::new(&pattern).is_ok_and(|pattern| !pattern.is_match(text))
            }
            _ => false,
        },
        (Literal::List(list), "uniqueItems") => {
            let mut items: Vec<String> =
                list.elems.iter().map(|item| quote::quote!(#item).to_string()).collect();
            let count = items.len();
            items.sort();
            items.dedup();
            items.len() < count
        }
        _ => breaks_number(literal, rule),
    }
}

fn breaks_number(literal: &Literal<'_>, rule: &Rule) -> bool {
    let measured = match (literal, rule.family) {
        (_, Family::Number) => literal.number(),
        (Literal::Text(text), Family::Text) => Some(count(text.chars().count())),
        (Literal::List(list), Family::List) => Some(count(list.elems.len())),
        _ => None,
    };
    let (Some(value), Some(limit)) = (measured, Number::of(&rule.value)) else { return false };
    match rule.keyword {
        "minimum" | "minLength" | "minItems" => value.is_below(limit),
        "exclusiveMinimum" => !limit.is_below(value),
        "maximum" | "maxLength" | "maxItems" => limit.is_below(value),
        "exclusiveMaximum" => !value.is_below(limit),
        "multipleOf" => limit.is_positive() && !value.is_multiple_of(limit),
        _ => false,
    }
}

fn count(count: usize) -> Number {
    Number::Integer(count as i128)
}

/// Generics have no place: who uses the type must know its schema.
pub(super) fn check_generics(generics: &syn::Generics, sink: &mut Sink) {
    if generics.params.is_empty() {
        return;
    }
    let only_lifetimes = generics.params.iter().all(|param| matches!(param, syn::GenericParam::Lifetime(_)));
    let message = match only_lifetimes {
        true => "params and results own their data: write `String` instead of `&str`, and no lifetime",
        false => "params and results cannot be generic: they need one schema",
    };
    sink.add(generics, message);
}
