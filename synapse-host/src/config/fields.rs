//! Typed access to the keys of a map; what does not fit becomes a problem.

use super::problems::{Place, Problem, Problems, Severity};
use super::scalar::{Meaning, Scalar};
use super::words::{UnknownWord, Word};
use super::yaml::{Content, Entry, Node, joined};
use serde_json::Value;
use synapse_sdk::suggest;

/// A value and the path it is found under.
pub(crate) struct Field<'n> {
    pub(crate) path: String,
    pub(crate) node: &'n Node,
}

/// The keys of a map. Each is asked for by name; one that nobody asked for is
/// unknown.
pub(crate) struct Fields<'n> {
    path: String,
    at: Place,
    entries: &'n [Entry],
    asked: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// The value of `key`, unless it is absent or null.
    pub(crate) fn get(&mut self, key: &'static str) -> Option<Field<'n>> {
        self.asked.push(key);
        let entry = self.entries.iter().find(|entry| entry.key.text == key)?;
        (!entry.value.is_null()).then(|| self.field(entry))
    }

    /// The value of `key`; its absence is a problem.
    pub(crate) fn require(
        &mut self,
        key: &'static str,
        example: &str,
        problems: &mut Problems,
    ) -> Option<Field<'n>> {
        let found = self.get(key);
        if found.is_none() {
            let missing = match self.entry(key) {
                Some(entry) => Problem::error(entry.key_at, self.path_of(key), "this key needs a value"),
                None => Problem::error(self.at, self.path_of(key), format!("the key `{key}` is missing")),
            };
            problems.push(missing.hint(format!("for example `{key}: {example}`")));
        }
        found
    }

    /// The key and its value, even a null one.
    pub(crate) fn entry(&self, key: &str) -> Option<&'n Entry> {
        self.entries.iter().find(|entry| entry.key.text == key)
    }

    pub(crate) fn text(&mut self, key: &'static str, problems: &mut Problems) -> Option<String> {
        self.get(key).and_then(|field| field.text(problems))
    }

    pub(crate) fn texts(&mut self, key: &'static str, problems: &mut Problems) -> Vec<String> {
        self.get(key).map(|field| field.texts(problems)).unwrap_or_default()
    }

    pub(crate) fn word<W: Word>(&mut self, key: &'static str, problems: &mut Problems) -> Option<W> {
        self.get(key).and_then(|field| field.word(problems))
    }

    pub(crate) fn json_map(&mut self, key: &'static str, problems: &mut Problems) -> Value {
        self.get(key).map(|field| field.json_map(problems)).unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All entries, whatever their keys.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'n Entry, Field<'n>)> {
        self.entries.iter().map(|entry| (entry, self.field(entry)))
    }

    pub(crate) fn path_of(&self, key: &str) -> String {
        joined(&self.path, key)
    }

    /// Warns about each key nobody asked for.
    pub(crate) fn finish(self, problems: &mut Problems) {
        for entry in self.entries {
            let key = entry.key.text.as_str();
            if self.asked.contains(&key) {
                continue;
            }
            let nearest = suggest::nearest(key, self.asked.iter().copied());
            let hint = match nearest {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("the keys here are {}", self.asked.join(", ")),
            };
            let message = format!("the key `{key}` is unknown and has no effect");
            problems.push(Problem::warning(entry.key_at, self.path_of(key), message).hint(hint));
        }
    }

    /// As [`finish`](Self::finish), where a key that has no effect is an error.
    pub(crate) fn refuse_unknown(self, problems: &mut Problems) {
        let mut warnings = Problems::default();
        self.finish(&mut warnings);
        for warning in warnings.sorted() {
            let message = warning.message.replace(" and has no effect", "");
            problems.push(Problem { severity: Severity::Error, message, ..warning });
        }
    }

    fn field(&self, entry: &'n Entry) -> Field<'n> {
        Field { path: self.path_of(&entry.key.text), node: &entry.value }
    }
}

impl<'n> Field<'n> {
    pub(crate) fn error(&self, message: impl Into<String>) -> Problem {
        Problem::error(self.node.at, self.path.clone(), message)
    }

    pub(crate) fn warning(&self, message: impl Into<String>) -> Problem {
        Problem::warning(self.node.at, self.path.clone(), message)
    }

    pub(crate) fn expected(&self, what: &str) -> Problem {
        self.error(format!("expected {what}, found {}", self.node.describe()))
    }

    /// The scalar, whatever YAML would make of it.
    pub(crate) fn scalar(&self, what: &str, problems: &mut Problems) -> Option<&'n Scalar> {
        match &self.node.content {
            Content::Scalar(scalar) => Some(scalar),
            Content::List(_) | Content::Map(_) => {
                problems.push(self.expected(what));
                None
            }
        }
    }

    pub(crate) fn text(&self, problems: &mut Problems) -> Option<String> {
        let scalar = self.scalar("text", problems)?;
        if scalar.meaning() != Meaning::Text {
            let hint = format!("write it in quotes: \"{}\"", scalar.text);
            problems.push(self.expected("text").hint(hint));
            return None;
        }
        Some(scalar.text.clone())
    }

    pub(crate) fn word<W: Word>(&self, problems: &mut Problems) -> Option<W> {
        let scalar = self.scalar("a word", problems)?;
        let found = W::find(&scalar.text);
        if found.is_none() {
            let unknown = UnknownWord::of::<W>(&scalar.text);
            problems.push(self.error(unknown.to_string()).maybe_hint(unknown.suggestion()));
        }
        found
    }

    pub(crate) fn items(&self, problems: &mut Problems) -> Vec<Field<'n>> {
        match &self.node.content {
            Content::List(items) => items.iter().enumerate().map(|item| self.item(item)).collect(),
            Content::Scalar(scalar) => {
                let hint = format!("write it in brackets: [{}]", scalar.text);
                problems.push(self.expected("a list").hint(hint));
                Vec::new()
            }
            Content::Map(_) => {
                problems.push(self.expected("a list"));
                Vec::new()
            }
        }
    }

    fn item(&self, (index, node): (usize, &'n Node)) -> Field<'n> {
        Field { path: format!("{}[{index}]", self.path), node }
    }

    pub(crate) fn texts(&self, problems: &mut Problems) -> Vec<String> {
        let items = self.items(problems);
        items.iter().filter_map(|item| item.text(problems)).collect()
    }

    pub(crate) fn words<W: Word>(&self, problems: &mut Problems) -> Vec<W> {
        let items = self.items(problems);
        items.iter().filter_map(|item| item.word(problems)).collect()
    }

    pub(crate) fn fields(&self, problems: &mut Problems) -> Option<Fields<'n>> {
        match &self.node.content {
            Content::Map(entries) => {
                Some(Fields { path: self.path.clone(), at: self.node.at, entries, asked: Vec::new() })
            }
            Content::Scalar(_) | Content::List(_) => {
                problems.push(self.expected("a map of keys"));
                None
            }
        }
    }

    /// A map as JSON; null if it is not one.
    pub(crate) fn json_map(&self, problems: &mut Problems) -> Value {
        match &self.node.content {
            Content::Map(_) => self.json(problems),
            Content::Scalar(_) | Content::List(_) => self.not_json("a map of keys", problems),
        }
    }

    /// A list as JSON; null if it is not one.
    pub(crate) fn json_list(&self, problems: &mut Problems) -> Value {
        match &self.node.content {
            Content::List(_) => self.json(problems),
            Content::Scalar(_) | Content::Map(_) => self.not_json("a list", problems),
        }
    }

    fn not_json(&self, what: &str, problems: &mut Problems) -> Value {
        problems.push(self.expected(what));
        Value::Null
    }

    pub(crate) fn json(&self, problems: &mut Problems) -> Value {
        self.node.to_json().unwrap_or_else(|at| {
            let message = "a number in here is too large, infinite or not a number";
            problems.push(Problem::error(at, self.path.clone(), message));
            Value::Null
        })
    }
}
