//! Violations in plain words.

use serde_json::{Map, Value};

use super::node::{Node, Type, Types};
use super::variants::Keyed;
use crate::suggest::nearest;

/// "an integer or null".
pub(super) fn names(types: Types) -> String {
    types.names().collect::<Vec<_>>().join(" or ")
}

pub(super) fn wrong_type(types: Types, value: &Value) -> String {
    format!("expected {}, not {}{}", names(types), describe(value), quotes_hint(types, value))
}

/// On command lines it is easily forgotten what needs quotes and what none.
fn quotes_hint(types: Types, value: &Value) -> String {
    match value {
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(meant) if types.hold(&meant) => "; leave out the quotes".to_owned(),
            _ => String::new(),
        },
        Value::Number(_) | Value::Bool(_) if types.contains(Type::String) => {
            format!("; as a text it is \"{value}\", in quotes")
        }
        _ => String::new(),
    }
}

pub(super) fn not_a_choice(choices: &[Value], value: &Value) -> String {
    let words = choices.iter().filter_map(Value::as_str);
    let guess = guess(value.as_str().and_then(|word| nearest(word, words)));
    let list = choices.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
    match choices {
        [_] => format!("expected {list}, not {}{guess}", describe(value)),
        _ => format!("expected one of {list}, not {}{guess}", describe(value)),
    }
}

pub(super) fn unknown<'a>(name: &str, unset: impl Iterator<Item = &'a str>, known: &[&str]) -> String {
    match nearest(name, unset) {
        Some(near) => format!("no such field{}", guess(Some(near))),
        None if known.is_empty() => "no such field; there are none".to_owned(),
        None => format!("no such field; there are {}", known.join(", ")),
    }
}

/// None of the variants is a field of the object.
pub(super) fn no_variant(names: &[&str], fields: &Map<String, Value>) -> String {
    let list = names.join(", ");
    match fields.keys().next() {
        Some(name) => {
            let guess = guess(nearest(name, names.iter().copied()));
            format!("expected one of {list}, not `{name}`{guess}")
        }
        None => format!("expected one of {list}"),
    }
}

pub(super) fn several_variants(keyed: &[Keyed], fields: &Map<String, Value>) -> String {
    let names = Keyed::given(keyed, fields).into_iter().filter_map(|index| match &keyed[index] {
        Keyed::Field(name) => Some(format!("`{name}`")),
        Keyed::Words(_) => None,
    });
    format!("expected only one of {}", names.collect::<Vec<_>>().join(", "))
}

/// A text that names no variant, or one that has fields.
pub(super) fn no_variant_word(names: &[&str], keyed: &[Keyed], text: &str) -> String {
    if keyed.iter().any(|these| matches!(these, Keyed::Field(name) if name == text)) {
        return format!("`{text}` has a value: {{\"{text}\": …}}");
    }
    let guess = guess(nearest(text, names.iter().copied()));
    format!("expected one of {}, not {}{guess}", names.join(", "), describe(&Value::from(text)))
}

pub(super) fn none_fits(value: &Value, nodes: &[Node]) -> String {
    format!("{} fits none of the {} alternatives", describe(value), nodes.len())
}

pub(super) fn not_this(value: &Value) -> String {
    format!("{} is just what may not stand here", describe(value))
}

pub(super) fn without_pattern(pattern: &str, value: &Value) -> String {
    format!("expected a text that matches the pattern {pattern}, not {}", describe(value))
}

/// "expected at least 1 item, not 0".
pub(super) fn count(words: &str, bound: u64, count: usize, keyword: &str) -> String {
    let (one, many) = match keyword {
        "minLength" | "maxLength" => ("character", "characters"),
        "minProperties" | "maxProperties" => ("entry", "entries"),
        "minContains" | "maxContains" => {
            ("item of the kind that the schema asks for", "items of the kind that the schema asks for")
        }
        _ => ("item", "items"),
    };
    let unit = if bound == 1 { one } else { many };
    format!("expected {words} {bound} {unit}, not {count}")
}

fn guess(near: Option<&str>) -> String {
    near.map(|word| format!("; did you mean `{word}`?")).unwrap_or_default()
}

/// A value as it is told to a person: short ones as they are.
fn describe(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        other => {
            let text = other.to_string();
            match text.char_indices().nth(60) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text,
            }
        }
    }
}
