//! What is asked of an item. Put your own rules in their place.

use synapse_sdk::prelude::*;

/// What a finding is about, and what is wrong.
pub type Finding = (&'static str, String);

/// Everything that is wrong with an item.
pub fn check(item: &Value, labels: &[String], min_size: f64) -> Vec<Finding> {
    [
        check_label(item, labels),
        check_side(item, "width", min_size),
        check_side(item, "height", min_size),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn check_label(item: &Value, labels: &[String]) -> Option<Finding> {
    let Some(label) = item["label"].as_str() else {
        return Some(("label", "is missing or no text".to_owned()));
    };
    let known = labels.iter().any(|known| known == label);
    (!known).then(|| {
        let known = labels.join(", ");
        ("label", format!("`{label}` is none of {known}"))
    })
}

fn check_side(item: &Value, side: &'static str, min_size: f64) -> Option<Finding> {
    match item[side].as_f64() {
        None => Some((side, "is missing or no number".to_owned())),
        Some(length) if length < min_size => {
            Some((side, format!("is {length}, less than {min_size}")))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_broken_rule_is_found() {
        let labels = ["cat".to_owned()];
        let sound = json!({ "label": "cat", "width": 10, "height": 10 });
        assert_eq!(check(&sound, &labels, 2.0), []);
        let broken = json!({ "label": "cow", "width": 1.5 });
        let found = check(&broken, &labels, 2.0);
        let fields: Vec<&str> = found.iter().map(|(field, _)| *field).collect();
        assert_eq!(fields, ["label", "width", "height"]);
    }
}
