//! When two values are the same to JSON Schema, to which `1` is `1.0`.

use serde_json::{Map, Value};

use super::numbers::Num;

pub(super) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => Num::from(left).compare(Num::from(right)).is_eq(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let is_in_right =
                |(name, value): (&String, &Value)| right.get(name).is_some_and(|other| same(value, other));
            left.len() == right.len() && left.iter().all(is_in_right)
        }
        _ => left == right,
    }
}

/// The index of every item that stands in the list already.
pub(super) fn repeated(items: &[Value]) -> Vec<usize> {
    let mut scalars = Map::new();
    let mut nested: Vec<&Value> = Vec::new();
    let mut repeated = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let stands_already = match spelled(item) {
            Some(text) => scalars.insert(text, Value::Null).is_some(),
            None => nested.iter().any(|before| same(before, item)),
        };
        if stands_already {
            repeated.push(index);
        } else if item.is_array() || item.is_object() {
            nested.push(item);
        }
    }
    repeated
}

/// A text that only the same scalars have.
fn spelled(value: &Value) -> Option<String> {
    match value {
        Value::Array(_) | Value::Object(_) => None,
        Value::Number(number) => Some(
            Num::from(number).whole_float().map_or_else(|| number.to_string(), |whole| whole.to_string()),
        ),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_the_same_by_value_and_objects_in_any_order() {
        assert!(same(&json!([1, {"a": 1, "b": [2.0]}]), &json!([1.0, {"b": [2], "a": 1}])));
        for (left, right) in [
            (json!(1), json!(true)),
            (json!("1"), json!(1)),
            (json!([1]), json!([1, 2])),
            (json!({"a": 1}), json!({"a": 1, "b": 1})),
            (json!({"a": 1}), json!({"b": 1})),
            (json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992.0)),
        ] {
            assert!(!same(&left, &right), "{left} {right}");
        }
    }

    #[test]
    fn later_items_repeat_earlier_ones() {
        let items =
            [json!(1), json!("a"), json!(1.0), json!("a"), json!([1]), json!(-0.0), json!([1.0]), json!(0)];
        assert_eq!(repeated(&items), [2, 3, 6, 7]);
        assert_eq!(repeated(&[json!([]), json!({}), json!(null), json!(""), json!("1"), json!(1)]), [0; 0]);
    }
}
