//! Names and texts as a form shows them.

use serde_json::Value;

/// `batch_size` as "Batch Size": a letter after a letter is small, any other is
/// a capital.
pub(super) fn title_case(name: &str) -> String {
    let mut title = String::with_capacity(name.len());
    let mut after_letter = false;
    for character in name.chars().map(|character| if character == '_' { ' ' } else { character }) {
        if after_letter {
            title.extend(character.to_lowercase());
        } else {
            title.extend(character.to_uppercase());
        }
        after_letter = character.is_lowercase() || character.is_uppercase();
    }
    title
}

/// A description with one line for each paragraph.
pub(super) fn one_line_each(description: &str) -> String {
    let mut paragraphs: Vec<String> = vec![String::new()];
    for line in description.lines().map(str::trim) {
        let Some(last) = paragraphs.last_mut() else { continue };
        match (line.is_empty(), last.is_empty()) {
            (true, true) => {}
            (true, false) => paragraphs.push(String::new()),
            (false, true) => last.push_str(line),
            (false, false) => {
                last.push(' ');
                last.push_str(line);
            }
        }
    }
    paragraphs.join("\n").trim_end().to_owned()
}

/// A scalar without quotes.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
