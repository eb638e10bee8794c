//! What is wrong with a config, and where.

use std::fmt::{self, Write};

/// A line and a column of a text file, both counted from 1; columns count
/// characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Place {
    pub(crate) const START: Place = Place { line: 1, column: 1 };
}

/// Whether a config with this problem can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The config is refused.
    Error,
    /// The config is used all the same.
    Warning,
}

/// One thing wrong with a config file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whether the config is refused for it.
    pub severity: Severity,
    /// Line of the file, from 1.
    pub line: usize,
    /// Character of the line, from 1.
    pub column: usize,
    /// The key it is about, such as `actions.train.method`; empty where it is
    /// about the file as a whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Problem {
    pub(crate) fn error(at: Place, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, at, path.into(), message.into())
    }

    pub(crate) fn warning(at: Place, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, at, path.into(), message.into())
    }

    fn new(severity: Severity, at: Place, path: String, message: String) -> Self {
        Self { severity, line: at.line, column: at.column, path, message, hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }
}

/// Collects problems while a config is read.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    pub(crate) fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.0.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// All problems, from the top of the file to its end.
    pub(crate) fn sorted(mut self) -> Vec<Problem> {
        self.0.sort_by_key(|problem| (problem.line, problem.column));
        self.0
    }
}

/// The problems as text for people: a line `file:line:column: key: message`
/// for each, followed by its hint. Warnings say that they are warnings.
pub fn render(problems: &[Problem], file: &str) -> String {
    let mut text = String::new();
    for problem in problems {
        render_one(problem, file, &mut text);
    }
    text
}

fn render_one(problem: &Problem, file: &str, text: &mut String) {
    let Problem { line, column, .. } = problem;
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{file}:{line}:{column}: {problem}");
}

/// `key: message`, and on a second line the hint.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "",
            Severity::Warning => "warning: ",
        };
        let separator = if self.path.is_empty() { "" } else { ": " };
        write!(f, "{severity}{}{separator}{}", self.path, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_printed_one_a_line_with_their_hints() {
        let at = Place { line: 7, column: 3 };
        let problems = [
            Problem::error(at, "actions.train.method", "`jb` is not one of job, task")
                .hint("did you mean `job`?"),
            Problem::warning(Place::START, "", "something to know"),
        ];
        assert_eq!(
            render(&problems, "dir/config.yaml"),
            "dir/config.yaml:7:3: actions.train.method: `jb` is not one of job, task\n\
             \x20 hint: did you mean `job`?\n\
             dir/config.yaml:1:1: warning: something to know\n"
        );
    }
}
