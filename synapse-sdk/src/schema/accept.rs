//! Says yes to a document while its text is read.
//!
//! Most params are right. Reading them into a [`Value`] to walk along the
//! schema costs several times what decoding does, so they are first tried here:
//! nothing is built, and at the first doubt the answer is no. Then
//! [`Schema::check`] decides, and explains.

mod names;

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use self::names::Names;
use super::compile::Schema;
use super::node::{Additional, Node, Type};
use super::numbers::Num;
use super::pass::Pass;
use super::read::read_once;

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
            let combined = self.node.combined.as_deref();
            let inner = match &self.node.pass {
                Pass::Straight | Pass::Whole => None,
                Pass::Reference(index) => self.schema.nodes.get(*index),
                Pass::Instead(node) => Some(&**node),
                Pass::OrNull(index) => {
                    self.or_null = true;
                    combined.and_then(|parts| parts.any_of.as_ref()).and_then(|these| these.nodes.get(*index))
                }
            };
            match inner {
                Some(node) => self.node = node,
                None => return self,
            }
        }
    }

    /// A value that was read whole, unless names stand twice in it.
    fn holds_whole(self, value: Option<&Value>) -> bool {
        value
            .is_some_and(|value| (self.or_null && value.is_null()) || self.schema.part_fits(self.node, value))
    }

    fn allows(self, kind: Type) -> bool {
        self.node.types.contains(kind)
    }

    fn allows_choice(self, is_given: impl Fn(&Value) -> bool) -> bool {
        self.node.choices.as_ref().is_none_or(|choices| choices.values.iter().any(is_given))
    }

    /// Choices that are lists or objects are never looked at here: see [`Pass`].
    fn allows_nested(self, kind: Type) -> bool {
        self.allows(kind) && self.node.choices.is_none()
    }

    fn holds_text(self, text: &str) -> bool {
        self.allows(Type::String)
            && self.allows_choice(|choice| choice.as_str() == Some(text))
            && self.node.text.as_ref().is_none_or(|rules| rules.hold(text))
    }

    fn holds_integer(self, integer: i128) -> bool {
        let given = Num::Integer(integer);
        (self.allows(Type::Integer) || self.allows(Type::Number))
            && self.holds_bounds(given)
            && self.allows_choice(|choice| is_number(choice, given))
    }

    /// Where only an integer may stand, `1.0` is to become `1` before it is
    /// decoded.
    fn holds_float(self, float: f64) -> bool {
        let given = Num::Float(float);
        self.allows(Type::Number)
            && self.holds_bounds(given)
            && self.allows_choice(|choice| choice.is_f64() && is_number(choice, given))
    }

    fn holds_bounds(self, number: Num) -> bool {
        self.node.number.as_ref().is_none_or(|rules| rules.hold(number))
    }
}

fn is_number(choice: &Value, given: Num) -> bool {
    choice.as_number().is_some_and(|choice| Num::from(choice).compare(given).is_eq())
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
            Pass::Whole => certain(wanted.holds_whole(read_once(text)?.as_ref())),
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
        certain(self.holds_integer(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<(), E> {
        certain(self.holds_integer(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        certain(self.holds_float(value))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        certain(self.holds_text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        certain(self.allows_nested(Type::Array))?;
        let rules = self.node.list.as_deref();
        let node = |index| rules.and_then(|rules| rules.item(index)).unwrap_or(&self.schema.anything);
        let mut count = 0;
        while items.next_element_seed(self.inner(node(count)))?.is_some() {
            count += 1;
        }
        certain(rules.is_none_or(|rules| rules.count.hold(count)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        certain(self.allows_nested(Type::Object))?;
        let rules = self.node.object.as_deref();
        let mut names = Names::new(rules);
        while let Some(name) = fields.next_key_seed(names.next())? {
            let node = match (names.is_given(name)?, rules.map(|rules| &rules.additional)) {
                (Some(property), _) => &property.node,
                (None, None | Some(Additional::Allowed)) => &self.schema.anything,
                (None, Some(Additional::Refused)) => return Err(doubt()),
                (None, Some(Additional::Checked(node))) => node,
            };
            fields.next_value_seed(self.inner(node))?;
        }
        certain(names.are_complete())
    }
}

#[cfg(test)]
mod tests;
