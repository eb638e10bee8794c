//! Patterns mean the same in a form, in a program of another language and in
//! the check here: they stay within what ECMA 262 and `regex-lite` share.

/// Why a pattern is refused; `None` when it is fine.
pub(super) fn fault(pattern: &str) -> Option<String> {
    let faults = Scan { rest: pattern.chars().collect(), place: 0 }.run();
    faults.or_else(|| regex_lite::Regex::new(pattern).err().map(|error| error.to_string()))
}

/// Walks a pattern. What `regex-lite` itself refuses is left to it, except
/// where it could say more.
struct Scan {
    rest: Vec<char>,
    place: usize,
}

impl Scan {
    fn run(mut self) -> Option<String> {
        // Whether something stands before that can be repeated.
        let mut repeatable = false;
        while let Some(c) = self.next() {
            repeatable = match c {
                '\\' => match self.escape() {
                    Err(fault) => return Some(fault),
                    Ok(assertion) => !assertion,
                },
                '[' => match self.class() {
                    Some(fault) => return Some(fault),
                    None => true,
                },
                '(' => match self.group() {
                    Some(fault) => return Some(fault),
                    None => false,
                },
                '*' | '+' | '?' if !repeatable => return Some(nothing_to_repeat(c)),
                '{' if !repeatable => return Some("`{` alone is written `\\{`".to_owned()),
                '{' => match self.count() {
                    Some(fault) => return Some(fault),
                    None => self.after_repetition(),
                },
                '*' | '+' | '?' => self.after_repetition(),
                '}' | ']' => return Some(format!("`{c}` alone is written `\\{c}`")),
                '^' | '$' | '|' => false,
                _ => true,
            };
        }
        None
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek(0);
        self.place += usize::from(c.is_some());
        c
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.rest.get(self.place + ahead).copied()
    }

    /// A repetition may be made lazy, and not repeated.
    fn after_repetition(&mut self) -> bool {
        if self.peek(0) == Some('?') {
            self.place += 1;
        }
        false
    }

    /// Behind `\`; tells whether it stands for a place instead of a character.
    fn escape(&mut self) -> Result<bool, String> {
        let Some(c) = self.next() else {
            return Err("`\\` at the end is written `\\\\`".to_owned());
        };
        match c {
            'b' | 'B' if self.peek(0) == Some('{') => Err(unshared(&format!("`\\{c}{{…}}`"), None)),
            'b' | 'B' => Ok(true),
            'x' | 'u' if self.peek(0) == Some('{') => {
                Err(unshared(&format!("`\\{c}{{…}}`"), Some("write the character itself")))
            }
            'd' | 'D' | 'w' | 'W' | 's' | 'S' | 'n' | 'r' | 't' | 'f' | 'v' | 'x' | 'u' => Ok(false),
            '0' => Err(unshared("`\\0`", Some("write `\\x00`"))),
            '1'..='9' => Err(unshared(&format!("the back-reference `\\{c}`"), None)),
            'k' => Err(unshared("the back-reference `\\k`", None)),
            'A' => Err(unshared("`\\A`", Some("write `^`"))),
            'z' | 'Z' => Err(unshared(&format!("`\\{c}`"), Some("write `$`"))),
            'p' | 'P' => {
                Err(unshared(&format!("the class `\\{c}{{…}}`"), Some("list the characters: `[a-zA-Z]`")))
            }
            '<' | '>' => Err(unshared(&format!("`\\{c}`"), Some("write `\\b`"))),
            c if "^$\\.*+?()[]{}|/-".contains(c) => Ok(false),
            c if c.is_ascii_alphanumeric() => Err(format!("there is no escape `\\{c}`")),
            c => Err(format!("`\\{c}` is written `{c}`")),
        }
    }

    fn class(&mut self) -> Option<String> {
        if self.peek(0) == Some('^') {
            self.place += 1;
        }
        if self.peek(0) == Some(']') {
            return Some("a class begins with a character; `]` in it is written `\\]`".to_owned());
        }
        while let Some(c) = self.next() {
            match (c, self.peek(0)) {
                (']', _) => return None,
                ('\\', Some('b' | 'B')) => return Some("`\\b` has no meaning in a class".to_owned()),
                ('\\', _) => {
                    if let Err(fault) = self.escape() {
                        return Some(fault);
                    }
                }
                ('[', Some(':')) => {
                    let advice = Some("list the characters: `[a-z]`, or write `\\w`, `\\d`, `\\s`");
                    return Some(unshared("a named class such as `[:alpha:]`", advice));
                }
                ('[', _) => return Some("`[` in a class is written `\\[`".to_owned()),
                ('&' | '-' | '~', Some(next)) if next == c => {
                    return Some(unshared(&format!("the class operation `{c}{c}`"), None));
                }
                _ => {}
            }
        }
        Some("a class is not closed: `]` is missing".to_owned())
    }

    /// Behind `(`.
    fn group(&mut self) -> Option<String> {
        if self.peek(0) != Some('?') {
            return None;
        }
        match (self.peek(1), self.peek(2)) {
            (Some(':'), _) => {
                self.place += 2;
                None
            }
            (Some('=' | '!'), _) => {
                Some(unshared("look-ahead", Some("a check in code can do it: `check = …`")))
            }
            (Some('<'), Some('=' | '!')) => {
                Some(unshared("look-behind", Some("a check in code can do it: `check = …`")))
            }
            (Some('<'), _) => {
                self.place += 2;
                while self.next().is_some_and(|c| c != '>') {}
                None
            }
            (Some('P'), _) => Some(unshared("`(?P<name>…)`", Some("write `(…)`"))),
            _ => Some(unshared("a flag such as `(?i)`", Some("list the characters: `[aA]`"))),
        }
    }

    /// Behind `{`: `3}`, `3,}` or `3,5}`.
    fn count(&mut self) -> Option<String> {
        let start = self.place;
        while self.next().is_some_and(|c| c != '}') {}
        let count: String = self.rest[start..self.place].iter().collect();
        let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
        let inner = count.strip_suffix('}').unwrap_or_default();
        let fine = match inner.split_once(',') {
            None => digits(inner),
            Some((min, "")) => digits(min),
            Some((min, max)) => digits(min) && digits(max),
        };
        (!fine).then(|| "a repetition is written `{3}`, `{3,}` or `{3,5}`; `{` alone is `\\{`".to_owned())
    }
}

fn nothing_to_repeat(c: char) -> String {
    format!("`{c}` has nothing before it to repeat; the character itself is written `\\{c}`")
}

fn unshared(what: &str, advice: Option<&str>) -> String {
    let advice = advice.map(|advice| format!("; {advice}")).unwrap_or_default();
    format!("{what} is not understood everywhere{advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_patterns_are_fine() {
        for pattern in [
            "",
            "^[a-z][a-z0-9_-]*$",
            r"^\d{4}-\d{2}-\d{2}$",
            r"^(?:yes|no)$",
            r"(?<year>\d+)",
            r"^[^\]\[/]+?\.(jpg|png)$",
            r"^a{2,}b{1,3}?\{\}$",
            r"\bword\b",
            r"^\u00e9\x41$",
            "^äöü$",
            r"[\w.-]+@[\w.-]+",
        ] {
            assert_eq!(fault(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn unshared_patterns_are_refused_by_name() {
        for (pattern, word) in [
            ("a(?=b)", "look-ahead"),
            ("a(?!b)", "look-ahead"),
            ("(?<=a)b", "look-behind"),
            ("(?<!a)b", "look-behind"),
            (r"(a)\1", "back-reference"),
            (r"(?<a>a)\k<a>", "back-reference"),
            ("(?i)a", "flag"),
            ("(?i:a)", "flag"),
            ("(?P<a>a)", "(?P<name>"),
            ("[[:alpha:]]", "named class"),
            (r"\Aa", r"`\A`"),
            (r"a\z", r"`\z`"),
            (r"\p{L}", r"\p{"),
            (r"[\p{L}]", r"\p{"),
            ("[a-z&&b]", "&&"),
            ("[a-z--b]", "--"),
            ("[a~~b]", "~~"),
            ("[a[b]]", "in a class"),
            ("[]a]", "begins with"),
            ("[^]", "begins with"),
            (r"\x{41}", r"\x{"),
            (r"\u{41}", r"\u{"),
            (r"\b{start}", r"\b{"),
            (r"\a", "no escape"),
            (r"\#", "is written `#`"),
            ("a**", "nothing before"),
            ("*a", "nothing before"),
            ("^*", "nothing before"),
            ("a{,3}", "repetition"),
            ("a{x}", "repetition"),
            ("a}", "alone"),
            ("{a", "alone"),
            ("[a", "not closed"),
            ("(a", "without closing"),
            ("a)", "without matching"),
            ("a{3,2}", "bigger than its max"),
            ("a\\", "at the end"),
        ] {
            let found = fault(pattern).unwrap_or_else(|| panic!("{pattern} is refused"));
            assert!(found.contains(word), "{pattern}: {found}");
        }
    }
}
