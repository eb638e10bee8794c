//! Reads JSON text, and notices names that stand twice.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use super::Violation;
use super::place::Place;

/// Reads `json`. Of a name that stands twice the last value is kept, as other
/// readers do; each repetition is a violation.
pub(super) fn read(json: &[u8]) -> serde_json::Result<(Value, Vec<Violation>)> {
    let mut repeated = Vec::new();
    let mut text = serde_json::Deserializer::from_slice(json);
    let document = Reader { place: &Place::ROOT, repeated: &mut repeated }.deserialize(&mut text)?;
    text.end()?;
    Ok((document, repeated))
}

/// Reads a part of a text that is read already; none if names stand twice.
pub(super) fn read_once<'de, D: Deserializer<'de>>(text: D) -> Result<Option<Value>, D::Error> {
    let mut repeated = Vec::new();
    let value = Reader { place: &Place::ROOT, repeated: &mut repeated }.deserialize(text)?;
    Ok(repeated.is_empty().then_some(value))
}

struct Reader<'a> {
    place: &'a Place<'a>,
    repeated: &'a mut Vec<Violation>,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, text: D) -> Result<Value, D::Error> {
        text.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let place = self.place.item(list.len());
            match items.next_element_seed(Reader { place: &place, repeated: self.repeated })? {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let place = self.place.field(&name);
            let value = entries.next_value_seed(Reader { place: &place, repeated: self.repeated })?;
            match fields.entry(name) {
                Entry::Vacant(entry) => {
                    entry.insert(value);
                }
                Entry::Occupied(mut entry) => {
                    let place = self.place.field(entry.key());
                    self.repeated.push(twice(&place, &value, "stands here twice".to_owned()));
                    entry.insert(value);
                }
            }
        }
        Ok(Value::Object(fields))
    }
}

/// A field that is given again.
pub(super) fn twice(place: &Place<'_>, given: &Value, message: String) -> Violation {
    Violation {
        pointer: place.pointer(),
        rule: "duplicate".to_owned(),
        given: given.clone(),
        allowed: Value::Null,
        message,
    }
}
