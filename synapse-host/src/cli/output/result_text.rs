//! JSON as text for people.

use serde_json::{Map, Value};

use super::figures::inline;
use super::look::{BOLD, Look};
use super::text::{clean, one_line, pad, width};

/// Significant digits of a float.
const DIGITS: usize = 6;
/// A list with more columns than this is only counted.
const LIST_COLUMNS: usize = 60;
const INDENT: usize = 2;

/// An object as aligned `key  value` lines, a list as one line per item, a
/// scalar as it is, `null` as nothing. Ends with a line break unless empty.
pub(super) fn human(value: &Value, look: Look) -> String {
    match value {
        Value::Null => String::new(),
        Value::Object(fields) => block(fields, 0, look),
        Value::Array(items) => items.iter().map(|item| inline(item, DIGITS) + "\n").collect(),
        Value::String(text) => clean(text).into_owned() + "\n",
        scalar => inline(scalar, DIGITS) + "\n",
    }
}

/// The fields of an object, each line behind `indent` spaces.
pub(super) fn block(fields: &Map<String, Value>, indent: usize, look: Look) -> String {
    let keys = || fields.iter().filter(|(_, value)| !is_nested(value)).map(|(key, _)| width(&one_line(key)));
    let key_columns = keys().max().unwrap_or(0);
    fields.iter().map(|(key, value)| field(&one_line(key), value, indent, key_columns, look)).collect()
}

fn field(key: &str, value: &Value, indent: usize, key_columns: usize, look: Look) -> String {
    let margin = " ".repeat(indent);
    if let (Value::Object(fields), true) = (value, is_nested(value)) {
        let key = look.paint(BOLD, key);
        return format!("{margin}{key}\n{}", block(fields, indent + INDENT, look));
    }
    let next_line = format!("\n{}", " ".repeat(indent + key_columns + INDENT));
    let value = words(value).trim_end_matches('\n').replace('\n', &next_line);
    format!("{margin}{}  {value}\n", look.paint(BOLD, pad(key, key_columns)))
}

fn is_nested(value: &Value) -> bool {
    value.as_object().is_some_and(|fields| !fields.is_empty())
}

fn words(value: &Value) -> String {
    match value {
        Value::String(text) => clean(text).into_owned(),
        Value::Array(items) => list(items),
        Value::Object(_) => "-".to_owned(),
        scalar => inline(scalar, DIGITS),
    }
}

fn list(items: &[Value]) -> String {
    let flat = items.iter().all(|item| !item.is_object() && !item.is_array());
    let text = items.iter().map(|item| inline(item, DIGITS)).collect::<Vec<_>>().join(", ");
    match items.len() {
        0 => "-".to_owned(),
        _ if flat && width(&text) <= LIST_COLUMNS => text,
        1 => "1 item".to_owned(),
        count => format!("{count} items"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const LOOK: Look = Look { color: false, unicode: true };

    #[test]
    fn objects_are_aligned_lines() {
        let result = json!({
            "accuracy": 0.931_234_567, "epochs": 10, "weights": "/data/model.bin", "note": null,
            "labels": ["cat", "dog"], "history": [{"loss": 1.0}, {"loss": 0.5}], "none": [],
            "pixels": vec![255; 100],
            "evaluation": {"precision": 0.9, "per class": {"cat": 1, "dog": 0.8}},
            "report": "first line\nsecond line\n",
        });
        let expected = "\
accuracy  0.931235
epochs    10
weights   /data/model.bin
note      -
labels    cat, dog
history   2 items
none      -
pixels    100 items
evaluation
  precision  0.9
  per class
    cat  1
    dog  0.8
report    first line
          second line
";
        assert_eq!(human(&result, LOOK), expected);
    }

    #[test]
    fn scalars_are_printed_as_they_are_and_null_is_nothing() {
        assert_eq!(human(&json!(null), LOOK), "");
        assert_eq!(human(&json!("a\nb"), LOOK), "a\nb\n");
        assert_eq!(human(&json!(42), LOOK), "42\n");
        assert_eq!(human(&json!(true), LOOK), "true\n");
        assert_eq!(human(&json!(["a", {"b": 1}]), LOOK), "a\n{\"b\":1}\n");
    }

    #[test]
    fn keys_and_values_cannot_write_escape_codes() {
        assert_eq!(human(&json!({"k\u{1b}[2J": "v\u{1b}[31m"}), LOOK), "k  v\n");
    }
}
