//! A small XML document as a tree. What could make it large is refused.

use quick_xml::Reader;
use quick_xml::events::Event;

/// No annotation nests deeper.
const MAX_DEPTH: usize = 64;

/// Why a document could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not XML; the place is a byte.
    Malformed(String, usize),
    /// It defines or uses entities, or nests too deeply.
    Refused(&'static str, usize),
}

/// An element. Its text is what stands directly in it, trimmed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element<'x> {
    pub(super) name: &'x str,
    pub(super) text: String,
    pub(super) children: Vec<Element<'x>>,
    /// The element as written, its tags included.
    pub(super) raw: &'x str,
    /// Where it starts.
    pub(super) start: usize,
}

impl<'x> Element<'x> {
    pub(super) fn child(&self, name: &str) -> Option<&Element<'x>> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of a child, `None` if there is no such child or it is empty.
    pub(super) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str()).filter(|text| !text.is_empty())
    }
}

/// The root element of a document.
pub(super) fn parse(text: &str) -> Result<Element<'_>, Fault> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element<'_>> = Vec::new();
    loop {
        let start = reader.buffer_position() as usize;
        let malformed = |what: &str| Fault::Malformed(what.to_owned(), start);
        let event = reader.read_event().map_err(|error| Fault::Malformed(error.to_string(), start))?;
        let end = reader.buffer_position() as usize;
        match event {
            Event::Start(_) | Event::Empty(_) => {
                let mut element = Element { name: name(&text[start..end]), start, ..Element::default() };
                if open.len() >= MAX_DEPTH {
                    return Err(Fault::Refused("nested too deeply", start));
                }
                if matches!(event, Event::Empty(_)) {
                    element.raw = &text[start..end];
                    match open.last_mut() {
                        Some(parent) => parent.children.push(element),
                        None => return Ok(element),
                    }
                } else {
                    open.push(element);
                }
            }
            Event::End(_) => {
                let mut element = open.pop().ok_or_else(|| malformed("an end without a start"))?;
                element.raw = &text[element.start..end];
                let trimmed = element.text.trim();
                if trimmed.len() != element.text.len() {
                    element.text = trimmed.to_owned();
                }
                match open.last_mut() {
                    Some(parent) => parent.children.push(element),
                    None => return Ok(element),
                }
            }
            Event::Text(content) => {
                add_text(&mut open, &content.decode().map_err(|_| malformed("not UTF-8"))?)
            }
            Event::CData(content) => {
                add_text(&mut open, &content.decode().map_err(|_| malformed("not UTF-8"))?)
            }
            Event::GeneralRef(reference) => {
                let reference = reference.decode().map_err(|_| malformed("not UTF-8"))?;
                let character = character(&reference).ok_or(Fault::Refused("an entity of its own", start))?;
                add_text(&mut open, character.encode_utf8(&mut [0; 4]));
            }
            Event::DocType(content) => {
                if content.windows(8).any(|window| window.eq_ignore_ascii_case(b"<!ENTITY")) {
                    return Err(Fault::Refused("it defines entities", start));
                }
            }
            Event::Eof => return Err(malformed("the document ends too early")),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

fn add_text(open: &mut [Element<'_>], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

/// The name in a start tag.
fn name(tag: &str) -> &str {
    let inner = tag.trim_start_matches('<');
    let end = inner.find(|byte: char| byte.is_whitespace() || byte == '/' || byte == '>');
    &inner[..end.unwrap_or(inner.len())]
}

/// The character of a reference, without its `&` and `;`.
fn character(reference: &str) -> Option<char> {
    match reference {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = reference.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

/// Appends text as XML. Characters that XML cannot hold become spaces.
pub(super) fn write_text(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            0..0x20 if !matches!(byte, b'\t' | b'\n') => out.push(b' '),
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn elements_know_their_text_and_how_they_were_written() {
        let root = parse(
            "<?xml version=\"1.0\"?>\n<a x='1'><!-- c --><b> p &amp; &#233;q </b><c/><d><e>1</e></d></a>",
        )
        .unwrap();
        assert_eq!(root.name, "a");
        assert_eq!(root.text_of("b"), Some("p & éq"));
        assert_eq!(root.child("d").unwrap().raw, "<d><e>1</e></d>");
        assert_eq!(root.text_of("c"), None);
    }

    #[test]
    fn what_could_grow_is_refused() {
        let bomb = "<!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;\">]><a>&c;</a>";
        assert!(matches!(parse(bomb), Err(Fault::Refused(..))));
        assert!(matches!(parse("<a>&file;</a>"), Err(Fault::Refused(..))));
        assert!(matches!(parse(&"<a>".repeat(100_000)), Err(Fault::Refused(..))));
    }

    #[test]
    fn what_is_not_xml_is_told_with_its_place() {
        assert_eq!(parse("<a><b>"), Err(Fault::Malformed("the document ends too early".into(), 6)));
        assert!(matches!(parse("<a></b>"), Err(Fault::Malformed(_, 3))));
        assert!(matches!(parse("{}"), Err(Fault::Malformed(..))));
    }
}
