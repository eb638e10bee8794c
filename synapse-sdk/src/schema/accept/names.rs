//! The names of an object's fields, while they are read: which properties they
//! mean, and that none stands twice.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, Visitor};

use serde_json::{Map, Value};

use super::super::node::{ObjectRules, Property};
use super::doubt;

/// The names that an object was found to have.
pub(super) struct Names<'a> {
    rules: Option<&'a ObjectRules>,
    seen: Seen,
    /// Those of no property.
    others: Map<String, Value>,
    count: usize,
    required: usize,
    next: usize,
}

/// One name: the property of this index, or another.
pub(super) enum Given {
    Property(usize),
    Other(String),
}

impl<'a> Names<'a> {
    pub(super) fn new(rules: Option<&'a ObjectRules>) -> Self {
        Self { rules, seen: Seen::default(), others: Map::new(), count: 0, required: 0, next: 0 }
    }

    /// How to read the next one.
    pub(super) fn next(&self) -> Name<'a> {
        Name { rules: self.rules, next: self.next }
    }

    /// Notes a name, and gives its property; doubts one that is given again.
    pub(super) fn is_given<E: de::Error>(&mut self, name: Given) -> Result<Option<&'a Property>, E> {
        self.count += 1;
        match (name, self.rules) {
            (Given::Property(index), Some(rules)) => {
                if !self.seen.first_time(index) {
                    return Err(doubt());
                }
                let property = &rules.properties[index];
                self.required += usize::from(property.required);
                self.next = index + 1;
                Ok(Some(property))
            }
            (Given::Property(_), None) => Ok(None),
            (Given::Other(name), _) => match self.others.insert(name, Value::Null) {
                None => Ok(None),
                Some(_) => Err(doubt()),
            },
        }
    }

    pub(super) fn are_complete(&self) -> bool {
        let all =
            |rules: &ObjectRules| self.required == rules.required_properties && rules.count.hold(self.count);
        self.rules.is_none_or(all)
    }
}

/// Reads a name.
#[derive(Clone, Copy)]
pub(super) struct Name<'a> {
    rules: Option<&'a ObjectRules>,
    /// The property to try first: fields mostly stand in the schema's order.
    next: usize,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Given;

    fn deserialize<D: Deserializer<'de>>(self, text: D) -> Result<Given, D::Error> {
        text.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Given;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Given, E> {
        // To serde_json such an object is a number, or JSON in a text.
        if name.starts_with("$serde_json::private::") {
            return Err(doubt());
        }
        let property = self.rules.and_then(|rules| rules.position(name, self.next));
        Ok(property.map_or_else(|| Given::Other(name.to_owned()), Given::Property))
    }
}

/// The properties that an object was found to have.
#[derive(Default)]
struct Seen {
    first: u64,
    /// Those from the 65th on; most objects have none and allocate nothing.
    more: Vec<u64>,
}

impl Seen {
    fn first_time(&mut self, index: usize) -> bool {
        let bit = 1 << (index % 64);
        let bits = self.bits(index / 64);
        let new = *bits & bit == 0;
        *bits |= bit;
        new
    }

    fn bits(&mut self, word: usize) -> &mut u64 {
        let Some(later) = word.checked_sub(1) else { return &mut self.first };
        if self.more.len() <= later {
            self.more.resize(later + 1, 0);
        }
        &mut self.more[later]
    }
}
