//! Colours and marks, as far as the reader's device has them.

use std::fmt::Display;

use anstyle::{AnsiColor, Effects, Style};
use synapse_sdk::events::Level;

pub(crate) const PLAIN: Style = Style::new();
pub(crate) const DIM: Style = Style::new().effects(Effects::DIMMED);
pub(crate) const BOLD: Style = Style::new().effects(Effects::BOLD);
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
pub(super) const FATAL: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);
pub(crate) const ACCENT: Style = AnsiColor::Cyan.on_default();

/// What may be written to a device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) color: bool,
    pub(crate) unicode: bool,
}

/// Characters that stand for something.
pub(crate) struct Marks {
    pub(crate) success: &'static str,
    pub(crate) warning: &'static str,
    pub(crate) failure: &'static str,
    pub(super) info: &'static str,
    pub(super) debug: &'static str,
    /// Between values of one line, with its spaces.
    pub(crate) between: &'static str,
    /// Where text was cut off.
    pub(super) cut: &'static str,
    pub(crate) bar_done: &'static str,
    pub(super) bar_half: &'static str,
    pub(crate) bar_open: &'static str,
}

const UNICODE: Marks = Marks {
    success: "✓",
    warning: "!",
    failure: "✗",
    info: "·",
    debug: "·",
    between: " · ",
    cut: "…",
    bar_done: "━",
    bar_half: "╸",
    bar_open: "─",
};

const ASCII: Marks = Marks {
    success: "+",
    warning: "!",
    failure: "x",
    info: "-",
    debug: "-",
    between: ", ",
    cut: "...",
    bar_done: "#",
    bar_half: "-",
    bar_open: ".",
};

impl Look {
    pub(crate) fn marks(self) -> &'static Marks {
        if self.unicode { &UNICODE } else { &ASCII }
    }

    pub(crate) fn paint(self, style: Style, text: impl Display) -> String {
        if self.color && style != PLAIN { format!("{style}{text}{style:#}") } else { text.to_string() }
    }

    /// The mark of a level and the style of mark and text.
    pub(super) fn of_level(self, level: Level) -> (&'static str, Style) {
        let marks = self.marks();
        match level {
            Level::Debug => (marks.debug, DIM),
            Level::Info => (marks.info, PLAIN),
            Level::Success => (marks.success, GOOD),
            Level::Warning => (marks.warning, WARN),
            Level::Danger | Level::Error => (marks.failure, BAD),
            Level::Critical => (marks.failure, FATAL),
        }
    }
}

/// Whether the locale of this process is a UTF-8 one.
pub(super) fn utf8_locale() -> bool {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG"));
    locale.is_some_and(|locale| names_utf8(&locale))
}

fn names_utf8(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_utf8_locales_get_unicode() {
        assert!(names_utf8("C.UTF-8") && names_utf8("de_DE.utf8"));
        assert!(!names_utf8("C") && !names_utf8("de_DE.ISO-8859-1"));
    }

    #[test]
    fn colour_is_written_only_where_allowed() {
        let look = |color| Look { color, unicode: true };
        assert_eq!(look(true).paint(GOOD, "fine"), "\x1b[32mfine\x1b[0m");
        assert_eq!(look(false).paint(GOOD, "fine"), "fine");
    }
}
