//! What `anyOf` and `oneOf` say, and which of the alternatives is meant.

use serde_json::{Map, Value};

use super::super::message;
use super::super::node::{Alternatives, Node, Type, Types};
use super::super::place::Place;
use super::super::variants::{Keyed, Variants};
use super::{Outcome, Walk};

impl Walk<'_> {
    pub(super) fn alternatives(
        &mut self,
        alternatives: &Alternatives,
        rule: &'static str,
        value: &Value,
        place: &Place<'_>,
    ) {
        match (&alternatives.variants, value) {
            (Variants::ByTag { tag, words }, Value::Object(fields)) => {
                self.tagged(&alternatives.nodes, tag, words, fields, place, value);
            }
            (Variants::ByTag { .. }, _) => self.wrong_type(Types::only(Type::Object), value, place),
            (Variants::ByKey(keyed), _) => self.keyed(alternatives, keyed, rule, value, place),
            (Variants::Untold, _) => self.untold(&alternatives.nodes, rule, value, place),
        }
    }

    /// Only the variant that the tag names can fit.
    fn tagged(
        &mut self,
        nodes: &[Node],
        tag: &str,
        words: &[String],
        fields: &Map<String, Value>,
        place: &Place<'_>,
        value: &Value,
    ) {
        let Some(given) = fields.get(tag) else {
            return self.add(&place.field(tag), "required", &Value::Null, &|| {
                (Value::from(words), format!("`{tag}` is required: one of {}", words.join(", ")))
            });
        };
        match words.iter().position(|word| given.as_str() == Some(word)) {
            Some(index) => self.node(&nodes[index], value, place),
            None => {
                let choices: Vec<Value> = words.iter().map(|word| Value::from(word.as_str())).collect();
                self.not_a_choice("enum", &choices, given, &place.field(tag));
            }
        }
    }

    /// Only the variant that is the object's field, or the text, can fit.
    fn keyed(
        &mut self,
        alternatives: &Alternatives,
        keyed: &[Keyed],
        rule: &'static str,
        value: &Value,
        place: &Place<'_>,
    ) {
        let names = alternatives.variants.words();
        let told = |message: String| (Value::from(names.as_slice()), message);
        match value {
            Value::Object(fields) => match Keyed::given(keyed, fields).as_slice() {
                [index] => self.node(&alternatives.nodes[*index], value, place),
                [] => self.add(place, rule, value, &|| told(message::no_variant(&names, fields))),
                _ => self.add(place, rule, value, &|| told(message::several_variants(keyed, fields))),
            },
            Value::String(text) => {
                let is_word = |these: &Keyed| matches!(these, Keyed::Words(words) if words.contains(text));
                if !keyed.iter().any(is_word) {
                    self.add(place, rule, value, &|| told(message::no_variant_word(&names, keyed, text)));
                }
            }
            _ => self.wrong_type(variant_types(keyed), value, place),
        }
    }

    fn untold(&mut self, nodes: &[Node], rule: &'static str, value: &Value, place: &Place<'_>) {
        let mut fitting: Option<Outcome> = None;
        for node in nodes {
            let found = self.try_out(Outcome::default(), node, value, place);
            if found.broken {
                continue;
            }
            if fitting.is_some() && rule == "oneOf" {
                return self.add(place, rule, value, &|| {
                    (Value::Null, "fits several alternatives at once".to_owned())
                });
            }
            // The one that leaves the most of it as it is.
            let closer =
                fitting.as_ref().is_none_or(|best| found.whole_floats.len() < best.whole_floats.len());
            let untouched = found.whole_floats.is_empty();
            if closer {
                fitting = Some(found);
            }
            if untouched && rule == "anyOf" {
                break;
            }
        }
        match fitting {
            Some(found) => self.take(found),
            None if self.outcome.telling => self.none_fits(nodes, rule, value, place),
            None => self.outcome.broken = true,
        }
    }

    /// Where one alternative is plainly the one meant, its own violations are
    /// told; else that none fits.
    fn none_fits(&mut self, nodes: &[Node], rule: &'static str, value: &Value, place: &Place<'_>) {
        // `Option<T>` is the usual case: the violation of T says more.
        let mut wanted = nodes.iter().filter(|node| node.types != Types::only(Type::Null));
        if let (Some(only), None) = (wanted.next(), wanted.next()) {
            return self.node(only, value, place);
        }
        let choices: Vec<Value> = nodes
            .iter()
            .filter_map(|node| node.choices.as_ref())
            .flat_map(|these| these.values.clone())
            .collect();
        if nodes.iter().all(|node| node.choices.is_some()) {
            return self.not_a_choice("enum", &choices, value, place);
        }
        let here = place.pointer();
        let closest = nodes
            .iter()
            .map(|node| self.try_out(Outcome::telling(), node, value, place))
            .filter(|found| found.violations.iter().all(|violation| violation.pointer != here))
            .min_by_key(|found| found.violations.len());
        match closest {
            Some(found) => self.take(found),
            None => self.add(place, rule, value, &|| (Value::Null, message::none_fits(value, nodes))),
        }
    }
}

fn variant_types(keyed: &[Keyed]) -> Types {
    let mut types = Types::only(Type::Object);
    if keyed.iter().any(|these| matches!(these, Keyed::Words(_))) {
        types.add(Type::String);
    }
    types
}
