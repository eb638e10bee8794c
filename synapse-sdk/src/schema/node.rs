//! What a schema is once it is compiled.

use serde_json::{Map, Value};

use super::numbers::{CountRules, Num, NumberRules};
use super::pass::Pass;
use super::pattern::Pattern;
use super::variants::Variants;

/// One schema within a schema. Most have rules of one kind only.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) types: Types,
    pub(super) pass: Pass,
    pub(super) choices: Option<Box<Choices>>,
    pub(super) number: Option<Box<NumberRules>>,
    pub(super) text: Option<Box<TextRules>>,
    pub(super) list: Option<Box<ListRules>>,
    pub(super) object: Option<Box<ObjectRules>>,
    pub(super) combined: Option<Box<Combined>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Type {
    Integer = 1,
    Number = 2,
    String = 4,
    Boolean = 8,
    Array = 16,
    Object = 32,
    Null = 64,
}

/// A set of types. The schema `false` has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Types(u8);

impl Default for Types {
    fn default() -> Self {
        Self::ALL
    }
}

impl Types {
    pub(super) const NONE: Self = Self(0);
    const ALL: Self = Self(127);

    pub(super) fn only(kind: Type) -> Self {
        Self(kind as u8)
    }

    pub(super) fn add(&mut self, kind: Type) {
        self.0 |= kind as u8;
    }

    pub(super) fn contains(self, kind: Type) -> bool {
        self.0 & kind as u8 != 0
    }

    pub(super) fn is_any(self) -> bool {
        self == Self::ALL
    }

    /// Whether `1.0` is to become `1` before it is decoded.
    pub(super) fn want_integer(self) -> bool {
        self.contains(Type::Integer) && !self.contains(Type::Number)
    }

    pub(super) fn hold(self, value: &Value) -> bool {
        let kind = match value {
            Value::Null => Type::Null,
            Value::Bool(_) => Type::Boolean,
            Value::Number(_) if self.contains(Type::Number) => return true,
            Value::Number(number) => return self.contains(Type::Integer) && Num::from(number).is_integer(),
            Value::String(_) => Type::String,
            Value::Array(_) => Type::Array,
            Value::Object(_) => Type::Object,
        };
        self.contains(kind)
    }

    /// Each with its article, as it is told.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        let names = [
            (Type::Integer, "an integer"),
            (Type::Number, "a number"),
            (Type::String, "a text"),
            (Type::Boolean, "true or false"),
            (Type::Array, "a list"),
            (Type::Object, "an object"),
            (Type::Null, "null"),
        ];
        names.into_iter().filter(move |(kind, _)| self.contains(*kind)).map(|(_, name)| name)
    }
}

/// `enum`, or `const` with a single one.
#[derive(Debug)]
pub(super) struct Choices {
    pub(super) keyword: &'static str,
    pub(super) values: Vec<Value>,
}

#[derive(Debug, Default)]
pub(super) struct TextRules {
    pub(super) length: CountRules,
    pub(super) pattern: Option<Pattern>,
}

impl TextRules {
    pub(super) fn hold(&self, text: &str) -> bool {
        (!self.length.are_set() || self.length.hold(text.chars().count()))
            && self.pattern.as_ref().is_none_or(|pattern| pattern.is_in(text))
    }
}

#[derive(Debug, Default)]
pub(super) struct ListRules {
    pub(super) first: Vec<Node>,
    pub(super) rest: Option<Node>,
    pub(super) count: CountRules,
    pub(super) unique: bool,
    pub(super) contains: Option<Node>,
    /// How many items are to fit `contains`.
    pub(super) contained: CountRules,
}

impl ListRules {
    pub(super) fn item(&self, index: usize) -> Option<&Node> {
        self.first.get(index).or(self.rest.as_ref())
    }
}

#[derive(Debug, Default)]
pub(super) struct ObjectRules {
    pub(super) properties: Vec<Property>,
    pub(super) required: Vec<String>,
    /// How many of the properties are required.
    pub(super) required_properties: usize,
    pub(super) patterns: Vec<(Pattern, Node)>,
    pub(super) additional: Additional,
    pub(super) count: CountRules,
    /// What every name is to fit.
    pub(super) names: Option<Node>,
    /// With a field, these are required too.
    pub(super) dependent: Vec<(String, Vec<String>)>,
    /// Fields that no part of the schema speaks of are refused.
    pub(super) closed: bool,
}

#[derive(Debug)]
pub(super) struct Property {
    pub(super) name: String,
    pub(super) aliases: Vec<String>,
    pub(super) node: Node,
    pub(super) required: bool,
}

impl Property {
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.name == name || self.aliases.iter().any(|alias| alias == name)
    }

    pub(super) fn is_in(&self, fields: &Map<String, Value>) -> bool {
        fields.contains_key(&self.name) || self.aliases.iter().any(|alias| fields.contains_key(alias))
    }
}

#[derive(Debug, Default)]
pub(super) enum Additional {
    #[default]
    Allowed,
    Refused,
    Checked(Box<Node>),
}

impl ObjectRules {
    /// The index of a property. Fields mostly stand in the schema's order, so
    /// `next` is tried first.
    pub(super) fn position(&self, name: &str, next: usize) -> Option<usize> {
        if self.properties.get(next).is_some_and(|property| property.name == name) {
            return Some(next);
        }
        self.properties.iter().position(|property| property.is_called(name))
    }

    pub(super) fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.name == name)
    }

    /// Whether a field is given, by any of its names.
    pub(super) fn is_given(&self, name: &str, fields: &Map<String, Value>) -> bool {
        fields.contains_key(name) || self.property(name).is_some_and(|property| property.is_in(fields))
    }
}

/// Other schemas for the same value.
#[derive(Debug, Default)]
pub(super) struct Combined {
    pub(super) reference: Option<usize>,
    pub(super) all_of: Vec<Node>,
    pub(super) any_of: Option<Alternatives>,
    pub(super) one_of: Option<Alternatives>,
    pub(super) not: Option<Node>,
    pub(super) condition: Option<Node>,
    pub(super) then: Option<Node>,
    pub(super) otherwise: Option<Node>,
}

#[derive(Debug)]
pub(super) struct Alternatives {
    pub(super) nodes: Vec<Node>,
    pub(super) variants: Variants,
}

impl Combined {
    /// The parts that stand here in full, for the same value.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Node> {
        let alternatives = [&self.any_of, &self.one_of].into_iter().flatten().flat_map(|these| &these.nodes);
        let others = [&self.not, &self.condition, &self.then, &self.otherwise].into_iter().flatten();
        self.all_of.iter().chain(alternatives).chain(others)
    }
}
