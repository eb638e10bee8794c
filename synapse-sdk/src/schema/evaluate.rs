//! Walks a document along a compiled schema and collects what does not fit.

use serde_json::{Map, Number, Value};

use super::Violation;
use super::compile::{Additional, Node, Schema, Type};
use super::numbers::{CountRules, NumberRules, is_integer, is_multiple, whole};
use crate::suggest::nearest;

impl Schema {
    /// Every violation in `document`, in its order; none when it fits.
    pub fn check(&self, document: &Value) -> Vec<Violation> {
        self.check_part(&self.nodes[0], document)
    }

    /// The same for a part of a document and the part of the schema for it.
    pub(super) fn check_part(&self, node: &Node, part: &Value) -> Vec<Violation> {
        let mut walk = Walk { schema: self, place: Vec::new(), violations: Vec::new() };
        walk.node(node, part);
        walk.violations
    }
}

struct Walk<'a> {
    schema: &'a Schema,
    place: Vec<Step<'a>>,
    violations: Vec<Violation>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Field(&'a str),
    Item(usize),
}

impl<'a> Walk<'a> {
    fn node(&mut self, node: &'a Node, value: &'a Value) {
        if node.never {
            return self.add("false", value, Value::Null, "nothing may stand here".to_owned());
        }
        if let Some(types) = &node.types
            && !types.iter().any(|kind| kind.holds(value))
        {
            let expected = names(types);
            let message = format!("expected {expected}, not {}", describe(value));
            return self.add("type", value, Value::from(expected), message);
        }
        if let Some(choices) = &node.choices
            && !choices.contains(value)
        {
            self.not_a_choice(choices, value);
        }
        if let Some(index) = node.reference {
            self.node(&self.schema.nodes[index], value);
        }
        for part in &node.all_of {
            self.node(part, value);
        }
        self.alternatives(&node.any_of, value, false);
        self.alternatives(&node.one_of, value, true);
        match value {
            Value::Number(number) => self.number(&node.number, number, value),
            Value::String(text) => {
                let length = text.chars().count() as u64;
                self.count(&node.length, length, value, ["minLength", "maxLength"], "character");
            }
            Value::Array(items) => self.items(node, items, value),
            Value::Object(fields) => self.fields(node, fields, value),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn not_a_choice(&mut self, choices: &[Value], value: &Value) {
        let list = listed(choices);
        let words = choices.iter().filter_map(Value::as_str);
        let near = value.as_str().and_then(|word| nearest(word, words));
        let guess = near.map(|word| format!("; did you mean `{word}`?")).unwrap_or_default();
        let message = match choices {
            [_] => format!("expected {list}, not {}{guess}", describe(value)),
            _ => format!("expected one of {list}, not {}{guess}", describe(value)),
        };
        self.add("enum", value, Value::Array(choices.to_vec()), message);
    }

    /// Where one alternative is plainly the one meant, its own violations are
    /// reported; else that none fits.
    fn alternatives(&mut self, alternatives: &'a [Node], value: &'a Value, exactly_one: bool) {
        if alternatives.is_empty() {
            return;
        }
        let rule = if exactly_one { "oneOf" } else { "anyOf" };
        let mut closest: Option<Vec<Violation>> = None;
        let mut fitting = 0;
        for alternative in alternatives {
            let found = self.trial(alternative, value);
            if found.is_empty() {
                fitting += 1;
                if !exactly_one {
                    return;
                }
            }
            let here = found.iter().any(|violation| violation.pointer == self.pointer());
            if !here && closest.is_none() {
                closest = Some(found);
            }
        }
        match (fitting, closest) {
            (1, _) => {}
            (0, Some(violations)) => self.violations.extend(violations),
            (0, None) => self.no_alternative(rule, alternatives, value),
            _ => self.add(rule, value, Value::Null, "fits several alternatives at once".to_owned()),
        }
    }

    fn no_alternative(&mut self, rule: &str, alternatives: &'a [Node], value: &'a Value) {
        // `Option<T>` is the usual case: the violation of T says more.
        let mut wanted = alternatives.iter().filter(|node| node.types.as_deref() != Some(&[Type::Null]));
        if let (Some(only), None) = (wanted.next(), wanted.next()) {
            let found = self.trial(only, value);
            return self.violations.extend(found);
        }
        let choices: Vec<Value> =
            alternatives.iter().filter_map(|node| node.choices.clone()).flatten().collect();
        if choices.len() == alternatives.len() {
            return self.not_a_choice(&choices, value);
        }
        let message = format!("{} fits none of the {} alternatives", describe(value), alternatives.len());
        self.add(rule, value, Value::Null, message);
    }

    fn trial(&mut self, node: &'a Node, value: &'a Value) -> Vec<Violation> {
        let before = std::mem::take(&mut self.violations);
        self.node(node, value);
        std::mem::replace(&mut self.violations, before)
    }

    fn number(&mut self, rules: &NumberRules, number: &Number, value: &Value) {
        for bound in rules.bounds().filter(|bound| !bound.holds(number)) {
            let message = format!("expected {} {}, not {number}", bound.words, bound.limit);
            self.add(bound.keyword, value, Value::Number(bound.limit.clone()), message);
        }
        if let Some(step) = &rules.multiple_of
            && !is_multiple(number, step)
        {
            let message = format!("expected a multiple of {step}, not {number}");
            self.add("multipleOf", value, Value::Number(step.clone()), message);
        }
    }

    fn items(&mut self, node: &'a Node, items: &'a [Value], value: &'a Value) {
        self.count(&node.item_count, items.len() as u64, value, ["minItems", "maxItems"], "item");
        for (index, item) in items.iter().enumerate() {
            let schema = node.prefix_items.get(index).or(node.items.as_deref());
            if let Some(schema) = schema {
                self.within(Step::Item(index), |walk| walk.node(schema, item));
            }
            if node.unique_items && items[..index].contains(item) {
                self.within(Step::Item(index), |walk| {
                    walk.add("uniqueItems", item, Value::Null, "stands in the list already".to_owned());
                });
            }
        }
    }

    fn fields(&mut self, node: &'a Node, fields: &'a Map<String, Value>, value: &'a Value) {
        let rules = &node.object;
        self.count(&rules.count, fields.len() as u64, value, ["minProperties", "maxProperties"], "entry");
        for (name, value) in fields {
            let known = rules.properties.iter().find(|property| property.name == *name);
            match (known, &rules.additional) {
                (Some(known), _) => self.within(Step::Field(name), |walk| walk.node(&known.node, value)),
                (None, Additional::Allowed) => {}
                (None, Additional::Refused) => {
                    self.within(Step::Field(name), |walk| walk.unknown_field(node, fields, name, value));
                }
                (None, Additional::Checked(schema)) => {
                    self.within(Step::Field(name), |walk| walk.node(schema, value));
                }
            }
        }
        for name in rules.required.iter().filter(|name| !fields.contains_key(*name)) {
            self.within(Step::Field(name), |walk| {
                walk.add("required", &Value::Null, Value::Null, "is required".to_owned());
            });
        }
    }

    fn unknown_field(&mut self, node: &Node, present: &Map<String, Value>, name: &str, value: &Value) {
        let known: Vec<&str> = node.object.properties.iter().map(|property| property.name.as_str()).collect();
        let unset = known.iter().copied().filter(|known| !present.contains_key(*known));
        let message = match nearest(name, unset) {
            Some(near) => format!("no such field; did you mean `{near}`?"),
            None if known.is_empty() => "no such field; there are none".to_owned(),
            None => format!("no such field; there are {}", known.join(", ")),
        };
        self.add("unknown", value, Value::from(known), message);
    }

    fn count(&mut self, rules: &CountRules, count: u64, value: &Value, [min, max]: [&str; 2], unit: &str) {
        if let Some(bound) = rules.min.filter(|bound| count < *bound) {
            let message = format!("expected at least {}, not {count}", counted(bound, unit));
            self.add(min, value, Value::from(bound), message);
        }
        if let Some(bound) = rules.max.filter(|bound| count > *bound) {
            let message = format!("expected at most {}, not {count}", counted(bound, unit));
            self.add(max, value, Value::from(bound), message);
        }
    }

    fn within(&mut self, step: Step<'a>, visit: impl FnOnce(&mut Self)) {
        self.place.push(step);
        visit(self);
        self.place.pop();
    }

    fn add(&mut self, rule: &str, given: &Value, allowed: Value, message: String) {
        let pointer = self.pointer();
        self.violations.push(Violation {
            pointer,
            rule: rule.to_owned(),
            given: given.clone(),
            allowed,
            message,
        });
    }

    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in &self.place {
            pointer.push('/');
            match step {
                Step::Field(name) => pointer.push_str(&name.replace('~', "~0").replace('/', "~1")),
                Step::Item(index) => pointer.push_str(&index.to_string()),
            }
        }
        pointer
    }
}

impl Type {
    fn holds(self, value: &Value) -> bool {
        match self {
            Self::Null => value.is_null(),
            Self::Boolean => value.is_boolean(),
            Self::Integer => is_integer(value),
            Self::Number => value.is_number(),
            Self::String => value.is_string(),
            Self::Array => value.is_array(),
            Self::Object => value.is_object(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "true or false",
            Self::Integer => "an integer",
            Self::Number => "a number",
            Self::String => "a text",
            Self::Array => "a list",
            Self::Object => "an object",
        }
    }
}

/// Turns floats without a fraction into integers, throughout `document`, so
/// that `10.0` is accepted where an integer is expected. Decoding a float from
/// an integer gives the same number, so nothing else changes.
pub(crate) fn canonical(document: &mut Value) {
    match document {
        Value::Number(number) if number.is_f64() => {
            if let Some(integer) = whole(number) {
                *number = integer.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(canonical),
        Value::Object(fields) => fields.values_mut().for_each(canonical),
        _ => {}
    }
}

/// Whether [`canonical`] would leave `document` as it is.
pub(super) fn is_canonical(document: &Value) -> bool {
    match document {
        Value::Number(number) => !number.is_f64() || whole(number).is_none(),
        Value::Array(items) => items.iter().all(is_canonical),
        Value::Object(fields) => fields.values().all(is_canonical),
        _ => true,
    }
}

fn names(types: &[Type]) -> String {
    let names: Vec<_> = types.iter().map(|kind| kind.name()).collect();
    names.join(" or ")
}

fn listed(choices: &[Value]) -> String {
    let texts: Vec<_> = choices.iter().map(Value::to_string).collect();
    texts.join(", ")
}

fn counted(count: u64, unit: &str) -> String {
    match (count, unit) {
        (1, unit) => format!("1 {unit}"),
        (count, "entry") => format!("{count} entries"),
        (count, unit) => format!("{count} {unit}s"),
    }
}

/// A value as it is told to a person: short ones as they are.
fn describe(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        other => {
            let text = other.to_string();
            match text.char_indices().nth(60) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text,
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(schema: Value, document: Value) -> Vec<(String, String, String)> {
        let found = Schema::compile(&schema).unwrap().check(&document);
        found.into_iter().map(|v| (v.pointer, v.rule, v.message)).collect()
    }

    fn one(schema: Value, document: Value) -> (String, String, String) {
        let mut found = check(schema, document);
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    fn violation(pointer: &str, rule: &str, message: &str) -> (String, String, String) {
        (pointer.to_owned(), rule.to_owned(), message.to_owned())
    }

    #[test]
    fn all_violations_are_found_at_once() {
        let schema = json!({
            "type": "object", "additionalProperties": false, "required": ["name", "lr"],
            "properties": {
                "name": {"type": "string", "minLength": 2}, "epochs": {"type": "integer", "minimum": 1},
                "lr": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 1}
            }
        });
        let document = json!({"name": "x", "epochs": 0, "learning": 1, "tags": ["a", 2]});
        assert_eq!(
            check(schema, document),
            [
                violation("/name", "minLength", "expected at least 2 characters, not 1"),
                violation("/epochs", "minimum", "expected at least 1, not 0"),
                violation("/learning", "unknown", "no such field; there are name, epochs, lr, tags"),
                violation("/tags", "maxItems", "expected at most 1 item, not 2"),
                violation("/tags/1", "type", "expected a text, not 2"),
                violation("/lr", "required", "is required"),
            ]
        );
    }

    #[test]
    fn near_names_are_suggested() {
        let schema =
            json!({"additionalProperties": false, "properties": {"learning_rate": {}, "epochs": {}}});
        assert_eq!(
            one(schema, json!({"learning_rat": 1})),
            violation("/learning_rat", "unknown", "no such field; did you mean `learning_rate`?")
        );
        let (_, rule, message) = one(json!({"enum": ["yolo", "coco"]}), json!("yollo"));
        assert_eq!((rule.as_str(), message.ends_with("did you mean `yolo`?")), ("enum", true));
    }

    #[test]
    fn an_optional_value_reports_what_is_wrong_with_the_value() {
        let schema = json!({"anyOf": [{"$ref": "#/$defs/Size"}, {"type": "null"}],
                            "$defs": {"Size": {"type": "integer", "maximum": 9}}});
        assert_eq!(check(schema.clone(), json!(null)), []);
        assert_eq!(one(schema, json!(10)), violation("", "maximum", "expected at most 9, not 10"));
    }

    #[test]
    fn the_alternative_that_is_meant_reports_its_fields() {
        let schema = json!({"oneOf": [
            {"properties": {"kind": {"const": "sgd"}, "momentum": {"type": "number"}}, "required": ["kind"]},
            {"properties": {"kind": {"const": "adam"}}, "required": ["kind"], "type": "object"}
        ]});
        assert_eq!(check(schema.clone(), json!({"kind": "adam"})), []);
        let found = check(schema, json!({"kind": "sgd", "momentum": "x"}));
        assert_eq!(found[0].0, "/momentum");
    }

    #[test]
    fn numbers_are_compared_exactly() {
        let schema = json!({"type": "integer", "maximum": 9_007_199_254_740_993_u64});
        assert_eq!(check(schema.clone(), json!(9_007_199_254_740_993_u64)), []);
        assert_eq!(one(schema, json!(9_007_199_254_740_994_u64)).1, "maximum");
        assert_eq!(check(json!({"minimum": i64::MIN}), json!(i64::MIN)), []);
        assert_eq!(one(json!({"maximum": u64::MAX - 1}), json!(u64::MAX)).1, "maximum");
        assert_eq!(check(json!({"multipleOf": 3}), json!(9)), []);
        assert_eq!(one(json!({"multipleOf": 3}), json!(10)).1, "multipleOf");
    }

    #[test]
    fn exclusive_bounds_leave_out_the_bound() {
        let schema = json!({"exclusiveMinimum": 0, "exclusiveMaximum": 1.5});
        assert_eq!(check(schema.clone(), json!(0.1)), []);
        assert_eq!(
            one(schema.clone(), json!(0)),
            violation("", "exclusiveMinimum", "expected greater than 0, not 0")
        );
        assert_eq!(
            one(schema, json!(1.5)),
            violation("", "exclusiveMaximum", "expected less than 1.5, not 1.5")
        );
    }

    #[test]
    fn whole_floats_are_integers() {
        assert_eq!(check(json!({"type": "integer"}), json!(1.0)), []);
        assert_eq!(one(json!({"type": "integer"}), json!(1.5)).1, "type");
        let mut document = json!({"a": [1.0, 1.5, -0.0]});
        canonical(&mut document);
        assert_eq!(document, json!({"a": [1, 1.5, 0]}));
    }

    #[test]
    fn pointers_are_escaped() {
        let schema = json!({"additionalProperties": {"type": "integer"}});
        assert_eq!(one(schema, json!({"a/b~c": "x"})).0, "/a~1b~0c");
    }

    #[test]
    fn a_schema_may_contain_itself_but_not_be_itself() {
        let tree =
            json!({"type": "object", "properties": {"left": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}});
        assert_eq!(check(tree.clone(), json!({"left": {"left": null}})), []);
        assert_eq!(one(tree, json!({"left": {"left": 1}})).0, "/left/left");
        for circle in [
            json!({"$ref": "#"}),
            json!({"allOf": [{"anyOf": [{"$ref": "#"}]}]}),
            json!({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"oneOf": [{"$ref": "#/$defs/A"}]}}}),
        ] {
            let error = Schema::compile(&circle).unwrap_err();
            assert!(
                error.to_string().ends_with("leads back to itself without reading any of the value"),
                "{error}"
            );
        }
    }

    #[test]
    fn foreign_keywords_are_refused_with_their_place() {
        let error = Schema::compile(&json!({"properties": {"a": {"if": {}}}})).unwrap_err();
        assert_eq!(error.to_string(), "JSON Schema at #/properties/a/if: this keyword is not supported");
    }
}
