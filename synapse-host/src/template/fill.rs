//! Puts values into a template's text.

/// `text` with each `__KEY__` replaced by its value; keys are capitals and `_`.
/// What comes out is not looked through again, so that a plugin may be called
/// as it likes. A key without a value stays.
pub(super) fn fill(text: &str, values: &[(&str, String)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("__") {
        let (before, from) = rest.split_at(start);
        filled.push_str(before);
        let value = key(from).and_then(|key| Some((key, values.iter().find(|(name, _)| *name == key)?)));
        match value {
            Some((key, (_, value))) => {
                filled.push_str(value);
                rest = &from[key.len() + 4..];
            }
            None => {
                filled.push('_');
                rest = &from[1..];
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// The key that `text` begins with, of `__KEY__…`.
fn key(text: &str) -> Option<&str> {
    let (key, _) = text.strip_prefix("__")?.split_once("__")?;
    let allowed = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
    key.bytes().all(allowed).then_some(key)
}

/// A text as a YAML scalar: plain where that reads back as the same text, else
/// in double quotes, of which JSON's are a subset.
pub(super) fn yaml(text: &str) -> String {
    let mut words = text.split(' ');
    let plain_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
    };
    let starts_plain = text.starts_with(|first: char| first.is_ascii_alphabetic());
    let reserved = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let plain = starts_plain && words.all(plain_word) && !reserved.contains(&&*text.to_ascii_lowercase());
    if plain { text.to_owned() } else { json(text) }
}

/// A text as a TOML string, of whose escapes JSON's are a subset.
pub(super) fn toml(text: &str) -> String {
    // JSON leaves this one control character as it is, TOML does not take it.
    json(text).replace('\u{7f}', "\\u007f")
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_becomes_its_value_once() {
        let values = [("NAME", "__CODE__".to_owned()), ("CODE", "c".to_owned())];
        assert_eq!(fill("__NAME__-__CODE__", &values), "__CODE__-c");
        assert_eq!(fill("__CODE____CODE__", &values), "cc");
        assert_eq!(fill("__OTHER__ __x__ ___CODE__ a__", &values), "__OTHER__ __x__ _c a__");
    }

    #[test]
    fn what_yaml_reads_otherwise_is_quoted() {
        for plain in ["Hello", "Port vessels v1.2", "a-b_c"] {
            assert_eq!(yaml(plain), plain);
        }
        for other in ["a: b", "yes", "Null", "1.5", "- x", "a #b", "\"q\"", "ü", "a  b", " a", "[x]", "{{y}}"]
        {
            assert!(yaml(other).starts_with('"'), "{other}");
        }
        assert_eq!(yaml("a \"b\" \\"), r#""a \"b\" \\""#);
    }
}
