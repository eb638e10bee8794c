//! Walks over pickles without executing anything.

use std::collections::HashMap;

use crate::error::{Error, Exception, Result};

/// More pieces than this are not read: no answer that is understood here has
/// nearly as many, apart from the bytes within one.
const MOST_NODES: usize = 1 << 20;

/// A pickle, taken apart.
///
/// ```
/// use synapse_ray::pickle::{Node, Pickle};
///
/// let pickle = Pickle::read(b"\x80\x05\x95\x0b\0\0\0\0\0\0\0C\x07payload\x94.")?;
/// assert_eq!(pickle.root(), &Node::Bytes(b"payload"));
/// # Ok::<(), synapse_ray::Error>(())
/// ```
#[derive(Debug)]
pub struct Pickle<'a> {
    nodes: Vec<Node<'a>>,
    root: usize,
}

/// A piece of a pickle; others are referred to by their number.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Node<'a> {
    /// `None`.
    None,
    /// A `bool`.
    Bool(bool),
    /// An `int` of at most 64 bits.
    Int(i64),
    /// A `float`.
    Float(f64),
    /// A `str`.
    Str(&'a str),
    /// A `bytes`.
    Bytes(&'a [u8]),
    /// A `tuple`, `list`, `set` or `frozenset`.
    Items(Vec<usize>),
    /// A `dict`.
    Dict(Vec<(usize, usize)>),
    /// A class or function: module and name.
    Global(&'a str, &'a str),
    /// What calling something with arguments would give.
    Object {
        /// What is called.
        of: usize,
        /// With what.
        arguments: usize,
    },
    /// Something that this reader has no need for.
    Other,
}

impl<'a> Pickle<'a> {
    /// Takes a pickle apart.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn read(bytes: &'a [u8]) -> Result<Self> {
        Walk { rest: bytes, ..Walk::default() }
            .run()
            .ok_or_else(|| Error::malformed("a pickle that is cut short, or that holds more than a value"))
    }

    /// What the pickle stands for.
    pub fn root(&self) -> &Node<'a> {
        &self.nodes[self.root]
    }

    /// A piece that another one refers to.
    pub fn node(&self, number: usize) -> &Node<'a> {
        &self.nodes[number]
    }

    /// All texts, in their order.
    pub fn texts(&self) -> impl Iterator<Item = &'a str> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Str(text) => Some(*text),
            _ => None,
        })
    }

    /// Module and name of the class that the pickle would make an object of.
    pub fn class(&self) -> Option<(&'a str, &'a str)> {
        let mut node = self.root();
        // What makes an object may be an object itself, not for ever.
        for _ in 0..8 {
            match node {
                Node::Object { of, .. } => node = &self.nodes[*of],
                Node::Global(module, name) => return Some((module, name)),
                _ => return None,
            }
        }
        None
    }
}

/// The exception that a pickle stands for, if it is one of Ray's.
pub(crate) fn exception(pickle: &Pickle<'_>) -> Option<Exception> {
    let (module, class) = pickle.class()?;
    (module.starts_with("ray.") || class.ends_with("Error")).then(|| {
        let known = |text: &&str| *text != module && *text != class;
        Exception {
            class: class.to_owned(),
            texts: pickle.texts().filter(known).map(str::to_owned).collect(),
        }
    })
}

#[derive(Default)]
struct Walk<'a> {
    rest: &'a [u8],
    nodes: Vec<Node<'a>>,
    stack: Vec<usize>,
    /// Where on the stack marks stand.
    marks: Vec<usize>,
    memo: HashMap<u64, usize>,
}

impl<'a> Walk<'a> {
    fn run(mut self) -> Option<Pickle<'a>> {
        loop {
            let opcode = self.take(1)?[0];
            if opcode == b'.' {
                let root = self.pop()?;
                return Some(Pickle { nodes: self.nodes, root });
            }
            self.step(opcode)?;
            if self.nodes.len() > MOST_NODES {
                return None;
            }
        }
    }

    fn step(&mut self, opcode: u8) -> Option<()> {
        match opcode {
            // The protocol; a frame, whose length is of no use here.
            0x80 => drop(self.take(1)?),
            0x95 => drop(self.take(8)?),
            b'N' => self.push(Node::None),
            0x88 => self.push(Node::Bool(true)),
            0x89 => self.push(Node::Bool(false)),
            b'K' => self.int::<1>()?,
            b'M' => self.int::<2>()?,
            b'J' => {
                let number = i32::from_le_bytes(self.array()?);
                self.push(Node::Int(number.into()));
            }
            0x8a => self.long()?,
            b'G' => {
                let number = f64::from_be_bytes(self.array()?);
                self.push(Node::Float(number));
            }
            0x8c => self.text::<1>()?,
            b'X' => self.text::<4>()?,
            0x8d => self.text::<8>()?,
            b'C' => self.bytes::<1>()?,
            b'B' => self.bytes::<4>()?,
            0x8e | 0x96 => self.bytes::<8>()?,
            b')' | b']' | 0x8f => self.push(Node::Items(Vec::new())),
            b'}' => self.push(Node::Dict(Vec::new())),
            0x85..=0x87 => self.items(usize::from(opcode - 0x84))?,
            b'(' => self.marks.push(self.stack.len()),
            b't' | b'l' | 0x91 => {
                let items = self.pop_to_mark()?;
                self.push(Node::Items(items));
            }
            b'd' => {
                let entries = pairs(&self.pop_to_mark()?);
                self.push(Node::Dict(entries));
            }
            b'a' => {
                let item = self.pop()?;
                self.add_items(vec![item])?;
            }
            b'e' | 0x90 => {
                let items = self.pop_to_mark()?;
                self.add_items(items)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.add_entries(&[(key, value)])?;
            }
            b'u' => {
                let entries = pairs(&self.pop_to_mark()?);
                self.add_entries(&entries)?;
            }
            b'0' => {
                self.pop()?;
            }
            b'1' => drop(self.pop_to_mark()?),
            b'2' => self.stack.push(*self.stack.last()?),
            0x94 => self.remember(self.memo.len() as u64)?,
            b'q' => {
                let number = self.number::<1>()?;
                self.remember(number)?;
            }
            b'r' => {
                let number = self.number::<4>()?;
                self.remember(number)?;
            }
            b'h' => self.recall::<1>()?,
            b'j' => self.recall::<4>()?,
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Node::Global(module, name));
            }
            0x93 => self.stack_global()?,
            b'R' | 0x81 => self.object()?,
            0x92 => {
                // Named arguments, which no class read here has any of.
                self.pop()?;
                self.object()?;
            }
            // State of an object: its texts are found without it.
            b'b' => {
                self.pop()?;
            }
            b'Q' => {
                self.pop()?;
                self.push(Node::Other);
            }
            // Everything else is of older protocols, or hands over memory.
            _ => return None,
        }
        Some(())
    }

    fn push(&mut self, node: Node<'a>) {
        self.stack.push(self.nodes.len());
        self.nodes.push(node);
    }

    /// Never takes what stands before the last mark.
    fn pop(&mut self) -> Option<usize> {
        let bottom = self.marks.last().copied().unwrap_or(0);
        (self.stack.len() > bottom).then(|| self.stack.pop())?
    }

    fn pop_to_mark(&mut self) -> Option<Vec<usize>> {
        let mark = self.marks.pop()?;
        (mark <= self.stack.len()).then(|| self.stack.split_off(mark))
    }

    fn items(&mut self, count: usize) -> Option<()> {
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(self.pop()?);
        }
        items.reverse();
        self.push(Node::Items(items));
        Some(())
    }

    fn add_items(&mut self, items: Vec<usize>) -> Option<()> {
        let list = *self.stack.last()?;
        if let Node::Items(all) = &mut self.nodes[list] {
            all.extend(items);
        }
        Some(())
    }

    fn add_entries(&mut self, entries: &[(usize, usize)]) -> Option<()> {
        let dict = *self.stack.last()?;
        if let Node::Dict(all) = &mut self.nodes[dict] {
            all.extend(entries);
        }
        Some(())
    }

    fn object(&mut self) -> Option<()> {
        let (arguments, of) = (self.pop()?, self.pop()?);
        self.push(Node::Object { of, arguments });
        Some(())
    }

    fn stack_global(&mut self) -> Option<()> {
        let (name, module) = (self.pop()?, self.pop()?);
        let (Node::Str(module), Node::Str(name)) = (&self.nodes[module], &self.nodes[name]) else {
            return None;
        };
        let global = Node::Global(module, name);
        self.push(global);
        Some(())
    }

    fn remember(&mut self, number: u64) -> Option<()> {
        let top = *self.stack.last()?;
        self.memo.insert(number, top);
        Some(())
    }

    fn recall<const N: usize>(&mut self) -> Option<()> {
        let number = self.number::<N>()?;
        self.stack.push(*self.memo.get(&number)?);
        Some(())
    }

    fn int<const N: usize>(&mut self) -> Option<()> {
        let number = self.number::<N>()?;
        self.push(Node::Int(number.cast_signed()));
        Some(())
    }

    fn long(&mut self) -> Option<()> {
        let length = usize::from(self.take(1)?[0]);
        let bytes = self.take(length)?;
        let sign = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
        let mut wide = [sign; 8];
        match wide.get_mut(..length) {
            Some(low) => {
                low.copy_from_slice(bytes);
                self.push(Node::Int(i64::from_le_bytes(wide)));
            }
            None => self.push(Node::Other),
        }
        Some(())
    }

    fn text<const N: usize>(&mut self) -> Option<()> {
        let text = std::str::from_utf8(self.counted::<N>()?).ok()?;
        self.push(Node::Str(text));
        Some(())
    }

    fn bytes<const N: usize>(&mut self) -> Option<()> {
        let bytes = self.counted::<N>()?;
        self.push(Node::Bytes(bytes));
        Some(())
    }

    fn counted<const N: usize>(&mut self) -> Option<&'a [u8]> {
        let length = self.number::<N>()?;
        self.take(usize::try_from(length).ok()?)
    }

    fn line(&mut self) -> Option<&'a str> {
        let end = self.rest.iter().position(|byte| *byte == b'\n')?;
        let line = self.take(end)?;
        self.take(1)?;
        std::str::from_utf8(line).ok()
    }

    /// A little-endian number of `N` bytes, 8 at most.
    fn number<const N: usize>(&mut self) -> Option<u64> {
        let mut wide = [0; 8];
        wide[..N].copy_from_slice(self.take(N)?);
        Some(u64::from_le_bytes(wide))
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }
}

fn pairs(items: &[usize]) -> Vec<(usize, usize)> {
    items.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::super::{Value, dumps};
    use super::*;

    /// `pickle.dumps(ValueError("no such thing"), 5)`, with a class of Ray's.
    const EXCEPTION: &[u8] = b"\x80\x05\x95\x30\0\0\0\0\0\0\0\x8c\x0eray.exceptions\x94\x8c\x0dRayActorError\x94\x93\x94\x8c\x0dno such thing\x94\x85\x94R\x94.";

    #[test]
    fn exceptions_are_told_by_class_and_text() {
        let told = exception(&Pickle::read(EXCEPTION).unwrap()).unwrap();
        assert_eq!((told.class.as_str(), told.message()), ("RayActorError", "no such thing"));
        assert!(told.actor_died());
        assert!(exception(&Pickle::read(&dumps(&Value::from("RayActorError"))).unwrap()).is_none());
    }

    #[test]
    fn what_would_be_executed_is_only_named() {
        let pickle = Pickle::read(b"cos\nsystem\n(\x8c\x04truetR.").unwrap();
        assert_eq!(pickle.class(), Some(("os", "system")));
    }

    #[test]
    fn a_pickle_cut_short_or_nested_without_end_is_refused() {
        for length in 0..EXCEPTION.len() {
            assert!(Pickle::read(&EXCEPTION[..length]).is_err(), "{length}");
        }
        assert!(Pickle::read(&vec![b'N'; MOST_NODES + 2]).is_err());
        assert!(Pickle::read(b"(N0t.").is_ok());
        assert!(Pickle::read(b"N(0.").is_err(), "took what stands before a mark");
    }

    /// What a pickle holds, as the value it was written from.
    fn value(pickle: &Pickle<'_>, node: &Node<'_>) -> Value {
        let of = |number: &usize| value(pickle, pickle.node(*number));
        match node {
            Node::None => Value::None,
            Node::Bool(flag) => Value::Bool(*flag),
            Node::Int(number) => Value::Int(*number),
            Node::Float(number) => Value::Float(*number),
            Node::Str(text) => Value::from(*text),
            Node::Bytes(bytes) => Value::from(bytes.to_vec()),
            Node::Items(items) => Value::List(items.iter().map(of).collect()),
            Node::Dict(entries) => Value::Dict(entries.iter().map(|(k, v)| (of(k), of(v))).collect()),
            other => panic!("{other:?}"),
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::None),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e300..1e300).prop_map(Value::Float),
            ".{0,300}".prop_map(Value::from),
            proptest::collection::vec(any::<u8>(), 0..600).prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 32, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
                proptest::collection::vec((inner.clone(), inner), 0..6).prop_map(Value::Dict),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_again(written in values()) {
            let bytes = dumps(&written);
            let pickle = Pickle::read(&bytes).unwrap();
            prop_assert_eq!(value(&pickle, pickle.root()), written);
        }

        #[test]
        fn no_bytes_make_it_fall(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(pickle) = Pickle::read(&bytes) {
                let _ = (pickle.class(), pickle.texts().count(), exception(&pickle));
            }
        }
    }
}
