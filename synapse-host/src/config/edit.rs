//! Changes to the text of a config.yaml that leave all else as it stands:
//! comments, order, quotes, line ends.
//!
//! Each change is made where the nodes stand in the text. Then the text is read
//! again, and has to say what the old one said but for the change; so aliases,
//! merges and the rarer corners of YAML cannot be damaged, only refused.

use super::model::{ActionConfig, PluginConfig};
use super::problems::Problems;
use super::scalar::{Meaning, Scalar};
use super::yaml::{self, Content, Entry, Node};
use super::{Entrypoint, parse};
use std::fmt;
use std::ops::Range;

/// The order in which keys of an action are written.
const ORDER: [&str; 5] = ["entrypoint", "method", "description", "input_type", "output_type"];

/// A change to one action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Sets one of its keys.
    Set {
        /// The action.
        action: String,
        /// `entrypoint`, `description`, `input_type` or `output_type`.
        key: &'static str,
        /// What it is set to.
        value: String,
    },
    /// Takes one of its keys out.
    Remove {
        /// The action.
        action: String,
        /// `input_type` or `output_type`.
        key: &'static str,
    },
    /// Adds it after the others.
    Add {
        /// The action.
        action: String,
        /// Its keys, each with a value.
        keys: Vec<(&'static str, String)>,
    },
}

impl Change {
    /// The action it is about.
    pub fn action(&self) -> &str {
        match self {
            Self::Set { action, .. } | Self::Remove { action, .. } | Self::Add { action, .. } => action,
        }
    }
}

/// `actions.train.input_type: yolo_dataset`
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set { action, key, value } => write!(f, "actions.{action}.{key}: {value}"),
            Self::Remove { action, key } => write!(f, "actions.{action} without {key}"),
            Self::Add { action, .. } => write!(f, "actions.{action}, a new entry"),
        }
    }
}

/// Makes a change, if the text allows it to be made in place.
///
/// `None` when the text is written in a way this cannot follow, such as keys
/// that come from an alias: the change is then made by hand.
pub fn apply(text: &str, change: &Change) -> Option<String> {
    let before = without_lines(parse(text).ok()?.config);
    let edited = edited(text, change)?;
    let after = without_lines(parse(&edited).ok()?.config);
    (Some(after) == expected(before, change)).then_some(edited)
}

/// Line and column of a key of an action, or of the action, or of `actions`:
/// the innermost that is there; both from 1.
pub fn place_of(text: &str, action: &str, key: Option<&str>) -> (usize, usize) {
    let root = yaml::read(text, &mut Problems::default());
    let Some(actions) = root.as_ref().and_then(|root| entry(root, "actions")) else { return (1, 1) };
    let found = entry(&actions.value, action);
    let key = found.zip(key).and_then(|(found, key)| entry(&found.value, key));
    let at = key.or(found).unwrap_or(actions).key_at;
    (at.line, at.column)
}

fn without_lines(mut config: PluginConfig) -> PluginConfig {
    config.actions.iter_mut().for_each(|action| action.line = 0);
    config
}

/// The config as it is to be read afterwards.
fn expected(mut config: PluginConfig, change: &Change) -> Option<PluginConfig> {
    match change {
        Change::Set { action, key, value } => set(config.action_mut(action)?, key, Some(value))?,
        Change::Remove { action, key } => set(config.action_mut(action)?, key, None)?,
        Change::Add { action, keys } => {
            let mut added = ActionConfig::named(action, 0);
            for (key, value) in keys {
                set(&mut added, key, Some(value))?;
            }
            config.actions.push(added);
        }
    }
    Some(config)
}

fn set(action: &mut ActionConfig, key: &str, value: Option<&String>) -> Option<()> {
    match key {
        "entrypoint" => action.entrypoint = value.map(|text| text.parse::<Entrypoint>()).transpose().ok()?,
        "method" => action.method = value.map(|text| text.parse()).transpose().ok()?,
        "description" => action.description = value.cloned().unwrap_or_default(),
        "input_type" => action.input_type = value.cloned(),
        "output_type" => action.output_type = value.cloned(),
        _ => return None,
    }
    Some(())
}

fn edited(text: &str, change: &Change) -> Option<String> {
    let root = yaml::read(text, &mut Problems::default())?;
    let actions = &entry(&root, "actions")?.value;
    let page = Page { text, newline: if text.contains("\r\n") { "\r\n" } else { "\n" } };
    let (at, new) = match change {
        Change::Set { action, key, value } => page.set(entry(actions, action)?, key, value)?,
        Change::Remove { action, key } => page.remove(&entry(actions, action)?.value, key)?,
        Change::Add { action, keys } => page.add(actions, action, keys)?,
    };
    let mut edited = text.to_owned();
    edited.replace_range(at, &new);
    Some(edited)
}

fn entry<'n>(map: &'n Node, key: &str) -> Option<&'n Entry> {
    entries(map).iter().find(|entry| entry.key.text == key)
}

fn entries(map: &Node) -> &[Entry] {
    match &map.content {
        Content::Map(entries) => entries,
        Content::Scalar(_) | Content::List(_) => &[],
    }
}

/// What a stretch of the text is replaced with.
type Edit = (Range<usize>, String);

struct Page<'t> {
    text: &'t str,
    newline: &'static str,
}

impl Page<'_> {
    fn set(&self, action: &Entry, key: &str, value: &str) -> Option<Edit> {
        let Content::Scalar(scalar) = &action.value.content else {
            return match entry(&action.value, key) {
                Some(known) => self.replace(known, value),
                None => self.insert(&action.value, key, value),
            };
        };
        if scalar.meaning() == Meaning::Text {
            // `train: m.Train` names the entrypoint alone.
            let entrypoint = &self.text[action.value.span.clone()];
            return match key {
                "entrypoint" => self.replace(action, value),
                _ => Some((
                    action.value.span.clone(),
                    format!("{{entrypoint: {entrypoint}, {key}: {}}}", written(value)),
                )),
            };
        }
        let indent = " ".repeat(action.key_at.column + 1);
        match action.value.span.is_empty() {
            true => {
                let at = self.line_end(action.key_span.end);
                Some((at..at, self.line(&format!("{indent}{key}: {}", written(value)))))
            }
            false => Some((action.value.span.clone(), format!("{{{key}: {}}}", written(value)))),
        }
    }

    /// The new value in the quotes of the old one.
    fn replace(&self, entry: &Entry, value: &str) -> Option<Edit> {
        if entry.value.span.is_empty() {
            let at = self.colon(entry)?;
            return Some((at..at, format!(" {}", written(value))));
        }
        let span = self.value_start(entry)..self.end(entry);
        let new = match self.text.as_bytes()[span.start] {
            b'"' => double_quoted(value),
            b'\'' if !value.contains(char::is_control) => format!("'{}'", value.replace('\'', "''")),
            _ => written(value),
        };
        Some((span, new))
    }

    /// A key that was not there, after those it follows by custom.
    fn insert(&self, action: &Node, key: &str, value: &str) -> Option<Edit> {
        let pair = format!("{key}: {}", written(value));
        // Keys that are merged in stand elsewhere.
        let own = entries(action).iter().filter(|entry| action.span.contains(&entry.key_span.start));
        let known: Vec<&Entry> = own.collect();
        let rank = |name: &str| ORDER.iter().position(|known| *known == name);
        let goes_before =
            |entry: &&&Entry| rank(&entry.key.text).is_some() && rank(&entry.key.text) < rank(key);
        let before = known.iter().rev().find(goes_before);
        let Some(after) = before.or(known.last()) else {
            let at = action.span.start + 1;
            return action.flow.then_some((at..at, pair));
        };
        let end = self.end(after);
        if action.flow {
            return Some((end..end, format!(", {pair}")));
        }
        let at = self.line_end(end);
        let indent = " ".repeat(after.key_at.column - 1);
        Some((at..at, self.line(&format!("{indent}{pair}"))))
    }

    fn remove(&self, action: &Node, key: &str) -> Option<Edit> {
        let known = entries(action);
        let index = known.iter().position(|entry| entry.key.text == key)?;
        let entry = &known[index];
        if !action.flow {
            let end = self.line_end(self.end(entry));
            return Some((self.line_start(entry.key_span.start)..self.after_break(end), String::new()));
        }
        let at = match (index.checked_sub(1), known.get(index + 1)) {
            (Some(before), _) => self.end(&known[before])..self.end(entry),
            (None, Some(next)) => entry.key_span.start..next.key_span.start,
            (None, None) => entry.key_span.start..self.end(entry),
        };
        Some((at, String::new()))
    }

    fn add(&self, actions: &Node, name: &str, keys: &[(&'static str, String)]) -> Option<Edit> {
        let known = entries(actions);
        let name = written(name);
        let pairs: Vec<String> =
            keys.iter().map(|(key, value)| format!("{key}: {}", written(value))).collect();
        let flow = format!("{name}: {{{}}}", pairs.join(", "));
        let Some(last) = known.last() else {
            let rest = &self.text[actions.span.end..self.line_end(actions.span.end)];
            return match rest.trim().is_empty() {
                true => {
                    let block = self.block(2, 2, &name, &pairs);
                    let start = self.text[..actions.span.start].trim_end().len();
                    Some((start..actions.span.end, self.line(&block)))
                }
                false => Some((actions.span.clone(), format!("{{{flow}}}"))),
            };
        };
        let end = self.end(last);
        if actions.flow {
            return Some((end..end, format!(", {flow}")));
        }
        let at = self.line_end(end);
        let indent = last.key_at.column - 1;
        let inner = known.iter().find_map(inner_step).unwrap_or(2);
        let gap = match self.blank_before(last) && known.len() > 1 {
            true => self.newline,
            false => "",
        };
        let block = self.block(indent, inner, &name, &pairs);
        Some((at..at, self.line(&format!("{gap}{block}"))))
    }

    fn block(&self, indent: usize, step: usize, name: &str, pairs: &[String]) -> String {
        let outer = " ".repeat(indent);
        let inner = " ".repeat(indent + step);
        let lines = pairs.iter().map(|pair| self.line(&format!("{inner}{pair}")));
        format!("{outer}{name}:{}", lines.collect::<String>())
    }

    /// `content` as a line of its own, after the line that ends where this goes.
    fn line(&self, content: &str) -> String {
        format!("{}{content}", self.newline)
    }

    /// Where an entry ends; without a value, after its colon.
    fn end(&self, entry: &Entry) -> usize {
        if entry.value.span.is_empty() {
            return self.colon(entry).unwrap_or(entry.key_span.end);
        }
        // A block of text reaches to the next line that is not blank.
        self.text[..entry.value.span.end].trim_end().len()
    }

    /// Where a value starts: of a block of text, its `|` or `>`.
    fn value_start(&self, entry: &Entry) -> usize {
        let after = self.colon(entry).unwrap_or(entry.key_span.end);
        let rest = &self.text[after..entry.value.span.start];
        let blank = rest.len() - rest.trim_start_matches(' ').len();
        match rest[blank..].starts_with(['|', '>']) {
            true => after + blank,
            false => entry.value.span.start,
        }
    }

    /// Behind the colon of a key.
    fn colon(&self, entry: &Entry) -> Option<usize> {
        let rest = &self.text[entry.key_span.end..];
        let blank = rest.len() - rest.trim_start().len();
        rest[blank..].starts_with(':').then_some(entry.key_span.end + blank + 1)
    }

    /// The end of the line, before its line break.
    fn line_end(&self, at: usize) -> usize {
        let rest = &self.text[at..];
        let line = rest.find('\n').map_or(rest, |end| &rest[..end]);
        at + line.strip_suffix('\r').unwrap_or(line).len()
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |end| end + 1)
    }

    fn after_break(&self, at: usize) -> usize {
        let rest = &self.text[at..];
        at + if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) }
    }

    fn blank_before(&self, entry: &Entry) -> bool {
        let before = &self.text[..self.line_start(entry.key_span.start)];
        before.lines().last().is_some_and(|line| line.trim().is_empty())
    }
}

/// How much deeper the keys of an action stand than its name.
fn inner_step(action: &Entry) -> Option<usize> {
    let first = entries(&action.value).first().filter(|_| !action.value.flow)?;
    first.key_at.column.checked_sub(action.key_at.column).filter(|step| *step > 0)
}

/// A text as YAML: without quotes where none are needed.
fn written(text: &str) -> String {
    let scalar = Scalar { text: text.to_owned(), plain: true };
    let starts_well = text.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let is_plain = starts_well
        && scalar.meaning() == Meaning::Text
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.contains(|c: char| c.is_control() || ",[]{}".contains(c));
    if is_plain { text.to_owned() } else { double_quoted(text) }
}

/// JSON's texts are YAML's as well.
fn double_quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
