//! Reads JSON from a slice, one value after the other.

use crate::number;
use memchr::{memchr2, memchr3};

/// Lists and objects nested deeper than this are refused. Passing over them
/// takes no stack; what reads our output may.
const MAX_DEPTH: usize = 500;

/// Why the text could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It ends too early.
    Ends,
    /// Something else was expected.
    Expected(&'static str),
    /// It is nested too deeply.
    TooDeep,
    /// It is not UTF-8.
    NotUtf8,
    /// More vertices than allowed.
    TooManyVertices,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ends => f.write_str("the text ends too early"),
            Self::Expected(what) => write!(f, "expected {what}"),
            Self::TooDeep => write!(f, "nested deeper than {MAX_DEPTH}"),
            Self::NotUtf8 => f.write_str("not UTF-8"),
            Self::TooManyVertices => f.write_str("more vertices than allowed"),
        }
    }
}

type Result<T> = std::result::Result<T, Fault>;

/// A place in a slice of JSON.
#[derive(Clone)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes are behind it.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn go_to(&mut self, at: usize) {
        self.at = at;
    }

    pub(crate) fn starts_with(&self, text: &[u8]) -> bool {
        self.bytes[self.at..].starts_with(text)
    }

    /// The next byte that is not white space.
    pub(crate) fn peek(&mut self) -> Result<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(&byte) => return Ok(byte),
                None => return Err(Fault::Ends),
            }
        }
    }

    /// Whether nothing but white space is left.
    pub(crate) fn is_at_end(&mut self) -> bool {
        self.peek() == Err(Fault::Ends)
    }

    /// Passes `byte` if it comes next.
    pub(crate) fn take(&mut self, byte: u8) -> Result<bool> {
        let next = self.peek()? == byte;
        self.at += usize::from(next);
        Ok(next)
    }

    pub(crate) fn expect(&mut self, byte: u8, what: &'static str) -> Result<()> {
        if self.take(byte)? { Ok(()) } else { Err(Fault::Expected(what)) }
    }

    /// Passes `text` if it comes next.
    fn take_word(&mut self, word: &[u8]) -> Result<bool> {
        self.peek()?;
        let rest = &self.bytes[self.at..];
        if rest.starts_with(word) {
            self.at += word.len();
            return Ok(true);
        }
        if word.starts_with(rest) { Err(Fault::Ends) } else { Ok(false) }
    }

    pub(crate) fn take_null(&mut self) -> Result<bool> {
        if self.peek()? == b'n' { self.take_word(b"null") } else { Ok(false) }
    }

    /// Passes the comma before the next entry, or the `end` of the list or
    /// object. `first` is changed so that it can be called in a loop.
    pub(crate) fn next_entry(&mut self, first: &mut bool, end: u8) -> Result<bool> {
        if self.take(end)? {
            return Ok(false);
        }
        if !std::mem::take(first) {
            self.expect(b',', "a comma or the end")?;
        }
        Ok(true)
    }

    /// Calls `each` with every key, the cursor standing before its value,
    /// which `each` must pass.
    pub(crate) fn object(&mut self, mut each: impl FnMut(&'a [u8], &mut Self) -> Result<()>) -> Result<()> {
        self.expect(b'{', "an object")?;
        let mut first = true;
        while self.next_entry(&mut first, b'}')? {
            let key = self.key()?;
            each(key, self)?;
        }
        Ok(())
    }

    /// A key and its colon. Keys with escapes are given as written.
    pub(crate) fn key(&mut self) -> Result<&'a [u8]> {
        let key = self.raw_text()?;
        self.expect(b':', "a colon")?;
        Ok(key)
    }

    /// Calls `each` before every entry of a list.
    pub(crate) fn list(&mut self, mut each: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        self.expect(b'[', "a list")?;
        let mut first = true;
        while self.next_entry(&mut first, b']')? {
            each(self)?;
        }
        Ok(())
    }

    /// What stands between the quotes, escapes and all.
    pub(crate) fn raw_text(&mut self) -> Result<&'a [u8]> {
        self.expect(b'"', "a text")?;
        let start = self.at;
        self.pass_text()?;
        Ok(&self.bytes[start..self.at - 1])
    }

    /// Goes behind the closing quote.
    fn pass_text(&mut self) -> Result<()> {
        loop {
            let rest = &self.bytes[self.at..];
            let found = memchr2(b'"', b'\\', rest).ok_or(Fault::Ends)?;
            self.at += found + 1;
            if rest[found] == b'"' {
                return Ok(());
            }
            if self.at >= self.bytes.len() {
                return Err(Fault::Ends);
            }
            self.at += 1;
        }
    }

    /// Appends a text without its escapes to `out`.
    pub(crate) fn text_into(&mut self, out: &mut String) -> Result<()> {
        let raw = std::str::from_utf8(self.raw_text()?).map_err(|_| Fault::NotUtf8)?;
        if memchr::memchr(b'\\', raw.as_bytes()).is_none() {
            out.push_str(raw);
            return Ok(());
        }
        // Escapes are rare, so a second reading of the text costs nothing.
        let quoted = format!("\"{raw}\"");
        let text: String =
            serde_json::from_str(&quoted).map_err(|_| Fault::Expected("a text with JSON's escapes"))?;
        out.push_str(&text);
        Ok(())
    }

    pub(crate) fn text(&mut self) -> Result<String> {
        let mut out = String::new();
        self.text_into(&mut out)?;
        Ok(out)
    }

    /// A number, `NaN` and infinities included.
    pub(crate) fn number(&mut self) -> Result<f64> {
        self.peek()?;
        if let Some((value, length)) = number::parse_prefix(&self.bytes[self.at..]) {
            self.at += length;
            if self.at == self.bytes.len() {
                return Err(Fault::Ends);
            }
            return Ok(value);
        }
        self.odd_number()
    }

    #[cold]
    fn odd_number(&mut self) -> Result<f64> {
        for (word, value) in [
            ("NaN", f64::NAN),
            ("Infinity", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("nan", f64::NAN),
        ] {
            if self.take_word(word.as_bytes())? {
                return Ok(value);
            }
        }
        Err(Fault::Expected("a number"))
    }

    /// Appends a flat list `[x, y, x, y, …]` as points. It may hold `limit` of
    /// them.
    pub(crate) fn points_into(&mut self, out: &mut Vec<[f64; 2]>, limit: usize) -> Result<()> {
        self.expect(b'[', "a list of coordinates")?;
        let end = out.len() + limit;
        let mut first = true;
        while self.next_entry(&mut first, b']')? {
            let x = self.number()?;
            self.expect(b',', "an even count of coordinates")?;
            let y = self.number()?;
            if out.len() >= end {
                return Err(Fault::TooManyVertices);
            }
            out.push([x, y]);
        }
        Ok(())
    }

    /// Appends a list of points `[[x, y], …]`. It may hold `limit` of them.
    pub(crate) fn pairs_into(&mut self, out: &mut Vec<[f64; 2]>, limit: usize) -> Result<()> {
        let end = out.len() + limit;
        self.list(|point| {
            point.expect(b'[', "a point")?;
            let x = point.number()?;
            point.expect(b',', "two coordinates")?;
            let y = point.number()?;
            point.expect(b']', "the end of the point")?;
            if out.len() >= end {
                return Err(Fault::TooManyVertices);
            }
            out.push([x, y]);
            Ok(())
        })
    }

    /// A whole number. One in quotes is taken, too, as some exporters write.
    pub(crate) fn whole(&mut self) -> Result<Option<i64>> {
        if self.peek()? == b'"' {
            let text = self.raw_text()?;
            return Ok(std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()));
        }
        let start = self.at;
        let value = self.number()?;
        let exact = std::str::from_utf8(&self.bytes[start..self.at]).ok().and_then(|text| text.parse().ok());
        let fits = value.fract() == 0.0 && value.abs() < 9e15;
        Ok(exact.or_else(|| fits.then_some(value as i64)))
    }

    /// `true`, `false`, or a number that is not zero.
    pub(crate) fn truth(&mut self) -> Result<bool> {
        match self.peek()? {
            b't' if self.take_word(b"true")? => Ok(true),
            b'f' if self.take_word(b"false")? => Ok(false),
            _ => Ok(self.number()? != 0.0),
        }
    }

    /// Passes one value of any kind.
    pub(crate) fn skip(&mut self) -> Result<()> {
        match self.peek()? {
            b'"' => {
                self.at += 1;
                self.pass_text()
            }
            b'[' => self.skip_nested(b'[', b']'),
            b'{' => self.skip_nested(b'{', b'}'),
            _ => self.skip_scalar(),
        }
    }

    /// Brackets of the other kind inside are not looked at: in JSON they are
    /// balanced, and what is not JSON is noticed when it is read.
    fn skip_nested(&mut self, open: u8, close: u8) -> Result<()> {
        let mut depth = 0;
        loop {
            let rest = &self.bytes[self.at..];
            let found = memchr3(open, close, b'"', rest).ok_or(Fault::Ends)?;
            self.at += found + 1;
            match rest[found] {
                b'"' => self.pass_text()?,
                byte if byte == open => depth += 1,
                _ => depth -= 1,
            }
            if depth == 0 {
                return Ok(());
            }
            if depth > MAX_DEPTH {
                return Err(Fault::TooDeep);
            }
        }
    }

    fn skip_scalar(&mut self) -> Result<()> {
        let rest = &self.bytes[self.at..];
        let length = rest
            .iter()
            .position(|byte| matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t'))
            .ok_or(Fault::Ends)?;
        if length == 0 {
            return Err(Fault::Expected("a value"));
        }
        self.at += length;
        Ok(())
    }

    /// Passes one value and gives its text.
    pub(crate) fn raw(&mut self) -> Result<&'a str> {
        self.peek()?;
        let start = self.at;
        self.skip()?;
        std::str::from_utf8(&self.bytes[start..self.at]).map_err(|_| Fault::NotUtf8)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn values_are_pulled_in_order() {
        let mut seen = Vec::new();
        let mut cursor =
            Cursor::new(br#" {"a" : [1, 2.5,-3e1 ], "b\"": "x\u00e9\n", "c": {"d": ["]}"]}, "e": null} "#);
        cursor
            .object(|key, value| {
                match key {
                    b"a" => value.list(|entry| {
                        seen.push(entry.number()?.to_string());
                        Ok(())
                    })?,
                    b"b\\\"" => seen.push(value.text()?),
                    b"c" => seen.push(value.raw()?.to_owned()),
                    _ => assert!(value.take_null()?),
                }
                Ok(())
            })
            .unwrap();
        assert_eq!(seen, ["1", "2.5", "-30", "xé\n", r#"{"d": ["]}"]}"#]);
        assert!(cursor.is_at_end());
    }

    #[test]
    fn a_cut_text_ends_wherever_it_is_cut() {
        let whole = br#"{"a": [1.25, {"b": "c\\"}], "d": null, "e": true}"#;
        for length in 0..whole.len() {
            assert_eq!(Cursor::new(&whole[..length]).skip(), Err(Fault::Ends), "{length}");
        }
        assert_eq!(Cursor::new(whole).skip(), Ok(()));
    }

    #[test]
    fn depth_is_limited_without_recursion() {
        let deep = vec![b'['; 1_000_000];
        assert_eq!(Cursor::new(&deep).skip(), Err(Fault::TooDeep));
    }

    #[test]
    fn numbers_python_writes_are_read() {
        let mut cursor = Cursor::new(b"[NaN, -Infinity, Infinity]");
        let mut seen = Vec::new();
        cursor
            .list(|entry| {
                seen.push(entry.number()?);
                Ok(())
            })
            .unwrap();
        assert!(seen[0].is_nan());
        assert_eq!(seen[1..], [f64::NEG_INFINITY, f64::INFINITY]);
    }

    #[test]
    fn whole_numbers_keep_all_digits() {
        assert_eq!(Cursor::new(b"900100000000001 ").whole(), Ok(Some(900_100_000_000_001)));
        assert_eq!(Cursor::new(b"9223372036854775807 ").whole(), Ok(Some(i64::MAX)));
        assert_eq!(Cursor::new(b"3.0 ").whole(), Ok(Some(3)));
        assert_eq!(Cursor::new(b"\"12\"").whole(), Ok(Some(12)));
        assert_eq!(Cursor::new(b"1.5 ").whole(), Ok(None));
    }
}
