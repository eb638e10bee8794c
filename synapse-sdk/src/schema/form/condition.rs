//! When a field is shown, as an expression of FormKit's schema language.

use serde_json::Value;

/// All of the terms must hold.
#[derive(Clone, Default)]
pub(super) struct Condition {
    terms: Vec<Term>,
}

/// A field has one of these values.
#[derive(Clone)]
struct Term {
    /// The field's value as an expression, such as `$get(optimizer).value`.
    subject: String,
    values: Vec<Value>,
}

impl Condition {
    pub(super) fn and(mut self, subject: String, values: Vec<Value>) -> Self {
        self.terms.push(Term { subject, values });
        self
    }

    /// The expression; none if nothing is asked.
    pub(super) fn expression(&self) -> Option<String> {
        let alone = self.terms.len() == 1;
        let terms: Vec<String> = self.terms.iter().map(|term| term.expression(alone)).collect();
        let all = terms.join(" && ");
        match all.chars().next()? {
            '$' => Some(all),
            // Expressions that begin with something else are told by a label.
            _ => Some(format!("$: {all}")),
        }
    }
}

impl Term {
    fn expression(&self, alone: bool) -> String {
        let tests: Vec<String> = self.values.iter().map(|value| self.test(value)).collect();
        match tests.as_slice() {
            [] => "false".to_owned(),
            [only] => only.clone(),
            _ if alone => tests.join(" || "),
            // FormKit gives `&&` and `||` the same rank.
            _ => format!("({})", tests.join(" || ")),
        }
    }

    fn test(&self, value: &Value) -> String {
        let subject = &self.subject;
        match value {
            Value::Null => format!("{subject} == undefined"),
            Value::String(text) => format!("{subject} === {}", quoted(text)),
            other => format!("{subject} === {other}"),
        }
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// The value of an input with an id.
pub(super) fn value_of(id: &str) -> String {
    format!("$get({id}).value")
}

/// The value of a field of the group or repeater row that is shown, if its
/// name can stand in an expression.
pub(super) fn value_in_row(path: &[&str]) -> Option<String> {
    path.iter().all(|name| is_word(name)).then(|| format!("$value.{}", path.join(".")))
}

/// Whether FormKit reads it as one name.
pub(super) fn is_word(name: &str) -> bool {
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let goes_on_well = name.chars().all(|each| each.is_ascii_alphanumeric() || each == '_');
    starts_well && goes_on_well && !["true", "false", "undefined", "Infinity"].contains(&name)
}
