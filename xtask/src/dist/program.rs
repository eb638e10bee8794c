//! A program and its functions.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use object::{Object, ObjectSymbol, SymbolKind};

use super::Result;

/// A program that is linked in an order of its own.
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) path: PathBuf,
    pub(super) functions: Vec<Function>,
    /// Places in `functions`, in the order of their first calls.
    pub(super) called: Vec<usize>,
}

pub(super) struct Function {
    /// As the linker knows it.
    name: String,
    /// In a program that is loaded at 0.
    pub(super) address: u64,
    bytes: u64,
}

impl Program {
    /// Reads the names of a program's functions.
    ///
    /// # Errors
    /// Where it cannot be read or has none.
    pub(super) fn read(folder: &Path, name: &'static str) -> Result<Self> {
        let path = folder.join(name).canonicalize()?;
        let content = fs::read(&path)?;
        let file = object::File::parse(&*content)?;
        let mut functions = Vec::new();
        for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0) {
            let name = symbol.name()?.to_owned();
            functions.push(Function { name, address: symbol.address(), bytes: symbol.size() });
        }
        match functions.is_empty() {
            true => Err(format!("{}: no functions have names", path.display()).into()),
            false => Ok(Self { name, path, functions, called: Vec::new() }),
        }
    }

    /// The linker's list: a name on each line.
    pub(super) fn order(&self) -> String {
        let mut names = HashSet::new();
        let mut order = String::new();
        for function in self.called.iter().map(|number| &self.functions[*number]) {
            if names.insert(&function.name) {
                let _ = writeln!(order, "{}", function.name);
            }
        }
        order
    }

    /// Bytes of code: what was called, and all of it.
    pub(super) fn bytes(&self) -> (u64, u64) {
        let called = self.called.iter().map(|number| self.functions[*number].bytes).sum();
        (called, self.functions.iter().map(|function| function.bytes).sum())
    }
}
