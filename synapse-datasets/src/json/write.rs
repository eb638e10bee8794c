//! Writes JSON.

/// Appends `text` with its quotes. Characters beyond ASCII stay as they are.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut start = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[start..at]);
        start = at + 1;
        write_escape(byte, out);
    }
    out.extend_from_slice(&bytes[start..]);
    out.push(b'"');
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
}

/// Appends members that were kept as text after those already there.
pub(crate) fn write_members(members: &str, out: &mut Vec<u8>) {
    if !members.is_empty() {
        out.extend_from_slice(b", ");
        out.extend_from_slice(members.as_bytes());
    }
}

/// Collects members as text: `"key": value, "key": value`.
pub(crate) struct Members<'o> {
    out: &'o mut String,
    start: usize,
}

impl<'o> Members<'o> {
    /// Appends to `out`.
    pub(crate) fn new(out: &'o mut String) -> Self {
        let start = out.len();
        Self { out, start }
    }

    /// Appends to members that are already there.
    pub(crate) fn after(out: &'o mut String) -> Self {
        Self { out, start: 0 }
    }

    /// Adds a member, its key as it stood between the quotes.
    pub(crate) fn add(&mut self, key: &str, value: &str) {
        if self.out.len() > self.start {
            self.out.push_str(", ");
        }
        self.out.push('"');
        self.out.push_str(key);
        self.out.push_str("\": ");
        self.out.push_str(value);
    }
}
