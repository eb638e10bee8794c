//! From ECMA 262 patterns, with Unicode, to those of the engine.
//!
//! What both have is written so that the engine cannot read it otherwise:
//! letters as themselves or escaped, classes as their ranges.

use std::fmt::Write;
use std::iter::Peekable;
use std::str::Chars;

type Result<T> = std::result::Result<T, String>;

/// First and last character.
type Range = (char, char);

const DIGITS: &[Range] = &[('0', '9')];
const WORD: &[Range] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];
const SPACE: &[Range] = &[
    ('\t', '\r'),
    (' ', ' '),
    ('\u{a0}', '\u{a0}'),
    ('\u{1680}', '\u{1680}'),
    ('\u{2000}', '\u{200a}'),
    ('\u{2028}', '\u{2029}'),
    ('\u{202f}', '\u{202f}'),
    ('\u{205f}', '\u{205f}'),
    ('\u{3000}', '\u{3000}'),
    ('\u{feff}', '\u{feff}'),
];
const LINE_ENDS: &[Range] = &[('\n', '\n'), ('\r', '\r'), ('\u{2028}', '\u{2029}')];

pub(super) fn translated(pattern: &str) -> Result<String> {
    let mut translator = Translator { rest: pattern.chars().peekable(), out: String::new() };
    let depth = translator.run()?;
    match depth {
        0 => Ok(translator.out),
        _ => Err("a group is not closed".to_owned()),
    }
}

struct Translator<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
}

/// What an escape stands for.
enum Escaped {
    Char(char),
    Class(Vec<Range>),
    /// A place between characters, as the engine writes it.
    Boundary(&'static str),
}

impl Translator<'_> {
    /// Gives the number of groups left open.
    fn run(&mut self) -> Result<usize> {
        let mut open = 0;
        // Whether something was read that can be repeated.
        let mut repeatable = false;
        while let Some(next) = self.rest.next() {
            repeatable = match next {
                '*' | '+' | '?' | '{' => {
                    if !repeatable {
                        return Err(format!("there is nothing before `{next}` to repeat"));
                    }
                    self.repetition(next)?;
                    false
                }
                '(' => {
                    self.group()?;
                    open += 1;
                    false
                }
                ')' => {
                    open = usize::checked_sub(open, 1).ok_or("a `)` closes no group")?;
                    self.out.push(')');
                    true
                }
                '|' | '^' | '$' => {
                    self.out.push(next);
                    false
                }
                '.' => {
                    self.class(&complement(LINE_ENDS));
                    true
                }
                '[' => {
                    let ranges = self.ranges()?;
                    self.class(&ranges);
                    true
                }
                '\\' => self.escape_outside_class()?,
                ']' | '}' => return Err(format!("write `\\{next}` for the character itself")),
                letter => {
                    self.letter(letter);
                    true
                }
            };
        }
        Ok(open)
    }

    /// Captures are never read: groups only hold together.
    fn group(&mut self) -> Result<()> {
        self.out.push_str("(?:");
        if self.rest.next_if_eq(&'?').is_none() {
            return Ok(());
        }
        match self.rest.next() {
            Some(':') => Ok(()),
            Some('=' | '!') => Err("looking ahead is not supported".to_owned()),
            Some('<') if self.rest.next_if(|next| matches!(next, '=' | '!')).is_some() => {
                Err("looking behind is not supported".to_owned())
            }
            Some('<') => self.group_name(),
            _ => Err("flags are not supported".to_owned()),
        }
    }

    fn group_name(&mut self) -> Result<()> {
        let mut name = String::new();
        while let Some(letter) = self.rest.next_if(|next| next.is_alphanumeric() || matches!(next, '_' | '$'))
        {
            name.push(letter);
        }
        let closed = self.rest.next() == Some('>');
        match closed && name.starts_with(|first: char| !first.is_numeric()) {
            true => Ok(()),
            false => Err("a group's name is not a name".to_owned()),
        }
    }

    fn repetition(&mut self, first: char) -> Result<()> {
        if first == '{' {
            let times = self.times().ok_or("write `\\{` for the character itself")?;
            self.out.push_str(&times);
        } else {
            self.out.push(first);
        }
        if self.rest.next_if_eq(&'?').is_some() {
            self.out.push('?');
        }
        Ok(())
    }

    /// `{2}`, `{2,}` or `{2,3}`, from after the brace.
    fn times(&mut self) -> Option<String> {
        let mut times = String::from("{");
        self.digits(&mut times)?;
        if self.rest.next_if_eq(&',').is_some() {
            times.push(',');
            if self.rest.peek() != Some(&'}') {
                self.digits(&mut times)?;
            }
        }
        self.rest.next_if_eq(&'}')?;
        times.push('}');
        Some(times)
    }

    fn digits(&mut self, out: &mut String) -> Option<()> {
        out.push(self.rest.next_if(char::is_ascii_digit)?);
        while let Some(digit) = self.rest.next_if(char::is_ascii_digit) {
            out.push(digit);
        }
        Some(())
    }

    /// Whether what was written can be repeated.
    fn escape_outside_class(&mut self) -> Result<bool> {
        match self.escaped()? {
            Escaped::Char(letter) => self.letter(letter),
            Escaped::Class(ranges) => self.class(&ranges),
            Escaped::Boundary(boundary) => {
                self.out.push_str(boundary);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What a class holds, from after its `[`.
    fn ranges(&mut self) -> Result<Vec<Range>> {
        let negated = self.rest.next_if_eq(&'^').is_some();
        let mut ranges = Vec::new();
        loop {
            let first = match self.in_class()? {
                None => break,
                Some(Escaped::Char(first)) => first,
                Some(Escaped::Class(these)) => {
                    ranges.extend(these);
                    if self.dash_goes_on() {
                        return Err("a range has a class at its end".to_owned());
                    }
                    continue;
                }
                Some(Escaped::Boundary(_)) => return Err("`\\B` cannot stand in a class".to_owned()),
            };
            if !self.dash_goes_on() {
                ranges.push((first, first));
                continue;
            }
            self.rest.next();
            match self.in_class()? {
                Some(Escaped::Char(last)) if first <= last => ranges.push((first, last)),
                Some(Escaped::Char(last)) => {
                    return Err(format!("the range `{first}-{last}` is upside down"));
                }
                _ => return Err("a range has a class at its end".to_owned()),
            }
        }
        Ok(if negated { complement(&ranges) } else { ranges })
    }

    /// Whether a dash follows that is not the last character of the class.
    fn dash_goes_on(&self) -> bool {
        let mut rest = self.rest.clone();
        rest.next() == Some('-') && rest.next() != Some(']')
    }

    /// The next part of a class; none at its end.
    fn in_class(&mut self) -> Result<Option<Escaped>> {
        match self.rest.next() {
            None => Err("a class is not closed".to_owned()),
            Some(']') => Ok(None),
            Some('\\') if self.rest.next_if_eq(&'b').is_some() => Ok(Some(Escaped::Char('\u{8}'))),
            Some('\\') => self.escaped().map(Some),
            Some(letter) => Ok(Some(Escaped::Char(letter))),
        }
    }

    /// What stands after a backslash.
    fn escaped(&mut self) -> Result<Escaped> {
        let Some(letter) = self.rest.next() else { return Err("it ends in a backslash".to_owned()) };
        Ok(match letter {
            'd' => Escaped::Class(DIGITS.to_vec()),
            'D' => Escaped::Class(complement(DIGITS)),
            'w' => Escaped::Class(WORD.to_vec()),
            'W' => Escaped::Class(complement(WORD)),
            's' => Escaped::Class(SPACE.to_vec()),
            'S' => Escaped::Class(complement(SPACE)),
            'b' => Escaped::Boundary("\\b"),
            'B' => Escaped::Boundary("\\B"),
            't' => Escaped::Char('\t'),
            'n' => Escaped::Char('\n'),
            'v' => Escaped::Char('\u{b}'),
            'f' => Escaped::Char('\u{c}'),
            'r' => Escaped::Char('\r'),
            '0' if !self.rest.peek().is_some_and(char::is_ascii_digit) => Escaped::Char('\0'),
            '0'..='9' | 'k' => return Err("referring back to a group is not supported".to_owned()),
            'p' | 'P' => return Err("Unicode classes are not supported".to_owned()),
            'c' => Escaped::Char(self.control()?),
            'x' => Escaped::Char(self.code(2)?),
            'u' => Escaped::Char(self.unicode()?),
            other if other.is_ascii_alphanumeric() || other == '_' => {
                return Err(format!("`\\{other}` means nothing"));
            }
            other => Escaped::Char(other),
        })
    }

    fn control(&mut self) -> Result<char> {
        let letter =
            self.rest.next().filter(char::is_ascii_alphabetic).ok_or("`\\c` goes before a letter")?;
        Ok(char::from(letter as u8 % 32))
    }

    fn code(&mut self, digits: usize) -> Result<char> {
        char::from_u32(self.hex(digits)?).ok_or_else(|| "half a character is not supported".to_owned())
    }

    /// `\u00e9`, `\u{1f980}`, or a pair such as `\ud83e\udd80`.
    fn unicode(&mut self) -> Result<char> {
        if self.rest.next_if_eq(&'{').is_some() {
            let digits: String = std::iter::from_fn(|| self.rest.next_if(char::is_ascii_hexdigit)).collect();
            let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
            let closed = self.rest.next() == Some('}');
            return code.filter(|_| closed).ok_or_else(|| format!("`\\u{{{digits}}}` is no character"));
        }
        let first = self.hex(4)?;
        let mut units = vec![first as u16];
        if (0xd800..0xdc00).contains(&first) && self.rest.next_if_eq(&'\\').is_some() {
            self.rest.next_if_eq(&'u').ok_or("half a character is not supported")?;
            units.push(self.hex(4)? as u16);
        }
        let text = String::from_utf16(&units).map_err(|_| "half a character is not supported")?;
        let mut letters = text.chars();
        letters
            .next()
            .filter(|_| letters.next().is_none())
            .ok_or_else(|| "half a character is not supported".to_owned())
    }

    fn hex(&mut self, digits: usize) -> Result<u32> {
        let mut code = 0;
        for _ in 0..digits {
            let digit = self.rest.next().and_then(|digit| digit.to_digit(16));
            code = code * 16 + digit.ok_or_else(|| format!("expected {digits} hexadecimal digits"))?;
        }
        Ok(code)
    }

    fn letter(&mut self, letter: char) {
        if letter.is_ascii_punctuation() {
            self.class(&[(letter, letter)]);
        } else {
            self.out.push(letter);
        }
    }

    fn class(&mut self, ranges: &[Range]) {
        // The engine cannot write a class of nothing; this is one.
        let ranges = if ranges.is_empty() { "^\\x{0}-\\x{10ffff}".to_owned() } else { written(ranges) };
        self.out.push('[');
        self.out.push_str(&ranges);
        self.out.push(']');
    }
}

fn written(ranges: &[Range]) -> String {
    let mut text = String::new();
    for (first, last) in ranges {
        // Writing to a text cannot fail.
        let _ = write!(text, "\\x{{{:x}}}-\\x{{{:x}}}", *first as u32, *last as u32);
    }
    text
}

/// Every character that is in none of `ranges`.
fn complement(ranges: &[Range]) -> Vec<Range> {
    let mut sorted = ranges.to_vec();
    sorted.sort_unstable();
    let mut others = Vec::new();
    let mut next = Some('\0');
    for (first, last) in sorted {
        let Some(from) = next else { break };
        if let Some(before) = before(first).filter(|before| *before >= from) {
            others.push((from, before));
        }
        next = after(last).map(|after| after.max(from));
    }
    others.extend(next.map(|from| (from, char::MAX)));
    others
}

fn before(letter: char) -> Option<char> {
    ('\0'..letter).next_back()
}

fn after(letter: char) -> Option<char> {
    (letter..=char::MAX).nth(1)
}
