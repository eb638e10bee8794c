//! What schemas say of the fields of an object.

use serde_json::{Map, Value};

use super::super::message;
use super::super::node::{Additional, Combined, Node, ObjectRules, Property};
use super::super::place::Place;
use super::{Outcome, Walk};

type Fields = Map<String, Value>;

impl Walk<'_> {
    pub(super) fn fields(&mut self, node: &Node, fields: &Fields, value: &Value, place: &Place<'_>) {
        let Some(rules) = node.object.as_deref() else { return };
        self.count(&rules.count, fields.len(), value, place, ["minProperties", "maxProperties"]);
        let mut next = 0;
        for (name, value) in fields {
            if self.outcome.is_settled() {
                return;
            }
            let index = rules.position(name, next);
            next = index.map_or(next, |index| index + 1);
            let property = index.map(|index| &rules.properties[index]);
            self.field(rules, property, fields, name, value, &place.field(name));
        }
        for name in rules.required.iter().filter(|name| !rules.is_given(name, fields)) {
            self.add(&place.field(name), "required", &Value::Null, &|| {
                (Value::Null, "is required".to_owned())
            });
        }
        for (name, others) in rules.dependent.iter().filter(|(name, _)| rules.is_given(name, fields)) {
            for other in others.iter().filter(|other| !rules.is_given(other, fields)) {
                self.add(&place.field(other), "dependentRequired", &Value::Null, &|| {
                    (Value::Null, format!("is required together with `{name}`"))
                });
            }
        }
        if rules.closed {
            self.unspoken_of(node, fields, value, place);
        }
    }

    fn field(
        &mut self,
        rules: &ObjectRules,
        property: Option<&Property>,
        fields: &Fields,
        name: &str,
        value: &Value,
        place: &Place<'_>,
    ) {
        if let Some(names) = &rules.names {
            self.name(names, name, place);
        }
        if let Some(property) = property {
            if !property.aliases.is_empty() {
                self.other_name(property, fields, name, value, place);
            }
            self.node(&property.node, value, place);
        }
        let mut known = property.is_some();
        for (pattern, node) in &rules.patterns {
            if pattern.is_in(name) {
                known = true;
                self.node(node, value, place);
            }
        }
        match &rules.additional {
            _ if known => {}
            Additional::Allowed => {}
            Additional::Refused => self.unknown(&rules.properties, fields, name, value, place),
            Additional::Checked(node) => self.node(node, value, place),
        }
    }

    fn name(&mut self, names: &Node, name: &str, place: &Place<'_>) {
        let given = Value::from(name);
        let start = if self.outcome.telling { Outcome::telling() } else { Outcome::default() };
        let found = self.try_out(start, names, &given, place);
        if found.broken {
            let why =
                found.violations.first().map(|violation| violation.message.as_str()).unwrap_or_default();
            self.add(place, "propertyNames", &given, &|| {
                (Value::Null, format!("the name does not fit: {why}"))
            });
        }
    }

    /// A field that is given by another of its names already.
    fn other_name(
        &mut self,
        property: &Property,
        fields: &Fields,
        name: &str,
        value: &Value,
        place: &Place<'_>,
    ) {
        let before = fields.keys().take_while(|given| *given != name);
        if let Some(other) = before.into_iter().find(|given| property.is_called(given)) {
            self.add(place, "duplicate", value, &|| {
                (Value::Null, format!("is given as `{other}` already: both are names of one field"))
            });
        }
    }

    fn unknown(&mut self, known: &[Property], fields: &Fields, name: &str, value: &Value, place: &Place<'_>) {
        self.add(place, "unknown", value, &|| {
            let unset = known.iter().filter(|property| !property.is_in(fields));
            let unset = unset.map(|property| property.name.as_str());
            let known: Vec<&str> = known.iter().map(|property| property.name.as_str()).collect();
            let message = message::unknown(name, unset, &known);
            (Value::from(known), message)
        });
    }

    /// `unevaluatedProperties: false`.
    fn unspoken_of(&mut self, node: &Node, fields: &Fields, value: &Value, place: &Place<'_>) {
        for (name, field) in fields {
            if !self.speaks_of(node, name, value, place) {
                let known = node.object.as_deref().map_or(&[][..], |rules| &rules.properties);
                self.unknown(known, fields, name, field, &place.field(name));
            }
        }
    }

    /// Whether some part of the schema for `value` that fits speaks of its
    /// field `name`.
    fn speaks_of(&mut self, node: &Node, name: &str, value: &Value, place: &Place<'_>) -> bool {
        let by_rules = node.object.as_deref().is_some_and(|rules| {
            let any_other = matches!(rules.additional, Additional::Checked(_));
            any_other
                || rules.position(name, 0).is_some()
                || rules.patterns.iter().any(|(pattern, _)| pattern.is_in(name))
        });
        by_rules
            || node.combined.as_deref().is_some_and(|parts| self.parts_speak_of(parts, name, value, place))
    }

    fn parts_speak_of(&mut self, parts: &Combined, name: &str, value: &Value, place: &Place<'_>) -> bool {
        let schema = self.schema;
        let alternatives =
            [&parts.any_of, &parts.one_of].into_iter().flatten().flat_map(|these| &these.nodes);
        let always = parts.all_of.iter().chain(parts.reference.map(|index| &schema.nodes[index]));
        let mut candidates: Vec<&Node> = always.chain(alternatives).collect();
        if let Some(condition) = &parts.condition {
            let holds = self.fits(condition, value, place);
            candidates.push(condition);
            candidates.extend(if holds { &parts.then } else { &parts.otherwise });
        }
        candidates
            .into_iter()
            .any(|part| self.speaks_of(part, name, value, place) && self.fits(part, value, place))
    }
}
