//! Values of Python's as pickles of protocol 4.

/// A value that can be handed to Python.
///
/// ```
/// use synapse_ray::Value;
///
/// let options = Value::dict([("num_cpus", Value::from(1.5)), ("name", Value::from("worker"))]);
/// assert!(matches!(options, Value::Dict(_)));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// `None`.
    None,
    /// A `bool`.
    Bool(bool),
    /// An `int`.
    Int(i64),
    /// A `float`.
    Float(f64),
    /// A `str`.
    Str(String),
    /// A `bytes`.
    Bytes(bytes::Bytes),
    /// A `tuple`.
    Tuple(Vec<Value>),
    /// A `list`.
    List(Vec<Value>),
    /// A `dict`.
    Dict(Vec<(Value, Value)>),
}

impl Value {
    /// A `dict` whose keys are texts.
    pub fn dict<K: Into<String>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Dict(entries.into_iter().map(|(key, value)| (Self::Str(key.into()), value)).collect())
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::None => out.push(b'N'),
            Self::Bool(true) => out.push(0x88),
            Self::Bool(false) => out.push(0x89),
            Self::Int(number) => write_int(*number, out),
            Self::Float(number) => {
                out.push(b'G');
                out.extend(number.to_be_bytes());
            }
            Self::Str(text) => write_counted(text.as_bytes(), [0x8c, b'X', 0x8d], out),
            Self::Bytes(bytes) => write_counted(bytes, [b'C', b'B', 0x8e], out),
            Self::Tuple(items) => write_items(b'(', items, b't', out),
            Self::List(items) => {
                out.push(b']');
                write_items(b'(', items, b'e', out);
            }
            Self::Dict(entries) => {
                out.extend(b"}(");
                for (key, value) in entries {
                    key.write(out);
                    value.write(out);
                }
                out.push(b'u');
            }
        }
    }
}

macro_rules! from {
    ($($of:ty => $kind:ident;)*) => {
        $(impl From<$of> for Value {
            fn from(value: $of) -> Self {
                Self::$kind(value.into())
            }
        })*
    };
}

from! {
    bool => Bool;
    i64 => Int;
    i32 => Int;
    u32 => Int;
    f64 => Float;
    &str => Str;
    String => Str;
    bytes::Bytes => Bytes;
    Vec<u8> => Bytes;
}

fn write_int(number: i64, out: &mut Vec<u8>) {
    if let Ok(small) = u8::try_from(number) {
        out.extend([b'K', small]);
    } else if let Ok(middle) = i32::try_from(number) {
        out.push(b'J');
        out.extend(middle.to_le_bytes());
    } else {
        out.extend([0x8a, 8]);
        out.extend(number.to_le_bytes());
    }
}

/// Bytes after their length: one, four or eight bytes of it, each with an opcode of its own.
fn write_counted(bytes: &[u8], opcodes: [u8; 3], out: &mut Vec<u8>) {
    let [short, middle, long] = opcodes;
    let length = bytes.len();
    if let Ok(length) = u8::try_from(length) {
        out.extend([short, length]);
    } else if let Ok(length) = u32::try_from(length) {
        out.push(middle);
        out.extend(length.to_le_bytes());
    } else {
        out.push(long);
        out.extend((length as u64).to_le_bytes());
    }
    out.extend(bytes);
}

fn write_items(open: u8, items: &[Value], close: u8, out: &mut Vec<u8>) {
    out.push(open);
    items.iter().for_each(|item| item.write(out));
    out.push(close);
}

const HEAD: [u8; 2] = [0x80, 4];
const STOP: u8 = b'.';

/// A value as a pickle.
pub(crate) fn dumps(value: &Value) -> Vec<u8> {
    let mut out = HEAD.to_vec();
    value.write(&mut out);
    out.push(STOP);
    out
}

/// Positional arguments of a call, without named ones.
pub(crate) fn call_data(arguments: &[Value]) -> Vec<u8> {
    let mut out = HEAD.to_vec();
    out.push(b'(');
    write_items(b'(', arguments, b't', &mut out);
    out.extend(b"}(ut.");
    out
}

/// A pickle that defines a class from its source when it is loaded: `exec(source, names)`,
/// then `names[class]`. Such a class belongs to no module, so Ray ships it to workers by value.
pub(crate) fn class_from_source(source: &str, class: &str) -> Vec<u8> {
    let mut out = HEAD.to_vec();
    // names = {}, remembered as number 0.
    out.extend(b"}q\x000");
    out.extend(b"cbuiltins\nexec\n");
    Value::from(source).write(&mut out);
    out.extend(b"h\x00\x86R0");
    out.extend(b"coperator\ngetitem\nh\x00");
    Value::from(class).write(&mut out);
    out.extend(b"\x86R");
    out.push(STOP);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_python_reads_them() {
        assert_eq!(dumps(&Value::None), b"\x80\x04N.");
        assert_eq!(dumps(&Value::from(7)), b"\x80\x04K\x07.");
        assert_eq!(dumps(&Value::from(-1)), b"\x80\x04J\xff\xff\xff\xff.");
        assert_eq!(dumps(&Value::from(1_i64 << 40)), b"\x80\x04\x8a\x08\0\0\0\0\0\x01\0\0.");
        assert_eq!(dumps(&Value::from(1.0)), b"\x80\x04G\x3f\xf0\0\0\0\0\0\0.");
        assert_eq!(dumps(&Value::from("é")), b"\x80\x04\x8c\x02\xc3\xa9.");
        assert_eq!(dumps(&Value::from(vec![0_u8; 256]))[..7], *b"\x80\x04B\0\x01\0\0");
        assert_eq!(dumps(&Value::List(vec![Value::from(true)])), b"\x80\x04](\x88e.");
        assert_eq!(dumps(&Value::dict([("a", Value::from(false))])), b"\x80\x04}(\x8c\x01a\x89u.");
        assert_eq!(call_data(&[]), b"\x80\x04((t}(ut.");
    }

    #[test]
    fn a_class_is_made_by_running_its_source() {
        let pickle = class_from_source("class A: pass", "A");
        assert_eq!(
            pickle,
            b"\x80\x04}q\x000cbuiltins\nexec\n\x8c\x0dclass A: passh\x00\x86R0coperator\ngetitem\nh\x00\x8c\x01A\x86R."
        );
    }
}
