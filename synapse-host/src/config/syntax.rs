//! What the parser says of text that is not YAML, in our terms.

use super::problems::{Place, Problem};
use granit_parser::{ErrorKind, Marker, ScanError};

pub(crate) fn place(marker: &Marker) -> Place {
    Place { line: marker.line().max(1), column: marker.col() + 1 }
}

pub(crate) fn syntax_problem(error: &ScanError, text: &str) -> Problem {
    let at = place(error.marker());
    // A tab that follows a text is noticed at the end of the line before.
    let last = match error.kind() {
        ErrorKind::TabInPlainScalar => at.line + 1,
        _ => at.line,
    };
    if let Some(tab_at) = (at.line..=last).find_map(|line| indenting_tab(text, line)) {
        return Problem::error(tab_at, "", "a tab indents this line").hint("YAML allows only spaces there");
    }
    let problem = Problem::error(at, "", format!("not YAML: {}", error.info()));
    problem.maybe_hint(syntax_hint(error.kind()).map(str::to_owned))
}

/// Looked for in the text, since the parser often complains of what the tab
/// leads to rather than of the tab.
fn indenting_tab(text: &str, line: usize) -> Option<Place> {
    let content = text.lines().nth(line - 1)?;
    let indentation = content.len() - content.trim_start_matches([' ', '\t']).len();
    let tab = content[..indentation].find('\t')?;
    Some(Place { line, column: tab + 1 })
}

fn syntax_hint(kind: &ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => {
            Some("check the indentation; a text with `: ` in it needs quotes")
        }
        ErrorKind::UnclosedQuotedScalar => Some("a closing quote is missing"),
        ErrorKind::UnknownAnchor => Some("a text that starts with `*` needs quotes"),
        ErrorKind::UnexpectedCharacter { .. } => Some("a text that starts with this character needs quotes"),
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInPlainScalar => Some("use spaces instead of tabs"),
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::InvalidIndentation
        | ErrorKind::SimpleKeyExpected
        | ErrorKind::InvalidSimpleKey => Some("check the indentation, and that each key is followed by `: `"),
        _ => None,
    }
}
