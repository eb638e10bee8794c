//! `data.yaml` as YOLO datasets have it: a tree of texts.

use crate::error::{Error, ErrorKind};
use crate::problem::Place;
use granit_parser::{Event, Parser, options};
use std::path::Path;

/// No dataset nests its file deeper.
const MAX_DEPTH: usize = 32;

/// What a value is. Scalars stay text: a class may be called `yes` or `1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    /// The value of a key, if this is a map that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match self {
            Self::Map(entries) => entries.iter().find(|entry| entry.0 == key).map(|entry| &entry.1),
            _ => None,
        }
    }

    /// The text, if it is one that is not empty.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) if !text.is_empty() && text != "~" && text != "null" => Some(text),
            _ => None,
        }
    }

    /// The text, or those of the list.
    pub(crate) fn texts(&self) -> Vec<&str> {
        match self {
            Self::List(items) => items.iter().filter_map(Self::text).collect(),
            _ => self.text().into_iter().collect(),
        }
    }

    /// The list, as whole numbers.
    pub(crate) fn numbers(&self) -> Option<Vec<u32>> {
        match self {
            Self::List(items) => items.iter().map(|item| item.text()?.trim().parse().ok()).collect(),
            _ => None,
        }
    }
}

enum Open {
    List(Vec<Node>),
    Map(Vec<(String, Node)>, Option<String>),
}

/// The value of a YAML file. `path` is for messages.
pub(crate) fn parse(text: &str, path: &Path) -> Result<Node, Error> {
    let options = options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut open: Vec<Open> = Vec::new();
    for next in Parser::new_from_str_with_options(text.trim_start_matches('\u{feff}'), options) {
        let (event, span) = next.map_err(|error| {
            let line = error.marker().line().max(1) as u64;
            invalid(path, line, &format!("not YAML: {}", error.info()))
        })?;
        let line = span.start.line().max(1) as u64;
        let done = match event {
            Event::Scalar(text, ..) => Node::Text(text.into_owned()),
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Map(Vec::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(items)) => Node::List(items),
                Some(Open::Map(entries, _)) => Node::Map(entries),
                None => continue,
            },
            // A copy of a copy of a copy is how a small file grows without end.
            Event::Alias(_) => return Err(invalid(path, line, "aliases are not understood here")),
            _ => continue,
        };
        match open.last_mut() {
            None => return Ok(done),
            Some(Open::List(items)) => items.push(done),
            Some(Open::Map(entries, key)) => match (key.take(), done) {
                (Some(key), value) => entries.push((key, value)),
                (None, Node::Text(text)) => *key = Some(text),
                (None, _) => return Err(invalid(path, line, "a list or a map cannot be a key")),
            },
        }
    }
    Ok(Node::Map(Vec::new()))
}

fn invalid(path: &Path, line: u64, message: &str) -> Error {
    Error::new(ErrorKind::Data(crate::ProblemKind::Malformed), message).at(Place::line(path, line))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_list_or_map() {
        let node = parse(
            "path: .\nnames:\n  0: yes\n  1: it's\ntrain: [a, b]\nkpt_shape: [17, 3]\n",
            Path::new("x"),
        )
        .unwrap();
        assert_eq!(
            node.get("names"),
            Some(&Node::Map(vec![
                ("0".into(), Node::Text("yes".into())),
                ("1".into(), Node::Text("it's".into())),
            ]))
        );
        assert_eq!(node.get("train").unwrap().texts(), ["a", "b"]);
        assert_eq!(node.get("kpt_shape").unwrap().numbers(), Some(vec![17, 3]));
    }

    #[test]
    fn what_could_grow_is_refused_with_its_line() {
        let error = parse("a: &x [1]\nb: *x\n", Path::new("data.yaml")).unwrap_err();
        assert_eq!(error.place().unwrap().line, Some(2));
    }
}
