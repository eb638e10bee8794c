//! What a plugin is called: name, code, version, category.

use super::fields::{Field, Fields};
use super::problems::Problems;
use super::scalar::Meaning;
use super::words::Category;
use semver::Version;

/// Empty where the file has nothing usable, which is then a problem.
#[derive(Debug, Default)]
pub(super) struct Identity {
    pub(super) name: String,
    pub(super) code: String,
    pub(super) version: String,
    pub(super) category: Option<Category>,
}

pub(super) fn identity(fields: &mut Fields<'_>, problems: &mut Problems) -> Identity {
    let name = fields.require("name", "My Plugin", problems);
    let name = name.and_then(|field| name_of(&field, problems));
    let code = fields.require("code", "my-plugin", problems);
    let code = code.and_then(|field| code_of(&field, problems));
    let version = fields.require("version", "0.1.0", problems);
    let version = version.and_then(|field| version_of(&field, problems));
    let category = fields.require("category", Category::Custom.as_str(), problems);
    Identity {
        name: name.unwrap_or_default(),
        code: code.unwrap_or_default(),
        version: version.unwrap_or_default(),
        category: category.and_then(|field| field.word(problems)),
    }
}

fn name_of(field: &Field<'_>, problems: &mut Problems) -> Option<String> {
    let name = field.text(problems)?;
    if name.trim().is_empty() {
        problems.push(field.error("the name is empty"));
        return None;
    }
    Some(name)
}

fn code_of(field: &Field<'_>, problems: &mut Problems) -> Option<String> {
    let code = field.text(problems)?;
    if is_code(&code) {
        return Some(code);
    }
    let message =
        format!("`{code}` is not a code: use lower-case letters, digits and, between them, hyphens");
    let hint = nearest_code(&code).map(|slug| format!("for example `{slug}`"));
    problems.push(field.error(message).maybe_hint(hint));
    None
}

/// Whether a plugin can have this code: lower-case letters, digits and, between
/// them, hyphens.
pub(crate) fn is_code(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !text.is_empty() && text.bytes().all(allowed) && !text.starts_with('-') && !text.ends_with('-')
}

/// The code that is nearest to a text, if it has anything for one.
pub(crate) fn nearest_code(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let parts: Vec<&str> = lower
        .split(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .collect();
    (!parts.is_empty()).then(|| parts.join("-"))
}

fn version_of(field: &Field<'_>, problems: &mut Problems) -> Option<String> {
    let scalar = field.scalar("a version", problems)?;
    if Version::parse(&scalar.text).is_ok() {
        return Some(scalar.text.clone());
    }
    let message = match scalar.meaning() {
        Meaning::Integer | Meaning::Float => {
            format!("YAML reads {} as a number, not as a version", scalar.text)
        }
        _ => format!("`{}` is not a semantic version", scalar.text),
    };
    let hint = match nearest_version(&scalar.text) {
        Some(version) => format!("write three numbers, in quotes: \"{version}\""),
        None => "write three numbers, such as 1.2.0 or 1.2.0-beta.1".to_owned(),
    };
    problems.push(field.error(message).hint(hint));
    None
}

/// `v1.02` is most likely meant as `1.2.0`.
fn nearest_version(text: &str) -> Option<String> {
    let numbers: Vec<u64> = text
        .trim()
        .trim_start_matches(['v', 'V'])
        .split('.')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    match numbers[..] {
        [major] => Some(Version::new(major, 0, 0)),
        [major, minor] => Some(Version::new(major, minor, 0)),
        [major, minor, patch] => Some(Version::new(major, minor, patch)),
        _ => None,
    }
    .map(|version| version.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_slugs() {
        for code in ["a", "7", "yolov8", "port-tools", "a--b"] {
            assert!(is_code(code), "{code}");
        }
        for code in ["", "-", "-a", "a-", "A", "a_b", "a b", "é"] {
            assert!(!is_code(code), "{code}");
        }
    }

    #[test]
    fn a_bad_code_has_a_good_neighbour() {
        assert_eq!(nearest_code("My Plugin!"), Some("my-plugin".to_owned()));
        assert_eq!(nearest_code("_b__C_"), Some("b-c".to_owned()));
        assert_eq!(nearest_code("선박"), None);
    }

    #[test]
    fn a_bad_version_has_a_good_neighbour() {
        assert_eq!(nearest_version("1"), Some("1.0.0".to_owned()));
        assert_eq!(nearest_version("1.10"), Some("1.10.0".to_owned()));
        assert_eq!(nearest_version("v1.02.3"), Some("1.2.3".to_owned()));
        assert_eq!(nearest_version("1.2.3.4"), None);
        assert_eq!(nearest_version("latest"), None);
    }
}
