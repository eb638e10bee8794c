//! Where an action lives in the plugin's code.

use std::fmt;
use std::str::FromStr;

/// The path of an action's item, such as `my_plugin::train::TrainAction`.
///
/// `a.b:Item`, `a::b::Item` and `a.b.Item` are read alike.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entrypoint {
    segments: Vec<String>,
}

impl Entrypoint {
    /// The modules from the outermost in, then the item; never empty.
    pub fn segments(&self) -> &[String] {
        &self.segments
    }

    /// The function or type itself.
    pub fn item(&self) -> &str {
        self.segments.last().map_or("", String::as_str)
    }
}

impl fmt::Display for Entrypoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.segments.join("::"))
    }
}

/// Why a text is not an entrypoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntrypointError {
    /// There is no text at all.
    Empty,
    /// A part between two separators is missing.
    EmptySegment,
    /// A part is not an identifier.
    NotAnIdentifier(String),
}

impl fmt::Display for EntrypointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the entrypoint is empty"),
            Self::EmptySegment => f.write_str("a name is missing between two separators"),
            Self::NotAnIdentifier(part) => write!(f, "`{part}` is not an identifier"),
        }
    }
}

impl std::error::Error for EntrypointError {}

impl FromStr for Entrypoint {
    type Err = EntrypointError;

    fn from_str(text: &str) -> Result<Self, EntrypointError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(EntrypointError::Empty);
        }
        let segments = text.replace("::", ".").split(['.', ':']).map(segment).collect::<Result<_, _>>()?;
        Ok(Self { segments })
    }
}

fn segment(part: &str) -> Result<String, EntrypointError> {
    if part.is_empty() {
        return Err(EntrypointError::EmptySegment);
    }
    let mut letters = part.chars();
    let starts_well = letters.next().is_some_and(|c| c.is_alphabetic() || c == '_');
    if starts_well && letters.all(|c| c.is_alphanumeric() || c == '_') {
        Ok(part.to_owned())
    } else {
        Err(EntrypointError::NotAnIdentifier(part.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_spellings_read_alike() {
        for text in ["a.b:Name", "a::b::Name", "a.b.Name", " a::b:Name "] {
            let entrypoint: Entrypoint = text.parse().expect(text);
            assert_eq!(entrypoint.segments(), ["a", "b", "Name"], "{text}");
            assert_eq!(entrypoint.item(), "Name");
            assert_eq!(entrypoint.to_string(), "a::b::Name");
        }
    }

    #[test]
    fn an_item_at_the_crate_root_needs_no_module() {
        let entrypoint: Entrypoint = "greet".parse().expect("an item");
        assert_eq!(entrypoint.segments(), ["greet"]);
    }

    #[test]
    fn malformed_ones_are_refused() {
        let refusal = |text: &str| text.parse::<Entrypoint>().expect_err(text);
        assert_eq!(refusal("  "), EntrypointError::Empty);
        assert_eq!(refusal("a..b"), EntrypointError::EmptySegment);
        assert_eq!(refusal("a.b:"), EntrypointError::EmptySegment);
        assert_eq!(refusal("a:::b"), EntrypointError::EmptySegment);
        assert_eq!(refusal("::a"), EntrypointError::EmptySegment);
        assert_eq!(refusal("a.my-item"), EntrypointError::NotAnIdentifier("my-item".into()));
        assert_eq!(refusal("a b"), EntrypointError::NotAnIdentifier("a b".into()));
        assert_eq!(refusal("3d"), EntrypointError::NotAnIdentifier("3d".into()));
    }
}
