//! What a scalar means: text, or something YAML makes of it when unquoted.

use serde_json::{Number, Value};

/// A scalar as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    /// Written without quotes, so that YAML may read it as something else
    /// than text.
    pub(crate) plain: bool,
}

/// What a scalar is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Null,
    Bool(bool),
    Integer,
    Float,
    Text,
}

impl Scalar {
    /// `yes`, `no`, `on`, `off` are booleans, as they are to the YAML 1.1
    /// readers that see the same file elsewhere.
    pub(crate) fn meaning(&self) -> Meaning {
        if !self.plain {
            return Meaning::Text;
        }
        match self.text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => Meaning::Null,
            "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Meaning::Bool(true),
            "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Meaning::Bool(false),
            text if is_integer(text) => Meaning::Integer,
            text if is_float(text) => Meaning::Float,
            _ => Meaning::Text,
        }
    }

    /// For messages: what YAML takes this for.
    pub(crate) fn describe(&self) -> String {
        match self.meaning() {
            Meaning::Null => "nothing".to_owned(),
            Meaning::Bool(_) => format!("`{}`, which YAML reads as true or false", self.text),
            Meaning::Integer | Meaning::Float => format!("the number {}", self.text),
            Meaning::Text => "text".to_owned(),
        }
    }

    /// The value in JSON, unless it is a number JSON cannot hold.
    pub(crate) fn to_json(&self) -> Option<Value> {
        match self.meaning() {
            Meaning::Null => Some(Value::Null),
            Meaning::Bool(value) => Some(Value::Bool(value)),
            Meaning::Integer => integer(&self.text).map(Value::Number),
            Meaning::Float => float(&self.text).map(Value::Number),
            Meaning::Text => Some(Value::String(self.text.clone())),
        }
    }
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['-', '+']).unwrap_or(text)
}

fn is_integer(text: &str) -> bool {
    if let Some((digits, radix)) = radix_digits(text) {
        return !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    }
    let digits = unsigned(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

fn radix_digits(text: &str) -> Option<(&str, u32)> {
    let hexadecimal = text.strip_prefix("0x").map(|digits| (digits, 16));
    hexadecimal.or_else(|| text.strip_prefix("0o").map(|digits| (digits, 8)))
}

fn is_float(text: &str) -> bool {
    let digits = unsigned(text);
    if matches!(digits, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    // The letters `inf` and `nan` without a dot are text, not numbers.
    let only_number_characters =
        digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    only_number_characters && digits.parse::<f64>().is_ok()
}

fn integer(text: &str) -> Option<Number> {
    if let Some((digits, radix)) = radix_digits(text) {
        return u64::from_str_radix(digits, radix).ok().map(Number::from);
    }
    if let Ok(value) = text.parse::<i64>() {
        return Some(Number::from(value));
    }
    if let Ok(value) = text.parse::<u64>() {
        return Some(Number::from(value));
    }
    float(text)
}

fn float(text: &str) -> Option<Number> {
    text.parse::<f64>().ok().and_then(Number::from_f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn plain(text: &str) -> Scalar {
        Scalar { text: text.to_owned(), plain: true }
    }

    #[test]
    fn unquoted_words_and_numbers_are_read_as_yaml_reads_them() {
        for (text, expected) in [
            ("", json!(null)),
            ("~", json!(null)),
            ("true", json!(true)),
            ("no", json!(false)),
            ("On", json!(true)),
            ("-3", json!(-3)),
            ("+7", json!(7)),
            ("18446744073709551615", json!(u64::MAX)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("1.0", json!(1.0)),
            (".5", json!(0.5)),
            ("1e-3", json!(0.001)),
            ("1.2.3", json!("1.2.3")),
            ("inf", json!("inf")),
            ("nope", json!("nope")),
            ("0x", json!("0x")),
            ("-", json!("-")),
        ] {
            assert_eq!(plain(text).to_json(), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn quoted_ones_are_text() {
        let quoted = Scalar { text: "no".to_owned(), plain: false };
        assert_eq!(quoted.to_json(), Some(json!("no")));
    }

    #[test]
    fn numbers_without_a_json_form_are_told_apart() {
        for text in [".inf", "-.inf", ".nan", "1e999", "0xFFFFFFFFFFFFFFFFF"] {
            assert_ne!(plain(text).meaning(), Meaning::Text, "{text}");
            assert_eq!(plain(text).to_json(), None, "{text}");
        }
    }
}
