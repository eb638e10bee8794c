//! Values of a pipeline's file: JSON with `${…}` in it.

use std::fmt;

use serde_json::Value;

/// A value that may refer to inputs and results.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// A value as it stands.
    Literal(Value),
    /// `${…}` alone: what it refers to, with its type.
    Reference(Reference),
    /// A text with `${…}` in it.
    Text(Vec<Piece>),
    /// A list with references in it.
    List(Vec<Expression>),
    /// A map with references in it.
    Map(Vec<(String, Expression)>),
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Text.
    Text(String),
    /// What a reference gives, as text.
    Reference(Reference),
}

/// `${a.b ?? c.d}`: the first that there is.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// One path, or several.
    pub paths: Vec<Path>,
}

/// `train.metrics.loss`.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// What is referred to.
    pub head: Head,
    /// Fields and positions within.
    pub rest: Vec<String>,
}

/// What a path begins with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Head {
    /// `inputs.NAME`
    Input(String),
    /// The name of a node: its result.
    Node(String),
    /// `item`: of a fan-out, the element this is for.
    Item,
    /// `index`: of a fan-out, from 0.
    Index,
    /// `run.id` and `run.dir`.
    Run(String),
}

impl Expression {
    /// Reads a JSON value in which texts may hold `${…}`.
    ///
    /// # Errors
    /// What is wrong with a reference.
    pub fn parse(value: Value) -> Result<Self, String> {
        Ok(match value {
            Value::String(text) => parse_text(&text)?,
            Value::Array(items) => {
                let items = items.into_iter().map(Self::parse).collect::<Result<Vec<_>, _>>()?;
                match items.iter().map(Self::literal).collect::<Option<Vec<_>>>() {
                    Some(values) => Self::Literal(Value::Array(values.into_iter().cloned().collect())),
                    None => Self::List(items),
                }
            }
            Value::Object(fields) => {
                let parsed = fields.into_iter().map(|(name, value)| Ok((name, Self::parse(value)?)));
                let parsed = parsed.collect::<Result<Vec<_>, String>>()?;
                let literal =
                    parsed.iter().map(|(name, value)| Some((name.clone(), value.literal()?.clone())));
                match literal.collect::<Option<serde_json::Map<_, _>>>() {
                    Some(fields) => Self::Literal(Value::Object(fields)),
                    None => Self::Map(parsed),
                }
            }
            other => Self::Literal(other),
        })
    }

    /// The value, if it refers to nothing.
    pub fn literal(&self) -> Option<&Value> {
        match self {
            Self::Literal(value) => Some(value),
            _ => None,
        }
    }

    /// Everything it refers to.
    pub fn references(&self) -> Vec<&Reference> {
        match self {
            Self::Literal(_) => Vec::new(),
            Self::Reference(reference) => vec![reference],
            Self::Text(pieces) => {
                let of = |piece: &'_ Piece| matches!(piece, Piece::Reference(_));
                let pieces = pieces.iter().filter(|piece| of(piece));
                pieces
                    .filter_map(|piece| match piece {
                        Piece::Reference(reference) => Some(reference),
                        Piece::Text(_) => None,
                    })
                    .collect()
            }
            Self::List(items) => items.iter().flat_map(Self::references).collect(),
            Self::Map(fields) => fields.iter().flat_map(|(_, value)| value.references()).collect(),
        }
    }
}

fn parse_text(text: &str) -> Result<Expression, String> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            plain.push_str(&rest[..at - 1]);
            plain.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        plain.push_str(&rest[..at]);
        let Some(end) = rest[at..].find('}') else {
            return Err(format!("`{}` has no closing brace", &rest[at..]));
        };
        let reference = Reference::parse(&rest[at + 2..at + end])?;
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(Piece::Reference(reference));
        rest = &rest[at + end + 1..];
    }
    plain.push_str(rest);
    Ok(match (pieces.len(), plain.is_empty()) {
        (0, _) => Expression::Literal(Value::String(plain)),
        (1, true) => match pieces.swap_remove(0) {
            Piece::Reference(reference) => Expression::Reference(reference),
            Piece::Text(text) => Expression::Literal(Value::String(text)),
        },
        (_, empty) => {
            if !empty {
                pieces.push(Piece::Text(plain));
            }
            Expression::Text(pieces)
        }
    })
}

impl Reference {
    /// Reads what stands between the braces.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let paths = text.split("??").map(|path| Path::parse(path.trim()));
        Ok(Self { paths: paths.collect::<Result<_, _>>()? })
    }
}

impl Path {
    fn parse(text: &str) -> Result<Self, String> {
        let normal = text.replace('[', ".").replace(']', "");
        let mut parts = normal.split('.').map(|part| part.trim().to_owned());
        let head = parts.next().unwrap_or_default();
        let mut rest: Vec<String> = parts.collect();
        if head.is_empty() || rest.iter().any(String::is_empty) || text.contains(char::is_whitespace) {
            return Err(format!(
                "`${{{text}}}` is no reference; write `${{inputs.NAME}}` or `${{NODE.FIELD}}`"
            ));
        }
        let of_name = |rest: &mut Vec<String>| match rest.is_empty() {
            true => Err(format!("`${{{text}}}` names nothing; write `${{{head}.NAME}}`")),
            false => Ok(rest.remove(0)),
        };
        let head = match head.as_str() {
            "inputs" => Head::Input(of_name(&mut rest)?),
            "run" => Head::Run(of_name(&mut rest)?),
            "item" => Head::Item,
            "index" => Head::Index,
            _ => Head::Node(head),
        };
        Ok(Self { head, rest })
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.head {
            Head::Input(name) => write!(f, "inputs.{name}")?,
            Head::Run(name) => write!(f, "run.{name}")?,
            Head::Node(name) => f.write_str(name)?,
            Head::Item => f.write_str("item")?,
            Head::Index => f.write_str("index")?,
        }
        self.rest.iter().try_for_each(|part| write!(f, ".{part}"))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths: Vec<_> = self.paths.iter().map(Path::to_string).collect();
        write!(f, "${{{}}}", paths.join(" ?? "))
    }
}

/// Where values come from while a pipeline runs.
pub trait Scope {
    /// The value of `head`; `None` when its node was skipped.
    fn value(&self, head: &Head) -> Option<&Value>;
}

/// Why an expression has no value.
#[derive(Debug, PartialEq)]
pub enum NoValue {
    /// What it refers to was skipped.
    Skipped(String),
    /// There is no such field.
    Missing(String),
}

impl Expression {
    /// The value in `scope`.
    ///
    /// # Errors
    /// It refers to what is not there.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, NoValue> {
        Ok(match self {
            Self::Literal(value) => value.clone(),
            Self::Reference(reference) => reference.evaluate(scope)?,
            Self::Text(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Text(plain) => text.push_str(plain),
                        Piece::Reference(reference) => match reference.evaluate(scope)? {
                            Value::String(value) => text.push_str(&value),
                            other => text.push_str(&other.to_string()),
                        },
                    }
                }
                Value::String(text)
            }
            Self::List(items) => items.iter().map(|item| item.evaluate(scope)).collect::<Result<_, _>>()?,
            Self::Map(fields) => {
                let fields = fields.iter().map(|(name, value)| Ok((name.clone(), value.evaluate(scope)?)));
                Value::Object(fields.collect::<Result<_, NoValue>>()?)
            }
        })
    }
}

impl Reference {
    /// The first of its paths that there is.
    ///
    /// # Errors
    /// There is none.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, NoValue> {
        let mut why = None;
        for path in &self.paths {
            match path.evaluate(scope) {
                Ok(value) => return Ok(value),
                Err(no) => why = Some(no),
            }
        }
        Err(why.unwrap_or_else(|| NoValue::Missing(self.to_string())))
    }
}

impl Path {
    fn evaluate(&self, scope: &dyn Scope) -> Result<Value, NoValue> {
        let Some(mut value) = scope.value(&self.head) else {
            return Err(NoValue::Skipped(self.to_string()));
        };
        for (index, part) in self.rest.iter().enumerate() {
            let inner = match value {
                Value::Object(fields) => fields.get(part),
                Value::Array(items) => match part.parse::<usize>() {
                    Ok(position) => items.get(position),
                    // A field of a list is the list of that field.
                    Err(_) => return self.of_each(items, index),
                },
                _ => None,
            };
            value = inner.ok_or_else(|| NoValue::Missing(self.to_string()))?;
        }
        Ok(value.clone())
    }

    fn of_each(&self, items: &[Value], from: usize) -> Result<Value, NoValue> {
        let pointer: String = self.rest[from..].iter().map(|part| format!("/{part}")).collect();
        let values = items.iter().map(|item| item.pointer(&pointer).cloned());
        values.collect::<Option<Vec<_>>>().map(Value::Array).ok_or_else(|| NoValue::Missing(self.to_string()))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    struct One(Value);

    impl Scope for One {
        fn value(&self, head: &Head) -> Option<&Value> {
            match head {
                Head::Node(name) if name == "skipped" => None,
                _ => Some(&self.0),
            }
        }
    }

    fn value(text: Value, of: Value) -> Result<Value, NoValue> {
        Expression::parse(text).unwrap().evaluate(&One(of))
    }

    #[test]
    fn a_reference_alone_keeps_its_type_and_one_in_a_text_is_text() {
        let result = json!({ "n": 3, "path": "a/b", "list": [{ "x": 1 }, { "x": 2 }] });
        assert_eq!(value(json!("${a.n}"), result.clone()), Ok(json!(3)));
        assert_eq!(value(json!("${a.path}/n${a.n}"), result.clone()), Ok(json!("a/b/n3")));
        assert_eq!(value(json!({ "k": ["${a.n}", 1] }), result.clone()), Ok(json!({ "k": [3, 1] })));
        assert_eq!(value(json!("${a.list.x}"), result.clone()), Ok(json!([1, 2])));
        assert_eq!(value(json!("${a.list[1].x}"), result.clone()), Ok(json!(2)));
        assert_eq!(value(json!("${skipped.n ?? a.n}"), result.clone()), Ok(json!(3)));
        assert_eq!(value(json!("$${a.n}"), result), Ok(json!("${a.n}")));
    }

    #[test]
    fn what_is_not_there_is_told_apart_from_what_was_skipped() {
        assert_eq!(value(json!("${a.n}"), json!({})), Err(NoValue::Missing("a.n".to_owned())));
        assert_eq!(value(json!("${skipped.n}"), json!({})), Err(NoValue::Skipped("skipped.n".to_owned())));
    }

    #[test]
    fn broken_references_say_what_to_write() {
        for text in ["${}", "${a..b}", "${a b}", "${a.b", "${inputs}"] {
            let error = Expression::parse(json!(text)).unwrap_err();
            assert!(error.contains("write") || error.contains("closing brace"), "{error}");
        }
    }
}
