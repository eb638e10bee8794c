//! Enums with fields: which of the alternatives a value means.

use serde_json::{Map, Value};

use super::node::{Additional, Node, Type, Types};

/// How the alternatives of a schema can be told apart without trying them.
#[derive(Debug, Default)]
pub(super) enum Variants {
    /// Only by trying them.
    #[default]
    Untold,
    /// Objects with a field that names the variant: `{"kind": "sgd", …}`.
    ByTag {
        /// The field's name.
        tag: String,
        /// What stands in it, in the order of the alternatives.
        words: Vec<String>,
    },
    /// Objects with the variant as their only field, `{"sgd": {…}}`, or just
    /// its name.
    ByKey(Vec<Keyed>),
}

/// An alternative of an externally tagged enum.
#[derive(Debug)]
pub(super) enum Keyed {
    Field(String),
    Words(Vec<String>),
}

impl Variants {
    pub(super) fn of(alternatives: &[Node]) -> Self {
        by_tag(alternatives).or_else(|| by_key(alternatives)).unwrap_or_default()
    }

    /// The words that may stand for a variant, in the schema's order.
    pub(super) fn words(&self) -> Vec<&str> {
        match self {
            Self::Untold => Vec::new(),
            Self::ByTag { words, .. } => words.iter().map(String::as_str).collect(),
            Self::ByKey(keyed) => keyed.iter().flat_map(Keyed::names).collect(),
        }
    }
}

impl Keyed {
    fn names(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::Field(name) => std::slice::from_ref(name).iter(),
            Self::Words(words) => words.iter(),
        }
        .map(String::as_str)
    }

    /// The alternatives whose field an object has.
    pub(super) fn given(keyed: &[Self], fields: &Map<String, Value>) -> Vec<usize> {
        let given = |these: &Self| matches!(these, Self::Field(name) if fields.contains_key(name));
        (0..keyed.len()).filter(|index| given(&keyed[*index])).collect()
    }
}

fn by_tag(alternatives: &[Node]) -> Option<Variants> {
    let first = alternatives.first()?.object.as_ref()?;
    first.properties.iter().find_map(|property| {
        let words: Option<Vec<&str>> =
            alternatives.iter().map(|node| tag_word(node, &property.name)).collect();
        let words = words.filter(|words| are_distinct(words))?;
        Some(Variants::ByTag {
            tag: property.name.clone(),
            words: words.into_iter().map(str::to_owned).collect(),
        })
    })
}

/// The one word that an alternative wants in its field `tag`.
fn tag_word<'a>(node: &'a Node, tag: &str) -> Option<&'a str> {
    let property = node.object.as_ref()?.property(tag)?;
    let only_objects = node.types == Types::only(Type::Object);
    match property.node.choices.as_ref()?.values.as_slice() {
        [Value::String(word)] if only_objects && property.required && property.aliases.is_empty() => {
            Some(word)
        }
        _ => None,
    }
}

fn by_key(alternatives: &[Node]) -> Option<Variants> {
    let keyed: Vec<Keyed> = alternatives.iter().map(keyed).collect::<Option<_>>()?;
    let names: Vec<&str> = keyed.iter().flat_map(Keyed::names).collect();
    let has_fields = keyed.iter().any(|these| matches!(these, Keyed::Field(_)));
    (has_fields && are_distinct(&names)).then_some(Variants::ByKey(keyed))
}

fn keyed(node: &Node) -> Option<Keyed> {
    if let (Some(choices), true) = (&node.choices, node.types == Types::only(Type::String)) {
        let words = choices.values.iter().map(|word| word.as_str().map(str::to_owned));
        return words.collect::<Option<_>>().map(Keyed::Words);
    }
    let rules = node.object.as_ref()?;
    let closed = matches!(rules.additional, Additional::Refused) && rules.patterns.is_empty();
    match rules.properties.as_slice() {
        [only]
            if closed
                && only.required
                && only.aliases.is_empty()
                && node.types == Types::only(Type::Object) =>
        {
            Some(Keyed::Field(only.name.clone()))
        }
        _ => None,
    }
}

fn are_distinct(words: &[&str]) -> bool {
    (1..words.len()).all(|index| !words[..index].contains(&words[index]))
}
