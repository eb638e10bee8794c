//! What was lost or wrong, for people.

use std::fmt::Display;
use std::path::Path;

use synapse_datasets::{Example, Tally};

use crate::cli::output::table;

/// A number with its thousands apart: `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let mut text = digits[..first].to_owned();
    for group in digits.as_bytes()[first..].chunks(3) {
        if !text.is_empty() {
            text.push(',');
        }
        text.extend(group.iter().map(|digit| char::from(*digit)));
    }
    text
}

/// `1 image` or `1,234 images`.
pub(super) fn counted(number: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// A table with a row for each kind: how often, why, and the first place.
pub(super) fn kinds<K: Display>(
    title: &str,
    tallies: &[Tally<K>],
    why: impl Fn(&K) -> &'static str,
    root: &Path,
    columns: Option<usize>,
) -> String {
    let row = |tally: &Tally<K>| {
        let first = tally.examples.first().map(|example| place(example, root)).unwrap_or_default();
        vec![tally.kind.to_string(), grouped(tally.count), why(&tally.kind).to_owned(), first]
    };
    let rows: Vec<Vec<String>> = tallies.iter().map(row).collect();
    table(&[title, "COUNT", "WHY", "FIRST"], &rows, columns)
}

/// Every kind with its cases.
pub(super) fn cases<K: Display>(
    tallies: &[Tally<K>],
    hint: impl Fn(&K) -> &'static str,
    root: &Path,
) -> String {
    let mut text = String::new();
    for tally in tallies {
        text.push_str(&format!("{} × {}: {}\n", grouped(tally.count), tally.kind, hint(&tally.kind)));
        for example in &tally.examples {
            text.push_str(&format!("  {}", place(example, root)));
            if !example.message.is_empty() {
                text.push_str(&format!(": {}", example.message));
            }
            text.push('\n');
        }
        let rest = tally.count - tally.examples.len() as u64;
        if rest > 0 {
            text.push_str(&format!("  and {} more\n", grouped(rest)));
        }
    }
    text
}

/// Where it is, as seen from the dataset.
fn place(example: &Example, root: &Path) -> String {
    let mut place = example.place.clone();
    if let Ok(inner) = place.file.strip_prefix(root)
        && !inner.as_os_str().is_empty()
    {
        place.file = inner.to_owned();
    }
    place.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let texts = [0, 12, 999, 1000, 12_345, 1_234_567].map(grouped);
        assert_eq!(texts, ["0", "12", "999", "1,000", "12,345", "1,234,567"]);
        assert_eq!((counted(1, "image"), counted(2, "image")), ("1 image".to_owned(), "2 images".to_owned()));
    }
}
