//! How the acceptor goes about each part of a schema: decided once, when the
//! schema is compiled.

use super::compile::{Node, Type};

#[derive(Debug, Default)]
pub(super) enum Pass {
    /// Its rules are checked while the text is read.
    #[default]
    Straight,
    /// It is what this node of the schema is.
    Reference(usize),
    /// It is `null`, or else this one of its `anyOf`.
    OrNull(usize),
    /// It is what this simpler node is.
    Instead(Box<Node>),
    /// The value is read whole and then walked.
    Whole,
}

/// How to go about `node`, in which `keywords` make rules.
pub(super) fn of<'a>(node: &Node, keywords: impl Iterator<Item = &'a String>) -> Pass {
    let keywords: Vec<&str> = keywords.map(String::as_str).collect();
    match keywords.as_slice() {
        ["$ref"] => node.reference.map_or(Pass::Whole, Pass::Reference),
        ["anyOf"] => or_null(&node.any_of).or_else(|| words(&node.any_of)).unwrap_or(Pass::Whole),
        ["oneOf"] => words(&node.one_of).unwrap_or(Pass::Whole),
        _ if is_straight(node) => Pass::Straight,
        _ => Pass::Whole,
    }
}

fn is_straight(node: &Node) -> bool {
    let object = &node.object;
    let is_property = |name: &String| object.properties.iter().any(|property| property.name == *name);
    node.reference.is_none()
        && [&node.all_of, &node.any_of, &node.one_of].iter().all(|schemas| schemas.is_empty())
        && !node.unique_items
        && !node.choices.iter().flatten().any(|choice| choice.is_array() || choice.is_object())
        // A name that stands twice must count once.
        && object.count.min.is_none()
        && object.required.iter().all(is_property)
}

/// `Option<T>`: of two alternatives, one is just `null`.
fn or_null(alternatives: &[Node]) -> Option<Pass> {
    match alternatives {
        [_, null] if is_null(null) => Some(Pass::OrNull(0)),
        [null, _] if is_null(null) => Some(Pass::OrNull(1)),
        _ => None,
    }
}

fn is_null(node: &Node) -> bool {
    let only_type = node.types.as_deref() == Some(&[Type::Null]);
    only_type && node.choices.is_none() && matches!(node.pass, Pass::Straight)
}

/// An enum whose variants are described one by one: as one list of words, none
/// of them twice.
fn words(alternatives: &[Node]) -> Option<Pass> {
    let mut words = Vec::new();
    for node in alternatives {
        let only_texts = node.types.as_deref().is_none_or(|types| types == [Type::String]);
        let choices = node.choices.as_ref()?;
        let plain = only_texts && matches!(node.pass, Pass::Straight) && !node.length.are_set();
        if !plain || !choices.iter().all(|word| word.is_string() && !words.contains(word)) {
            return None;
        }
        words.extend(choices.iter().cloned());
    }
    let one_of_them = || Pass::Instead(Box::new(Node { choices: Some(words), ..Node::default() }));
    (!alternatives.is_empty()).then(one_of_them)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::schema::Schema;

    fn pass(schema: Value) -> Pass {
        let mut schema = Schema::compile(&schema).expect("the schema is supported");
        std::mem::take(&mut schema.nodes[0].pass)
    }

    #[test]
    fn what_params_mostly_are_is_never_read_whole() {
        let text = json!({"type": "string"});
        assert!(matches!(pass(json!({"type": ["integer", "null"], "minimum": 1})), Pass::Straight));
        assert!(matches!(
            pass(json!({"title": "T", "properties": {"a": text}, "required": ["a"]})),
            Pass::Straight
        ));
        assert!(matches!(
            pass(json!({"$ref": "#/$defs/A", "description": "the same", "$defs": {"A": {}}})),
            Pass::Reference(1)
        ));
        assert!(matches!(pass(json!({"anyOf": [text, {"type": "null"}], "default": null})), Pass::OrNull(0)));
        assert!(matches!(pass(json!({"anyOf": [{"type": "null"}, text]})), Pass::OrNull(1)));
        let described =
            json!({"oneOf": [{"type": "string", "enum": ["a", "b"]}, {"const": "c", "description": "C"}]});
        assert!(matches!(pass(described), Pass::Instead(_)));
    }

    #[test]
    fn what_needs_a_second_look_is_read_whole() {
        let twice = json!([{"const": "a"}, {"enum": ["b", "a"]}]);
        for schema in [
            json!({"oneOf": twice}),
            json!({"oneOf": []}),
            json!({"oneOf": [{"type": "string"}, {"type": "null"}]}),
            json!({"anyOf": [{"type": "string"}, {"type": "null", "enum": [1]}]}),
            json!({"oneOf": [{"const": "a"}, {"const": "b", "minLength": 3}]}),
            json!({"$ref": "#/$defs/A", "minimum": 1, "$defs": {"A": {}}}),
            json!({"required": ["a"]}),
            json!({"minProperties": 1}),
            json!({"uniqueItems": true}),
            json!({"enum": [[1]]}),
        ] {
            assert!(matches!(pass(schema.clone()), Pass::Whole), "{schema}");
        }
    }
}
