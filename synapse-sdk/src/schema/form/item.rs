//! One entry of the list: an input and its props.

use serde_json::{Map, Value, json};

use super::bounds::Bounds;
use super::condition::Condition;
use super::shape::Choice;
use super::view::View;
use super::words::{one_line_each, plain, title_case};

/// A field to make an input for.
pub(super) struct Field<'a> {
    /// None for an item of a list.
    pub(super) name: Option<&'a str>,
    pub(super) label: String,
    pub(super) view: View<'a>,
    pub(super) required: bool,
    pub(super) default: Option<&'a Value>,
    pub(super) condition: Condition,
    /// Tells it from its neighbours, when it comes and goes.
    pub(super) key: String,
    /// For those who ask about it.
    pub(super) id: Option<String>,
}

impl<'a> Field<'a> {
    /// A field that is always there. `given` is the default that the type
    /// around it has for it, which goes before its own.
    pub(super) fn new(name: Option<&'a str>, label: &str, view: View<'a>, given: Option<&'a Value>) -> Self {
        let default = given.or_else(|| view.get("default")).filter(|default| !default.is_null());
        Self {
            name,
            label: label_of(&view, label),
            view,
            required: false,
            default,
            condition: Condition::default(),
            key: String::new(),
            id: None,
        }
    }

    pub(super) fn help(&self) -> Option<String> {
        let text = self.view.hint("help").or_else(|| self.view.get("description"))?.as_str()?;
        Some(one_line_each(text)).filter(|help| !help.is_empty())
    }
}

fn label_of(view: &View<'_>, name: &str) -> String {
    let own = view.hint("label").and_then(Value::as_str).map(str::to_owned);
    let label = own.unwrap_or_else(|| title_case(name));
    match view.hint("unit").and_then(Value::as_str) {
        Some(unit) => format!("{label} ({unit})"),
        None => label,
    }
}

/// An input with its props, in the platform's order.
pub(super) struct Item {
    props: Map<String, Value>,
}

impl Item {
    /// The input for a field.
    pub(super) fn new(formkit: &str, field: &Field<'_>) -> Self {
        Self::labelled(formkit, field.name, field.id.as_deref(), &field.label)
    }

    pub(super) fn labelled(formkit: &str, name: Option<&str>, id: Option<&str>, label: &str) -> Self {
        let mut item = Self { props: Map::new() };
        item.props.insert("$formkit".to_owned(), formkit.into());
        item.put_some("name", name);
        item.put_some("id", id);
        item.put("label", label);
        item
    }

    pub(super) fn put(&mut self, prop: &str, value: impl Into<Value>) {
        let value = value.into();
        let prop = if is_parsed(&value) { format!("__raw__{prop}") } else { prop.to_owned() };
        self.props.insert(prop, value);
    }

    pub(super) fn put_some(&mut self, prop: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(prop, value);
        }
    }

    pub(super) fn bounds(&mut self, bounds: Bounds) {
        self.put_some("min", bounds.min.map(Value::Number));
        self.put_some("max", bounds.max.map(Value::Number));
        self.put_some("step", bounds.step);
        self.put("number", true);
        if !bounds.excluded.is_empty() {
            // One rule: the messages of two of one name take each other away.
            let rule: Vec<Value> = std::iter::once(json!("not")).chain(bounds.excluded).collect();
            self.put("validation", json!([rule]));
        }
    }

    pub(super) fn text_rules(&mut self, view: &View<'_>) {
        let pattern =
            view.get("pattern").and_then(Value::as_str).map(|text| json!(["matches", format!("/{text}/")]));
        let rules: Vec<Value> =
            length_rule(view, "minLength", "maxLength").into_iter().chain(pattern).collect();
        if !rules.is_empty() {
            self.put("validation", rules);
        }
    }

    pub(super) fn several(&mut self, view: &View<'_>) {
        self.put("multiple", true);
        self.put_some("validation", length_rule(view, "minItems", "maxItems").map(|rule| vec![rule]));
    }

    /// How many rows there may be. FormKit starts with one if not told.
    pub(super) fn row_count(&mut self, view: &View<'_>) {
        self.put("min", count(view, "minItems").unwrap_or(0));
        self.put_some("max", count(view, "maxItems"));
    }

    /// Another widget, if the author says so. What the value is has been said.
    pub(super) fn put_widget(&mut self, view: &View<'_>) {
        if let Some(widget) = view.hint("widget").and_then(Value::as_str) {
            self.props.insert("$formkit".to_owned(), widget.into());
        }
    }

    /// The item, shown under a condition. `key` tells it from its neighbours.
    pub(super) fn finish(mut self, key: &str, condition: &Condition) -> Value {
        if let Some(expression) = condition.expression() {
            self.props.insert("if".to_owned(), expression.into());
            self.put("key", key);
        }
        Value::Object(self.props)
    }
}

/// Whether FormKit would take a value as an expression.
fn is_parsed(value: &Value) -> bool {
    match value {
        Value::String(text) => text.len() > 1 && text.starts_with('$'),
        Value::Object(fields) => {
            (fields.contains_key("if") && fields.contains_key("then")) || fields.values().any(is_parsed)
        }
        _ => false,
    }
}

/// The values to choose from.
pub(super) fn options(choices: &[Choice<'_>], or_none: bool) -> Vec<Value> {
    let is_plain = |choice: &Choice<'_>| {
        choice.value.is_string() && choice.title.is_none() && choice.description.is_none()
    };
    if !or_none && choices.iter().all(is_plain) {
        return choices.iter().map(|choice| choice.value.clone()).collect();
    }
    // A select starts with its first option.
    let none = or_none.then(|| json!({ "label": "Not set", "value": null }));
    none.into_iter().chain(choices.iter().map(option)).collect()
}

fn option(choice: &Choice<'_>) -> Value {
    let label = choice.title.map_or_else(|| title_case(&plain(&choice.value)), str::to_owned);
    let mut option =
        Map::from_iter([("label".to_owned(), label.into()), ("value".to_owned(), choice.value.clone())]);
    if let Some(description) = choice.description {
        option.insert("help".to_owned(), one_line_each(description).into());
    }
    Value::Object(option)
}

fn length_rule(view: &View<'_>, least: &str, most: &str) -> Option<Value> {
    match (count(view, least).unwrap_or(0), count(view, most)) {
        (0, None) => None,
        (least, None) => Some(json!(["length", least])),
        (least, Some(most)) => Some(json!(["length", least, most])),
    }
}

fn count(view: &View<'_>, keyword: &str) -> Option<u64> {
    view.get(keyword).and_then(Value::as_u64)
}
