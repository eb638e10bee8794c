//! How the acceptor goes about each part of a schema: decided once, when the
//! schema is compiled.

use super::node::{Alternatives, Choices, Node, ObjectRules, Type, Types};

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

/// How to go about `node`, in which these keywords make rules.
pub(super) fn of(node: &Node, keywords: &[&str]) -> Pass {
    let Some(combined) = &node.combined else {
        return if is_straight(node) { Pass::Straight } else { Pass::Whole };
    };
    match keywords {
        ["$ref"] => combined.reference.map_or(Pass::Whole, Pass::Reference),
        ["anyOf"] => alternatives(&combined.any_of, true),
        ["oneOf"] => alternatives(&combined.one_of, false),
        _ => Pass::Whole,
    }
}

fn is_straight(node: &Node) -> bool {
    node.list.as_deref().is_none_or(|rules| !rules.unique && rules.contains.is_none())
        && node.object.as_deref().is_none_or(object_is_straight)
        && !node
            .choices
            .iter()
            .flat_map(|these| &these.values)
            .any(|choice| choice.is_array() || choice.is_object())
}

fn object_is_straight(rules: &ObjectRules) -> bool {
    rules.required.iter().all(|name| rules.property(name).is_some())
        && rules.patterns.is_empty()
        && rules.names.is_none()
        && rules.dependent.is_empty()
        && !rules.closed
}

fn alternatives(these: &Option<Alternatives>, may_fit_several: bool) -> Pass {
    let Some(Alternatives { nodes, .. }) = these else { return Pass::Whole };
    let or_null = if may_fit_several { or_null(nodes) } else { None };
    or_null.or_else(|| words(nodes)).unwrap_or(Pass::Whole)
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
    node.types == Types::only(Type::Null) && node.choices.is_none() && matches!(node.pass, Pass::Straight)
}

/// An enum whose variants are described one by one: as one list of words, none
/// of them twice.
fn words(alternatives: &[Node]) -> Option<Pass> {
    let mut words = Vec::new();
    for node in alternatives {
        let only_texts = node.types.is_any() || node.types == Types::only(Type::String);
        let plain = only_texts && matches!(node.pass, Pass::Straight) && node.text.is_none();
        let choices = node.choices.as_ref().filter(|_| plain)?;
        if !choices.values.iter().all(|word| word.is_string() && !words.contains(word)) {
            return None;
        }
        words.extend(choices.values.iter().cloned());
    }
    let choices = Choices { keyword: "enum", values: words };
    Some(Pass::Instead(Box::new(Node { choices: Some(Box::new(choices)), ..Node::default() })))
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
            json!({"oneOf": [{"type": "string"}, {"type": "null"}]}),
            json!({"anyOf": [{"type": "string"}, {"type": "null", "enum": [1]}]}),
            json!({"oneOf": [{"const": "a"}, {"const": "b", "minLength": 3}]}),
            json!({"$ref": "#/$defs/A", "minimum": 1, "$defs": {"A": {}}}),
            json!({"required": ["a"]}),
            json!({"contains": true}),
            json!({"dependentRequired": {"a": ["b"]}}),
            json!({"propertyNames": {"maxLength": 3}}),
            json!({"patternProperties": {"^\\d+$": true}}),
            json!({"unevaluatedProperties": false}),
            json!({"not": {"type": "null"}}),
            json!({"uniqueItems": true}),
            json!({"enum": [[1]]}),
        ] {
            assert!(matches!(pass(schema.clone()), Pass::Whole), "{schema}");
        }
    }
}
