//! Walks a document along a compiled schema and collects what does not fit.

mod alternatives;
mod fields;

use serde_json::{Number, Value};

use super::Violation;
use super::compile::Schema;
use super::equal::{repeated, same};
use super::message;
use super::node::{Choices, Combined, ListRules, Node, TextRules, Types};
use super::numbers::{CountRules, Num, NumberRules};
use super::place::Place;

/// What a walk found.
#[derive(Default)]
pub(super) struct Outcome {
    /// In the document's order; only told where they were asked for.
    pub(super) violations: Vec<Violation>,
    /// Pointers to the floats such as `1.0` that the schema wants as integers.
    pub(super) whole_floats: Vec<String>,
    broken: bool,
    /// Whether to collect violations, or to stop at the first.
    telling: bool,
}

impl Outcome {
    fn telling() -> Self {
        Self { telling: true, ..Self::default() }
    }

    fn is_settled(&self) -> bool {
        self.broken && !self.telling
    }
}

impl Schema {
    /// Every violation in `document`, in its order; none when it fits.
    pub fn check(&self, document: &Value) -> Vec<Violation> {
        self.walk(document).violations
    }

    pub(super) fn walk(&self, document: &Value) -> Outcome {
        let mut walk = Walk { schema: self, outcome: Outcome::telling() };
        walk.node(&self.nodes[0], document, &Place::ROOT);
        walk.outcome
    }

    /// Whether a part of a document fits the part of the schema for it, and
    /// needs no rewriting.
    pub(super) fn part_fits(&self, node: &Node, part: &Value) -> bool {
        let mut walk = Walk { schema: self, outcome: Outcome::default() };
        walk.node(node, part, &Place::ROOT);
        !walk.outcome.broken && walk.outcome.whole_floats.is_empty()
    }
}

/// Makes the integers that the schema wants of floats such as `1.0`.
pub(super) fn make_whole(document: &mut Value, whole_floats: &[String]) {
    for pointer in whole_floats {
        if let Some(Value::Number(number)) = document.pointer_mut(pointer)
            && let Some(integer) = Num::from(&*number).whole_float()
        {
            *number = integer;
        }
    }
}

struct Walk<'s> {
    schema: &'s Schema,
    outcome: Outcome,
}

impl Walk<'_> {
    fn node(&mut self, node: &Node, value: &Value, place: &Place<'_>) {
        if !node.types.hold(value) {
            return self.wrong_type(node.types, value, place);
        }
        if let Value::Number(number) = value
            && node.types.want_integer()
        {
            self.want_integer(number, place);
        }
        if let Some(choices) = &node.choices {
            self.choices(choices, value, place);
        }
        if let Some(combined) = &node.combined {
            self.combined(combined, value, place);
        }
        if self.outcome.is_settled() {
            return;
        }
        match value {
            Value::Number(number) => self.number(node.number.as_deref(), number, value, place),
            Value::String(text) => self.text(node.text.as_deref(), text, value, place),
            Value::Array(items) => self.items(node.list.as_deref(), items, value, place),
            Value::Object(fields) => self.fields(node, fields, value, place),
            Value::Null | Value::Bool(_) => {}
        }
    }

    #[cold]
    fn wrong_type(&mut self, types: Types, value: &Value, place: &Place<'_>) {
        match types == Types::NONE {
            true => self.add(place, "false", value, &|| (Value::Null, "nothing may stand here".to_owned())),
            false => self.add(place, "type", value, &|| {
                (Value::from(message::names(types)), message::wrong_type(types, value))
            }),
        }
    }

    fn want_integer(&mut self, number: &Number, place: &Place<'_>) {
        if number.is_f64() {
            self.outcome.whole_floats.push(place.pointer());
        }
    }

    fn choices(&mut self, choices: &Choices, value: &Value, place: &Place<'_>) {
        match (choices.values.iter().find(|choice| same(choice, value)), value) {
            (None, _) => self.not_a_choice(choices.keyword, &choices.values, value, place),
            (Some(Value::Number(choice)), Value::Number(number)) if !choice.is_f64() => {
                self.want_integer(number, place);
            }
            (Some(_), _) => {}
        }
    }

    #[cold]
    fn not_a_choice(&mut self, rule: &str, choices: &[Value], value: &Value, place: &Place<'_>) {
        self.add(place, rule, value, &|| {
            (Value::Array(choices.to_vec()), message::not_a_choice(choices, value))
        });
    }

    fn combined(&mut self, combined: &Combined, value: &Value, place: &Place<'_>) {
        let schema = self.schema;
        if let Some(index) = combined.reference {
            self.node(&schema.nodes[index], value, place);
        }
        for part in &combined.all_of {
            self.node(part, value, place);
        }
        if let Some(alternatives) = &combined.any_of {
            self.alternatives(alternatives, "anyOf", value, place);
        }
        if let Some(alternatives) = &combined.one_of {
            self.alternatives(alternatives, "oneOf", value, place);
        }
        if let Some(not) = &combined.not
            && self.fits(not, value, place)
        {
            self.add(place, "not", value, &|| (Value::Null, message::not_this(value)));
        }
        if let Some(condition) = &combined.condition {
            let branch =
                if self.fits(condition, value, place) { &combined.then } else { &combined.otherwise };
            if let Some(branch) = branch {
                self.node(branch, value, place);
            }
        }
    }

    fn number(&mut self, rules: Option<&NumberRules>, number: &Number, value: &Value, place: &Place<'_>) {
        let Some(rules) = rules else { return };
        let given = Num::from(number);
        for bound in rules.bounds.iter().filter(|bound| !bound.holds(given)) {
            self.add(place, bound.kind.keyword(), value, &|| {
                (Value::Number(bound.limit.clone()), format!("expected {bound}, not {number}"))
            });
        }
        if let Some(step) = &rules.multiple_of
            && !step.divides(given)
        {
            let shown = &step.shown;
            self.add(place, "multipleOf", value, &|| {
                (Value::Number(shown.clone()), format!("expected a multiple of {shown}, not {number}"))
            });
        }
    }

    fn text(&mut self, rules: Option<&TextRules>, text: &str, value: &Value, place: &Place<'_>) {
        let Some(rules) = rules else { return };
        if rules.length.are_set() {
            self.count(&rules.length, text.chars().count(), value, place, ["minLength", "maxLength"]);
        }
        if let Some(pattern) = &rules.pattern
            && !pattern.is_in(text)
        {
            self.add(place, "pattern", value, &|| {
                (Value::from(pattern.text.as_str()), message::without_pattern(&pattern.text, value))
            });
        }
    }

    fn items(&mut self, rules: Option<&ListRules>, items: &[Value], value: &Value, place: &Place<'_>) {
        let Some(rules) = rules else { return };
        self.count(&rules.count, items.len(), value, place, ["minItems", "maxItems"]);
        for (index, item) in items.iter().enumerate() {
            if self.outcome.is_settled() {
                return;
            }
            let Some(node) = rules.item(index) else { break };
            self.node(node, item, &place.item(index));
        }
        if rules.unique {
            for index in repeated(items) {
                self.add(&place.item(index), "uniqueItems", &items[index], &|| {
                    (Value::Null, "stands in the list already".to_owned())
                });
            }
        }
        if let Some(contains) = &rules.contains {
            self.contains(contains, &rules.contained, items, value, place);
        }
    }

    fn contains(
        &mut self,
        node: &Node,
        rules: &CountRules,
        items: &[Value],
        value: &Value,
        place: &Place<'_>,
    ) {
        let mut count = 0;
        for (index, item) in items.iter().enumerate() {
            count += usize::from(self.fits(node, item, &place.item(index)));
        }
        match rules.min {
            // That is what `contains` says by itself.
            None if count == 0 => self.add(place, "contains", value, &|| {
                (Value::from(1), "expected at least 1 item of the kind that the schema asks for".to_owned())
            }),
            _ => self.count(rules, count, value, place, ["minContains", "maxContains"]),
        }
    }

    /// What `keywords` say of a count: the least and the most.
    fn count(
        &mut self,
        rules: &CountRules,
        count: usize,
        value: &Value,
        place: &Place<'_>,
        keywords: [&'static str; 2],
    ) {
        let given = count as u64;
        if let Some(bound) = rules.min.filter(|bound| given < *bound) {
            self.add(place, keywords[0], value, &|| {
                (Value::from(bound), message::count("at least", bound, count, keywords[0]))
            });
        }
        if let Some(bound) = rules.max.filter(|bound| given > *bound) {
            self.add(place, keywords[1], value, &|| {
                (Value::from(bound), message::count("at most", bound, count, keywords[1]))
            });
        }
    }

    /// Whether `value` fits `node`, without telling why not, nor what would be
    /// rewritten.
    fn fits(&mut self, node: &Node, value: &Value, place: &Place<'_>) -> bool {
        !self.try_out(Outcome::default(), node, value, place).broken
    }

    #[inline(never)]
    fn try_out(&mut self, start: Outcome, node: &Node, value: &Value, place: &Place<'_>) -> Outcome {
        let before = std::mem::replace(&mut self.outcome, start);
        self.node(node, value, place);
        std::mem::replace(&mut self.outcome, before)
    }

    /// Takes over what one alternative had to say.
    fn take(&mut self, found: Outcome) {
        self.outcome.broken |= found.broken;
        self.outcome.violations.extend(found.violations);
        self.outcome.whole_floats.extend(found.whole_floats);
    }

    /// Adds a violation; what is allowed and the message are only made if they
    /// will be told.
    #[cold]
    fn add(&mut self, place: &Place<'_>, rule: &str, given: &Value, tell: &dyn Fn() -> (Value, String)) {
        self.outcome.broken = true;
        if self.outcome.telling {
            let (allowed, message) = tell();
            self.outcome.violations.push(Violation {
                pointer: place.pointer(),
                rule: rule.to_owned(),
                given: given.clone(),
                allowed,
                message,
            });
        }
    }
}

#[cfg(test)]
mod tests;
