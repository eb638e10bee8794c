//! `pattern`: regular expressions, as ECMA 262 has them.
//!
//! The engine that searches for them is linked only into plugins that use it:
//! a plugin without a pattern stays smaller. `#[param(pattern = "…")]` installs
//! it by itself.

mod ecma;

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::OnceLock;

use super::compile::unsupported;
use super::place::Place;
use crate::errors::Result;

type Search = Box<dyn Fn(&str) -> bool + Send + Sync + UnwindSafe + RefUnwindSafe>;

/// Makes a search of a pattern, or says why it cannot.
type Engine = fn(&str) -> std::result::Result<Search, String>;

static ENGINE: OnceLock<Engine> = OnceLock::new();

/// Makes patterns in schemas work, in this program or plugin. Calling it again
/// does nothing.
///
/// ```
/// use synapse_sdk::prelude::*;
/// use synapse_sdk::schema::{self, Schema};
///
/// schema::pattern::enable();
/// let schema = Schema::compile(&json!({ "pattern": "^[a-z]+$" }))?;
/// assert_eq!(schema.check(&json!("name")), []);
/// assert_eq!(schema.check(&json!("Name"))[0].rule, "pattern");
/// # Ok::<(), PluginError>(())
/// ```
pub fn enable() {
    ENGINE.get_or_init(|| search);
}

/// Gives `text` back and [enables](enable) patterns: for schemas that are made
/// by hand, at the place where the pattern is put in.
///
/// ```
/// use synapse_sdk::prelude::*;
/// use synapse_sdk::schema::pattern::pattern;
///
/// let schema = json!({ "type": "string", "pattern": pattern("^[a-z]+$") });
/// assert_eq!(schema["pattern"], "^[a-z]+$");
/// ```
pub fn pattern(text: &'static str) -> &'static str {
    enable();
    text
}

fn search(pattern: &str) -> std::result::Result<Search, String> {
    let translated = ecma::translated(pattern)?;
    let regex = regex_lite::Regex::new(&translated).map_err(|error| error.to_string())?;
    Ok(Box::new(move |text| regex.is_match(text)))
}

/// A compiled pattern.
pub(super) struct Pattern {
    pub(super) text: String,
    search: Search,
}

impl Pattern {
    pub(super) fn compile(text: &str, place: &Place<'_>) -> Result<Self> {
        let refused =
            |why: &str| Err(unsupported(place, &format!("the pattern `{text}` cannot be used: {why}")));
        let search = match (whole_numbers(text), ENGINE.get()) {
            (Some(search), _) => search,
            (None, Some(engine)) => match engine(text) {
                Ok(search) => search,
                Err(why) => return refused(&why),
            },
            (None, None) => {
                return refused(
                    "patterns are not enabled; write `#[param(pattern = \"…\")]`, \
                     or call `synapse_sdk::schema::pattern::enable()` first",
                );
            }
        };
        Ok(Self { text: text.to_owned(), search })
    }

    /// Whether the pattern is found somewhere in `text`.
    pub(super) fn is_in(&self, text: &str) -> bool {
        (self.search)(text)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Pattern").field(&self.text).finish()
    }
}

/// The names in maps with numbers as keys, whose schemas nobody writes by hand:
/// they need no engine.
fn whole_numbers(pattern: &str) -> Option<Search> {
    fn are_digits(text: &str) -> bool {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
    }
    match pattern {
        r"^\d+$" => Some(Box::new(are_digits)),
        r"^-?\d+$" => Some(Box::new(|text| are_digits(text.strip_prefix('-').unwrap_or(text)))),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
