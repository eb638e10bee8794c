//! JSON written as tokens in an attribute.

use proc_macro2::TokenStream;
use syn::ext::IdentExt;
use syn::parse::{ParseBuffer, ParseStream};
use syn::{Ident, Lit, LitStr, Token, braced, bracketed, parenthesized, token};

/// Reads one JSON value and gives its text. `json!(…)` around it is what people
/// write out of habit, and means the same.
pub(crate) fn json(input: ParseStream<'_>) -> syn::Result<String> {
    if input.peek(Ident) && input.peek2(Token![!]) {
        return within_json_macro(input);
    }
    if input.peek(token::Brace) {
        let content;
        braced!(content in input);
        return whole(&content, object(&content));
    }
    if input.peek(token::Bracket) {
        let content;
        bracketed!(content in input);
        return whole(&content, list(&content));
    }
    scalar(input)
}

/// What stands behind a mistake is no mistake of its own.
fn whole(content: &ParseBuffer<'_>, read: syn::Result<String>) -> syn::Result<String> {
    if read.is_err() {
        content.parse::<TokenStream>()?;
    }
    read
}

fn list(content: &ParseBuffer<'_>) -> syn::Result<String> {
    let items = content.parse_terminated(json, Token![,])?;
    Ok(format!("[{}]", items.into_iter().collect::<Vec<_>>().join(",")))
}

fn within_json_macro(input: ParseStream<'_>) -> syn::Result<String> {
    let name: Ident = input.parse()?;
    if name != "json" {
        return Err(not_json(name.span()));
    }
    input.parse::<Token![!]>()?;
    let content;
    parenthesized!(content in input);
    whole(&content, json(&content))
}

fn object(content: &ParseBuffer<'_>) -> syn::Result<String> {
    let mut fields: Vec<(String, String)> = Vec::new();
    while !content.is_empty() {
        let name: LitStr = content.parse().map_err(|error| {
            syn::Error::new(error.span(), "expected a field's name in quotes: `\"name\": value`")
        })?;
        if fields.iter().any(|(known, _)| *known == name.value()) {
            return Err(syn::Error::new(name.span(), "this field stands here twice"));
        }
        content.parse::<Token![:]>()?;
        fields.push((name.value(), json(content)?));
        if !content.is_empty() {
            content.parse::<Token![,]>()?;
        }
    }
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("{}:{value}", quoted(name))).collect();
    Ok(format!("{{{}}}", fields.join(",")))
}

fn scalar(input: ParseStream<'_>) -> syn::Result<String> {
    let span = input.span();
    if input.peek(Ident::peek_any) && !input.peek(syn::LitBool) {
        let word = Ident::parse_any(input)?;
        return if word == "null" { Ok("null".to_owned()) } else { Err(not_json(span)) };
    }
    let sign = input.parse::<Option<Token![-]>>()?.map_or("", |_| "-");
    let literal: Lit = input.parse().map_err(|_| not_json(span))?;
    match literal {
        Lit::Int(number) if number.suffix().is_empty() => Ok(format!("{sign}{}", number.base10_digits())),
        Lit::Float(number) if number.suffix().is_empty() => {
            let digits = number.base10_digits();
            Ok(format!("{sign}{digits}{}", if digits.ends_with('.') { "0" } else { "" }))
        }
        Lit::Str(text) if sign.is_empty() => Ok(quoted(&text.value())),
        Lit::Bool(value) if sign.is_empty() => Ok(value.value.to_string()),
        _ => Err(not_json(span)),
    }
}

fn not_json(span: proc_macro2::Span) -> syn::Error {
    syn::Error::new(
        span,
        "expected JSON: a text in quotes, a number, true, false, null, [list] or {\"name\": value}",
    )
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c < ' ' => quoted.push_str(&format!("\\u{:04x}", c as u32)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse::Parser;

    fn read(text: &str) -> Result<String, String> {
        json.parse_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn json_is_read_as_it_is_written() {
        for (written, text) in [
            ("{}", "{}"),
            (
                r#"{ "a": [1, -2.5, 1_000, 0x10, 1e3,], "b": { "c": null } }"#,
                r#"{"a":[1,-2.5,1000,16,1e3],"b":{"c":null}}"#,
            ),
            (r#""q\"\\\n ü""#, r#""q\"\\\u000a ü""#),
            ("true", "true"),
            ("3.", "3.0"),
            (r#"json!({ "a": 1 })"#, r#"{"a":1}"#),
        ] {
            assert_eq!(read(written).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_is_no_json_says_what_is() {
        for written in ["name", "{ \"a\": b }", "1u8", "vec![1]", "-\"x\"", "'c'", "None"] {
            assert!(read(written).is_err_and(|error| error.starts_with("expected JSON")), "{written}");
        }
        assert!(read("{ a: 1 }").is_err_and(|error| error.contains("in quotes")));
        assert!(read("{ \"a\": 1, \"a\": 2 }").is_err_and(|error| error.contains("twice")));
    }
}
