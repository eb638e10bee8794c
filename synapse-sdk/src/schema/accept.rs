//! Says yes to a document while its text is read.
//!
//! Most params are right. Reading them into a [`Value`] to walk along the
//! schema costs several times what decoding does, so they are first tried here:
//! nothing is built, and at the first doubt the answer is no. Then
//! [`Schema::check`] decides, and explains.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

use super::compile::{Additional, Node, Property, Schema, Type};
use super::evaluate::is_canonical;
use super::numbers::whole;
use super::pass::Pass;

impl Schema {
    /// Whether `json` certainly fits as it stands: [`check`](Self::check) finds
    /// nothing in it, and nothing needs rewriting before it is decoded. Much
    /// faster than `check`, but the answer no only means doubt: `1.0` for an
    /// integer and a field that stands twice are doubted although they may fit.
    ///
    /// ```
    /// use synapse_sdk::prelude::*;
    /// use synapse_sdk::schema::Schema;
    ///
    /// #[params]
    /// struct TrainParams { epochs: u32 }
    ///
    /// let schema = Schema::of::<TrainParams>()?;
    /// assert!(schema.accepts(br#"{ "epochs": 5 }"#));
    /// assert!(!schema.accepts(br#"{ "epochs": 5.0 }"#));
    /// assert_eq!(schema.check(&json!({ "epochs": 5.0 })), []);
    /// # Ok::<(), PluginError>(())
    /// ```
    pub fn accepts(&self, json: &[u8]) -> bool {
        let mut text = serde_json::Deserializer::from_slice(json);
        let root = Wanted { schema: self, node: &self.nodes[0], or_null: false };
        root.deserialize(&mut text).and_then(|()| text.end()).is_ok()
    }
}

/// What has to stand at a place of the document.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    schema: &'a Schema,
    node: &'a Node,
    /// `null` may stand there as well.
    or_null: bool,
}

impl<'a> Wanted<'a> {
    fn inner(self, node: &'a Node) -> Self {
        Self { schema: self.schema, node, or_null: false }
    }

    /// The same with references followed. That ends, because compiling refuses
    /// schemas that lead back to themselves.
    fn resolved(mut self) -> Self {
        loop {
            match &self.node.pass {
                Pass::Straight | Pass::Whole => return self,
                Pass::Reference(index) => self.node = &self.schema.nodes[*index],
                Pass::Instead(node) => self.node = node,
                Pass::OrNull(index) => {
                    self.node = &self.node.any_of[*index];
                    self.or_null = true;
                }
            }
        }
    }

    fn holds_whole(self, value: &Value) -> bool {
        let fits = (self.or_null && value.is_null()) || self.schema.check_part(self.node, value).is_empty();
        fits && is_canonical(value)
    }

    fn lists(self, kind: Type) -> bool {
        self.node.types.as_deref().is_none_or(|types| types.contains(&kind))
    }

    fn allows(self, kind: Type) -> bool {
        !self.node.never && self.lists(kind)
    }

    fn allows_choice(self, is_given: impl Fn(&Value) -> bool) -> bool {
        self.node.choices.as_ref().is_none_or(|choices| choices.iter().any(is_given))
    }

    /// Choices that are lists or objects are never looked at here: see [`Pass`].
    fn allows_nested(self, kind: Type) -> bool {
        self.allows(kind) && self.node.choices.is_none()
    }

    fn holds_text(self, text: &str) -> bool {
        let length = &self.node.length;
        self.allows(Type::String)
            && self.allows_choice(|choice| choice.as_str() == Some(text))
            && (!length.are_set() || length.hold(text.chars().count()))
    }

    fn holds_integer(self, number: &Number) -> bool {
        (self.allows(Type::Integer) || self.allows(Type::Number)) && self.holds_number(number)
    }

    /// Where no type is told, or an integer may stand, `1.0` is to become `1`
    /// before it is decoded.
    fn holds_float(self, number: &Number) -> bool {
        let any_float = self.node.types.is_some() && !self.lists(Type::Integer);
        self.allows(Type::Number) && (any_float || whole(number).is_none()) && self.holds_number(number)
    }

    fn holds_number(self, number: &Number) -> bool {
        self.node.number.hold(number) && self.allows_choice(|choice| choice.as_number() == Some(number))
    }
}

/// The error of every doubt: nobody reads it.
fn doubt<E: de::Error>() -> E {
    E::custom("in doubt")
}

fn certain<E: de::Error>(fits: bool) -> Result<(), E> {
    if fits { Ok(()) } else { Err(doubt()) }
}

impl<'de> DeserializeSeed<'de> for Wanted<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, text: D) -> Result<(), D::Error> {
        let wanted = self.resolved();
        match wanted.node.pass {
            Pass::Whole => certain(wanted.holds_whole(&Value::deserialize(text)?)),
            _ => text.deserialize_any(wanted),
        }
    }
}

impl<'de> Visitor<'de> for Wanted<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("what the schema says")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        certain(self.or_null || (self.allows(Type::Null) && self.allows_choice(Value::is_null)))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<(), E> {
        certain(self.allows(Type::Boolean) && self.allows_choice(|choice| choice.as_bool() == Some(value)))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<(), E> {
        certain(self.holds_integer(&value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<(), E> {
        certain(self.holds_integer(&value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        certain(Number::from_f64(value).is_some_and(|number| self.holds_float(&number)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        certain(self.holds_text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        certain(self.allows_nested(Type::Array))?;
        let rest = self.node.items.as_deref().unwrap_or(&self.schema.anything);
        let mut count = 0;
        while items
            .next_element_seed(self.inner(self.node.prefix_items.get(count).unwrap_or(rest)))?
            .is_some()
        {
            count += 1;
        }
        certain(self.node.item_count.hold(count))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        certain(self.allows_nested(Type::Object))?;
        let rules = &self.node.object;
        let mut seen = Seen::default();
        let (mut count, mut required, mut next) = (0, 0, 0);
        while let Some(name) = fields.next_key_seed(Name { known: &rules.properties, next })? {
            count += 1;
            let node = match (name, &rules.additional) {
                (Some(index), _) => {
                    certain(seen.first_time(index))?;
                    required += usize::from(rules.properties[index].required);
                    next = index + 1;
                    &rules.properties[index].node
                }
                (None, Additional::Allowed) => &self.schema.anything,
                (None, Additional::Refused) => return Err(doubt()),
                (None, Additional::Checked(node)) => node,
            };
            fields.next_value_seed(self.inner(node))?;
        }
        certain(required == rules.required_properties && rules.count.hold(count))
    }
}

/// The name of a field; gives its index if it is known.
#[derive(Clone, Copy)]
struct Name<'a> {
    known: &'a [Property],
    /// The one to try first: fields mostly stand in the schema's order.
    next: usize,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, text: D) -> Result<Option<usize>, D::Error> {
        text.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Option<usize>, E> {
        // To serde_json such an object is a number, or JSON in a text.
        if name.starts_with("$serde_json::private::") {
            return Err(doubt());
        }
        if self.known.get(self.next).is_some_and(|property| property.name == name) {
            return Ok(Some(self.next));
        }
        Ok(self.known.iter().position(|property| property.name == name))
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

#[cfg(test)]
mod tests;
