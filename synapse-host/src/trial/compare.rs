//! Compares a result with what an example says of it.

use serde_json::Value;

/// Numbers that differ by less than this share of them are equal: libraries of
/// different systems round differently.
const TOLERANCE: f64 = 1e-9;

/// Where a result is not as expected, the first such place. Objects may have
/// more fields than are written.
pub(super) fn difference(expected: &Value, result: &Value) -> Option<String> {
    at("", expected, result)
}

fn at(pointer: &str, expected: &Value, result: &Value) -> Option<String> {
    match (expected, result) {
        (Value::Object(fields), Value::Object(found)) => fields.iter().find_map(|(name, value)| {
            let within = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
            match found.get(name) {
                Some(result) => at(&within, value, result),
                None => Some(format!("{within}: expected {value}, and there is nothing")),
            }
        }),
        (Value::Array(items), Value::Array(found)) if items.len() == found.len() => {
            let mut pairs = items.iter().zip(found).enumerate();
            pairs.find_map(|(index, (item, result))| at(&format!("{pointer}/{index}"), item, result))
        }
        (Value::Number(expected_number), Value::Number(number)) if near(expected_number, number) => None,
        _ if expected == result => None,
        _ => {
            let shown = if pointer.is_empty() { "/" } else { pointer };
            Some(format!("{shown}: expected {expected}, not {result}"))
        }
    }
}

fn near(expected: &serde_json::Number, number: &serde_json::Number) -> bool {
    let (Some(expected), Some(number)) = (expected.as_f64(), number.as_f64()) else { return false };
    (expected - number).abs() <= TOLERANCE * expected.abs().max(number.abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn results_may_say_more_than_the_example() {
        let result =
            json!({ "words": 6.0, "path": "/tmp/x", "list": [{ "a": 1, "b": 0.30000000000000004 }] });
        assert_eq!(difference(&json!({ "words": 6, "list": [{ "b": 0.3 }] }), &result), None);
    }

    #[test]
    fn the_first_difference_is_told_with_its_place() {
        let result = json!({ "list": [1, 2], "text": "a" });
        let told = |expected: Value| difference(&expected, &result);
        assert_eq!(told(json!({ "list": [1, 3] })).as_deref(), Some("/list/1: expected 3, not 2"));
        assert_eq!(told(json!({ "list": [1] })).as_deref(), Some("/list: expected [1], not [1,2]"));
        assert_eq!(told(json!({ "a/b": 1 })).as_deref(), Some("/a~1b: expected 1, and there is nothing"));
        assert_eq!(
            told(json!("x")).as_deref(),
            Some("/: expected \"x\", not {\"list\":[1,2],\"text\":\"a\"}")
        );
    }
}
