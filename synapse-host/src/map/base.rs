//! The params that rows are laid over.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use synapse_sdk::errors::Result;
use synapse_sdk::{ErrorKind, PluginError};

/// The fields of the params that every row has unless it says otherwise. They
/// stay text, so that numbers keep all their digits.
#[derive(Debug, Default)]
pub(crate) struct Base(Vec<Field>);

#[derive(Debug)]
struct Field {
    name: String,
    /// `"name":value`
    text: String,
}

impl Base {
    /// # Errors
    /// [`Usage`](ErrorKind::Usage) when the params are no JSON object, or a
    /// field stands in it twice.
    pub(crate) fn read(params: &str) -> Result<Self> {
        let mut reader = serde_json::Deserializer::from_str(params);
        let read = reader.deserialize_map(Fields).and_then(|fields| reader.end().map(|()| fields));
        read.map(Self).map_err(|error| {
            let message = format!("the params for all rows are no JSON object: {error}");
            PluginError::new(ErrorKind::Usage, message)
                .hint("for example --params '{\"threshold\": 0.5}'; each row's own fields go before these")
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes the fields of `row`, a JSON object, with those of the base that
    /// it does not have.
    ///
    /// # Errors
    /// The row is no JSON object.
    pub(super) fn lay_under(&self, row: &[u8], into: &mut Vec<u8>) -> serde_json::Result<()> {
        let mut own = vec![false; self.0.len()];
        let mut reader = serde_json::Deserializer::from_slice(row);
        Named { base: self, own: &mut own }.deserialize(&mut reader)?;
        reader.end()?;
        let inner = row.trim_ascii();
        let inner = inner[1..inner.len() - 1].trim_ascii();
        into.clear();
        into.push(b'{');
        for (field, _) in self.0.iter().zip(own).filter(|(_, own)| !own) {
            into.extend_from_slice(field.text.as_bytes());
            into.push(b',');
        }
        into.extend_from_slice(inner);
        if inner.is_empty() && into.last() == Some(&b',') {
            into.pop();
        }
        into.push(b'}');
        Ok(())
    }
}

/// Reads an object into its fields.
struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Vec<Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields: Vec<Field> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
            if fields.iter().any(|field| field.name == name) {
                return Err(A::Error::custom(format_args!("`{name}` stands there twice")));
            }
            let text = format!("{}:{value}", serde_json::Value::from(name.as_str()));
            fields.push(Field { name, text });
        }
        Ok(fields)
    }
}

/// Notes which fields of the base an object has of its own.
struct Named<'a> {
    base: &'a Base,
    own: &'a mut [bool],
}

impl<'de> DeserializeSeed<'de> for Named<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, row: D) -> Result<(), D::Error> {
        row.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Named<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Name<'de>>()? {
            if let Some(index) = self.base.0.iter().position(|field| field.name == name.0) {
                self.own[index] = true;
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn laid(base: &str, row: &str) -> String {
        let mut text = Vec::new();
        Base::read(base).unwrap().lay_under(row.as_bytes(), &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn fields_of_the_row_go_before_those_of_the_base() {
        let base = r#"{"lr": 0.10, "id": 18446744073709551615, "name \"x\"": null}"#;
        assert_eq!(laid(base, "{}"), r#"{"lr":0.10,"id":18446744073709551615,"name \"x\"":null}"#);
        assert_eq!(
            laid(base, r#" { "lr": 1, "name \u0022x\u0022": [ ] } "#),
            r#"{"id":18446744073709551615,"lr": 1, "name \u0022x\u0022": [ ]}"#
        );
        assert_eq!(laid("{}", r#"{"a":1}"#), r#"{"a":1}"#);
        assert_eq!(laid(r#"{"a":2}"#, r#"{"a":1}"#), r#"{"a":1}"#);
    }

    #[test]
    fn what_is_no_object_is_told() {
        for base in ["[]", "{", "{\"a\":1} x", "{\"a\":1,\"a\":2}"] {
            assert_eq!(Base::read(base).unwrap_err().kind(), ErrorKind::Usage, "{base}");
        }
        let base = Base::read("{\"a\":1}").unwrap();
        for row in ["", "[]", "{\"a\"", "{} {}", "{a:1}"] {
            assert!(base.lay_under(row.as_bytes(), &mut Vec::new()).is_err(), "{row}");
        }
    }
}
