//! Text from elsewhere, made safe to show, and its width in columns.

use std::borrow::Cow;

use anstream::adapter::strip_str;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// `text` without anything that could move the cursor, change colours or
/// reorder what stands around it. Escape sequences go, other control
/// characters are spelled out, line breaks of any kind become `\n`.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| c != '\n' && is_control(c)) {
        return Cow::Borrowed(text);
    }
    let stripped = strip_str(text).to_string().replace("\r\n", "\n");
    let mut clean = String::with_capacity(stripped.len());
    for c in stripped.chars() {
        match c {
            '\n' | '\r' => clean.push('\n'),
            '\t' => clean.push_str("    "),
            c if is_control(c) => clean.extend(c.escape_unicode()),
            c => clean.push(c),
        }
    }
    Cow::Owned(clean)
}

/// [`clean`]ed text on one line.
pub(crate) fn one_line(text: &str) -> String {
    clean(text).trim_end_matches('\n').replace('\n', " ")
}

/// Besides the control characters of C0 and C1: Unicode's own line breaks and
/// the marks that change the direction of text.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// How many columns `text` takes.
pub(super) fn width(text: &str) -> usize {
    // Most text, and much faster.
    let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if is_plain { text.len() } else { text.width() }
}

/// `text` in at most `max` columns, ending in `mark` where something was cut off.
pub(super) fn cut<'a>(text: &'a str, max: usize, mark: &str) -> Cow<'a, str> {
    if width(text) <= max {
        return Cow::Borrowed(text);
    }
    let mark = if width(mark) <= max { mark } else { "" };
    let mut left = max - width(mark);
    let fits = |c: &char| {
        let columns = c.width().unwrap_or(0);
        let fits = columns <= left;
        left = left.saturating_sub(columns);
        fits
    };
    let kept: String = text.chars().take_while(fits).collect();
    Cow::Owned(kept + mark)
}

/// `text` followed by spaces up to `columns`.
pub(super) fn pad(text: &str, columns: usize) -> String {
    let spaces = columns.saturating_sub(width(text));
    format!("{text}{:spaces$}", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_reaches_the_terminal_as_a_command() {
        assert_eq!(clean("\x1b[31mred\x1b[0m, \x1b]0;title\x07plain"), "red, plain");
        assert_eq!(clean("\x1b[2Jcleared\x08\x07"), "cleared");
        assert_eq!(clean("a\u{9b}2Jb"), "a\\u{9b}2Jb");
        assert_eq!(clean("safe\u{202e}txt.exe"), "safe\\u{202e}txt.exe");
        assert_eq!(clean("10 %\r20 %\r\nend\tof\nit"), "10 %\n20 %\nend    of\nit");
    }

    #[test]
    fn ordinary_text_of_any_script_is_left_alone() {
        let text = "Größe 训练 👩‍🔬\nnext";
        assert!(matches!(clean(text), Cow::Borrowed(same) if same == text));
    }

    #[test]
    fn text_is_cut_by_columns_not_by_bytes() {
        assert_eq!(cut("accuracy", 8, "…"), "accuracy");
        assert_eq!(cut("accuracy", 5, "…"), "accu…");
        assert_eq!(cut("训练完成", 5, "…"), "训练…");
        assert_eq!(cut("训练完成", 6, "…"), "训练…");
        assert_eq!(cut("abc", 2, "..."), "ab");
    }
}
