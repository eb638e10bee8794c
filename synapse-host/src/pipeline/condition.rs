//! Conditions: `${split.rows} > 100 and not ${inputs.dry_run}`.

use serde_json::Value;

use super::expression::{NoValue, Reference, Scope};

/// When a node runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Any of two.
    Or(Box<Condition>, Box<Condition>),
    /// Both of two.
    And(Box<Condition>, Box<Condition>),
    /// The opposite.
    Not(Box<Condition>),
    /// Two values compared.
    Compare(Operand, Comparison, Operand),
    /// A value that is neither false, null, 0 nor empty.
    Holds(Operand),
}

/// What is compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A value.
    Literal(Value),
    /// What is referred to.
    Reference(Reference),
}

/// How values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

const COMPARISONS: [(&str, Comparison); 6] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::Unequal),
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("<", Comparison::Less),
    (">", Comparison::More),
];

/// How deep parentheses and `not` may nest.
const DEEPEST: usize = 32;

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { rest: text, depth: 0 };
        let condition = reader.or()?;
        match reader.rest.trim() {
            "" => Ok(condition),
            rest => Err(format!("`{rest}` was not expected here")),
        }
    }

    /// Everything it refers to.
    pub fn references(&self) -> Vec<&Reference> {
        let of = |operand: &'_ Operand| matches!(operand, Operand::Reference(_));
        match self {
            Self::Or(left, right) | Self::And(left, right) => {
                [left.references(), right.references()].concat()
            }
            Self::Not(inner) => inner.references(),
            Self::Compare(left, _, right) => {
                [left, right].into_iter().filter(|o| of(o)).filter_map(Operand::reference).collect()
            }
            Self::Holds(operand) => operand.reference().into_iter().collect(),
        }
    }

    /// Whether it holds in `scope`.
    ///
    /// # Errors
    /// It refers to what is not there.
    pub fn holds(&self, scope: &dyn Scope) -> Result<bool, NoValue> {
        Ok(match self {
            Self::Or(left, right) => left.holds(scope)? || right.holds(scope)?,
            Self::And(left, right) => left.holds(scope)? && right.holds(scope)?,
            Self::Not(inner) => !inner.holds(scope)?,
            Self::Compare(left, how, right) => how.compare(&left.value(scope)?, &right.value(scope)?),
            Self::Holds(operand) => is_something(&operand.value(scope)?),
        })
    }
}

impl Operand {
    fn reference(&self) -> Option<&Reference> {
        match self {
            Self::Reference(reference) => Some(reference),
            Self::Literal(_) => None,
        }
    }

    fn value(&self, scope: &dyn Scope) -> Result<Value, NoValue> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Reference(reference) => reference.evaluate(scope),
        }
    }
}

fn is_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

impl Comparison {
    /// Numbers by value, texts by their letters; values of different types are
    /// unequal and in no order.
    fn compare(self, left: &Value, right: &Value) -> bool {
        let order = match (left, right) {
            (Value::Number(left), Value::Number(right)) => {
                left.as_f64().zip(right.as_f64()).and_then(|(left, right)| left.partial_cmp(&right))
            }
            (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
            _ => None,
        };
        let equal = order.map_or_else(|| left == right, std::cmp::Ordering::is_eq);
        match self {
            Self::Equal => equal,
            Self::Unequal => !equal,
            Self::Less => order.is_some_and(std::cmp::Ordering::is_lt),
            Self::AtMost => order.is_some_and(std::cmp::Ordering::is_le),
            Self::More => order.is_some_and(std::cmp::Ordering::is_gt),
            Self::AtLeast => order.is_some_and(std::cmp::Ordering::is_ge),
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn or(&mut self) -> Result<Condition, String> {
        let mut left = self.and()?;
        while self.word("or") {
            left = Condition::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Condition, String> {
        let mut left = self.not()?;
        while self.word("and") {
            left = Condition::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Condition, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("more than {DEEPEST} parentheses and `not`s"));
        }
        let read = if self.word("not") {
            Condition::Not(Box::new(self.not()?))
        } else if self.symbol("(") {
            let inner = self.or()?;
            if !self.symbol(")") {
                return Err("a closing parenthesis is missing".to_owned());
            }
            inner
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(read)
    }

    fn comparison(&mut self) -> Result<Condition, String> {
        let left = self.operand()?;
        let how = COMPARISONS.iter().find(|(symbol, _)| self.symbol(symbol));
        match how {
            Some((_, how)) => Ok(Condition::Compare(left, *how, self.operand()?)),
            None => Ok(Condition::Holds(left)),
        }
    }

    fn operand(&mut self) -> Result<Operand, String> {
        let text = self.rest.trim_start();
        if let Some(inner) = text.strip_prefix("${") {
            let Some(end) = inner.find('}') else {
                return Err(format!("`{text}` has no closing brace"));
            };
            self.rest = &inner[end + 1..];
            return Ok(Operand::Reference(Reference::parse(&inner[..end])?));
        }
        if let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) {
            let Some(end) = text[1..].find(quote) else {
                return Err(format!("`{text}` has no closing quote"));
            };
            self.rest = &text[end + 2..];
            return Ok(Operand::Literal(text[1..=end].into()));
        }
        let end = text.find(|c: char| c.is_whitespace() || "()<>=!".contains(c)).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        self.rest = rest;
        serde_json::from_str(word).map(Operand::Literal).map_err(|_| match word {
            "" => "a value is missing".to_owned(),
            word => format!(
                "`{word}` is no value: write a reference `${{…}}`, a number, true, false or a text in quotes"
            ),
        })
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        let after: Option<&'a str> = self.rest.trim_start().strip_prefix(symbol);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn word(&mut self, word: &str) -> bool {
        let after: Option<&'a str> = self.rest.trim_start().strip_prefix(word);
        let after = after.filter(|rest| rest.starts_with(|c: char| c.is_whitespace() || c == '('));
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::super::expression::Head;
    use super::*;

    struct Results(Value);

    impl Scope for Results {
        fn value(&self, head: &Head) -> Option<&Value> {
            match head {
                Head::Node(name) => self.0.get(name),
                _ => None,
            }
        }
    }

    #[test]
    fn conditions_are_read_as_people_mean_them() {
        let results = Results(json!({ "a": { "n": 3, "name": "iris", "none": null, "list": [1] } }));
        for (text, expected) in [
            ("${a.n} > 2", true),
            ("${a.n}>=3 and ${a.name} == 'iris'", true),
            ("not ${a.n} == 3.0", false),
            ("${a.none} or ${a.list}", true),
            ("not (${a.n} < 2 or ${a.n} == 3)", false),
            ("${a.n} == 1 or ${a.n} == 3 and ${a.name} != \"x\"", true),
            ("${a.name} < 3", false),
            ("true", true),
            ("0", false),
        ] {
            assert_eq!(Condition::parse(text).unwrap().holds(&results), Ok(expected), "{text}");
        }
    }

    #[test]
    fn broken_conditions_say_what_is_wrong() {
        for (text, part) in [
            ("", "a value is missing"),
            ("${a.n} >", "a value is missing"),
            ("yes", "`yes` is no value"),
            ("(true", "closing parenthesis"),
            ("true true", "`true` was not expected"),
            ("${a", "closing brace"),
            ("'a", "closing quote"),
        ] {
            let error = Condition::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(Condition::parse(&"(".repeat(100_000)).is_err());
    }
}
