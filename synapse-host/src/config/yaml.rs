//! YAML text to a tree of nodes that know their place in the file.

use super::problems::{Place, Problem, Problems};
use super::scalar::{Meaning, Scalar};
use super::syntax::{place, syntax_problem};
use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle, options};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// Nesting beyond this is refused, so that walking a tree cannot exhaust the
/// stack.
const MAX_DEPTH: usize = 64;

/// Aliases can make a small file unfold into an endless one.
const MAX_NODES: usize = 50_000;

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) at: Place,
    /// Where it stands in the text, in bytes; of an alias, the alias itself.
    pub(crate) span: Range<usize>,
    /// A list or map in brackets.
    pub(crate) flow: bool,
    pub(crate) content: Content,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key of a map and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Scalar,
    pub(crate) key_at: Place,
    pub(crate) key_span: Range<usize>,
    pub(crate) value: Node,
}

impl Entry {
    /// Where it ends in the text; a value that is left out lies nowhere.
    fn end(&self) -> usize {
        if self.value.span.is_empty() { self.key_span.end } else { self.value.span.end }
    }
}

impl Node {
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.content, Content::Scalar(scalar) if scalar.meaning() == Meaning::Null)
    }

    /// For messages: what stands here.
    pub(crate) fn describe(&self) -> String {
        match &self.content {
            Content::Scalar(scalar) => scalar.describe(),
            Content::List(_) => "a list".to_owned(),
            Content::Map(_) => "a map".to_owned(),
        }
    }

    /// The value in JSON, or the place of a number JSON cannot hold.
    pub(crate) fn to_json(&self) -> Result<Value, Place> {
        match &self.content {
            Content::Scalar(scalar) => scalar.to_json().ok_or(self.at),
            Content::List(items) => items.iter().map(Node::to_json).collect(),
            Content::Map(entries) => entries
                .iter()
                .map(|entry| Ok((entry.key.text.clone(), entry.value.to_json()?)))
                .collect::<Result<_, _>>()
                .map(Value::Object),
        }
    }

    fn children(&self) -> Box<dyn Iterator<Item = &Node> + '_> {
        match &self.content {
            Content::Scalar(_) => Box::new(std::iter::empty()),
            Content::List(items) => Box::new(items.iter()),
            Content::Map(entries) => Box::new(entries.iter().map(|entry| &entry.value)),
        }
    }

    fn count(&self) -> usize {
        1 + self.children().map(Node::count).sum::<usize>()
    }

    fn depth(&self) -> usize {
        1 + self.children().map(Node::depth).max().unwrap_or(0)
    }
}

/// Reads the one document of a config.
pub(crate) fn read(text: &str, problems: &mut Problems) -> Option<Node> {
    read_or(text, "give at least name, code, version, category and actions", problems)
}

/// Reads the one document of `text`. `None` if there is none or it is not
/// YAML, which `problems` then says; `hint` tells what an empty file lacks.
pub(crate) fn read_or(text: &str, hint: &str, problems: &mut Problems) -> Option<Node> {
    match build(text, problems) {
        Ok(Some(root)) if !root.is_null() => Some(root),
        Ok(_) => {
            problems.push(Problem::error(Place::START, "", "the file is empty").hint(hint));
            None
        }
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}

fn build(text: &str, problems: &mut Problems) -> Result<Option<Node>, Problem> {
    let options = options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut tree = Tree::new(problems);
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|error| syntax_problem(&error, text))?;
        tree.take(event, &span)?;
    }
    Ok(tree.root)
}

/// A list or map whose end has not been seen yet.
enum Open {
    List { start: Start, items: Vec<Node> },
    Map { start: Start, entries: Vec<Entry>, key: Option<Key> },
}

/// The beginning of a list or map.
struct Start {
    at: Place,
    byte: usize,
    flow: bool,
    anchor: usize,
}

impl Start {
    fn new(style: StructureStyle, span: &Span, anchor: usize) -> Self {
        let flow = style == StructureStyle::Flow;
        Self { at: place(&span.start), byte: bytes(span).start, flow, anchor }
    }

    /// Brackets end it; without them its last child does.
    fn node(self, content: Content, bracket: usize, last: Option<usize>) -> Node {
        let end = if self.flow { bracket } else { last.unwrap_or(self.byte) };
        Node { at: self.at, span: self.byte..end, flow: self.flow, content }
    }
}

/// A key whose value has not been seen yet.
struct Key {
    text: Scalar,
    at: Place,
    span: Range<usize>,
}

fn bytes(span: &Span) -> Range<usize> {
    // Known for every text that is read from memory.
    let of = |marker: &granit_parser::Marker| marker.byte_offset().unwrap_or_default();
    of(&span.start)..of(&span.end)
}

/// The tree as far as the parser has come.
struct Tree<'p> {
    problems: &'p mut Problems,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
}

impl<'p> Tree<'p> {
    fn new(problems: &'p mut Problems) -> Self {
        Self { problems, open: Vec::new(), anchors: HashMap::new(), nodes: 0, root: None }
    }

    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), Problem> {
        let at = place(&span.start);
        self.check_tag(&event, span)?;
        match event {
            Event::DocumentStart(..) if self.root.is_some() => {
                Err(Problem::error(at, "", "a second document starts here")
                    .hint("keep one document; remove the `---`"))
            }
            Event::Scalar(text, style, anchor, tag) => {
                let scalar =
                    Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain && tag.is_none() };
                let content = Content::Scalar(scalar);
                self.add(Node { at, span: bytes(span), flow: false, content }, anchor)
            }
            Event::SequenceStart(style, anchor, _) => {
                self.open.push(Open::List { start: Start::new(style, span, anchor), items: Vec::new() });
                Ok(())
            }
            Event::MappingStart(style, anchor, _) => {
                let start = Start::new(style, span, anchor);
                self.open.push(Open::Map { start, entries: Vec::new(), key: None });
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => self.finish(bytes(span).end),
            Event::Alias(anchor) => self.unfold(anchor, at, bytes(span)),
            _ => Ok(()),
        }
    }

    fn check_tag(&self, event: &Event<'_>, span: &Span) -> Result<(), Problem> {
        match event.tag() {
            None => Ok(()),
            Some(tag) if tag.is_yaml_core_schema_tag("str") => Ok(()),
            Some(tag) => Err(Problem::error(
                span.tag_start().map_or(place(&span.start), |mark| place(&mark)),
                self.path(),
                format!("the tag `{}` is not understood here", tag.original()),
            )
            .hint("remove it; a text that starts with `!` needs quotes")),
        }
    }

    fn finish(&mut self, bracket: usize) -> Result<(), Problem> {
        match self.open.pop() {
            None => Ok(()),
            Some(Open::List { start, items }) => {
                let (anchor, last) = (start.anchor, items.last().map(|item| item.span.end));
                self.add(start.node(Content::List(items), bracket, last), anchor)
            }
            Some(Open::Map { start, entries, .. }) => {
                let path = self.path();
                let (anchor, last) = (start.anchor, entries.last().map(Entry::end));
                let entries = without_duplicates(entries, &path, self.problems);
                let entries = merged(entries, &path)?;
                self.add(start.node(Content::Map(entries), bracket, last), anchor)
            }
        }
    }

    fn unfold(&mut self, anchor: usize, at: Place, span: Range<usize>) -> Result<(), Problem> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(Problem::error(at, self.path(), "this alias stands inside the node it names"));
        };
        self.nodes += node.count();
        if self.open.len() + node.depth() > 2 * MAX_DEPTH {
            return Err(Problem::error(at, self.path(), "nested too deeply"));
        }
        let content = node.content.clone();
        self.add(Node { at, span, flow: false, content }, 0)
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        self.nodes += 1;
        if anchor != 0 {
            self.nodes += node.count();
        }
        if self.nodes > MAX_NODES {
            let message = format!("the file holds more than {MAX_NODES} values");
            return Err(Problem::error(node.at, self.path(), message));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        self.put(node)
    }

    fn put(&mut self, node: Node) -> Result<(), Problem> {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => match key.take() {
                Some(Key { text, at, span }) => {
                    entries.push(Entry { key: text, key_at: at, key_span: span, value: node });
                }
                None => match node.content {
                    Content::Scalar(text) => *key = Some(Key { text, at: node.at, span: node.span }),
                    _ => return Err(self.unusable_key(node.at)),
                },
            },
        }
        Ok(())
    }

    fn unusable_key(&self, at: Place) -> Problem {
        Problem::error(at, self.path(), "a list or a map cannot be a key")
            .hint("a text that starts with `{` or `[` needs quotes")
    }

    /// Where the parser is, such as `actions.train.tags[1]`.
    fn path(&self) -> String {
        let mut path = String::new();
        for open in &self.open {
            match open {
                Open::List { items, .. } => path.push_str(&format!("[{}]", items.len())),
                Open::Map { key: None, .. } => {}
                Open::Map { key: Some(key), .. } => path = joined(&path, &key.text.text),
            }
        }
        path
    }
}

/// The path of a key of the map at `path`.
pub(crate) fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The entries with the first of each key; the others are problems.
fn without_duplicates(entries: Vec<Entry>, path: &str, problems: &mut Problems) -> Vec<Entry> {
    let mut lines: HashMap<String, usize> = HashMap::new();
    let mut kept = Vec::with_capacity(entries.len());
    for entry in entries {
        match lines.get(&entry.key.text) {
            Some(first) => problems.push(duplicate(&entry, *first, path)),
            None => {
                lines.insert(entry.key.text.clone(), entry.key_at.line);
                kept.push(entry);
            }
        }
    }
    kept
}

fn duplicate(entry: &Entry, first_line: usize, path: &str) -> Problem {
    let key = &entry.key.text;
    Problem::error(
        entry.key_at,
        joined(path, key),
        format!("the key `{key}` is given twice, first on line {first_line}"),
    )
    .hint("keep one of the two")
}

/// Carries out `<<: *other`: the map gets the keys of `other` it has not got.
fn merged(entries: Vec<Entry>, path: &str) -> Result<Vec<Entry>, Problem> {
    let is_merge = |entry: &Entry| entry.key.plain && entry.key.text == "<<";
    let (merges, mut own): (Vec<_>, Vec<_>) = entries.into_iter().partition(is_merge);
    if merges.is_empty() {
        return Ok(own);
    }
    let mut present: HashSet<String> = own.iter().map(|entry| entry.key.text.clone()).collect();
    for merge in merges {
        for entry in merge_sources(merge.value, path)? {
            if present.insert(entry.key.text.clone()) {
                own.push(entry);
            }
        }
    }
    Ok(own)
}

fn merge_sources(value: Node, path: &str) -> Result<Vec<Entry>, Problem> {
    let refused = Problem::error(value.at, joined(path, "<<"), "only a map can be merged in");
    match value.content {
        Content::Map(entries) => Ok(entries),
        Content::List(items) => {
            let maps = items.into_iter().map(|item| match item.content {
                Content::Map(entries) => Ok(entries),
                _ => Err(refused.clone()),
            });
            Ok(maps.collect::<Result<Vec<_>, _>>()?.concat())
        }
        Content::Scalar(_) => Err(refused),
    }
}
