//! What the macros emit, kept in `tests/output` to be read and reviewed.
//!
//! Each file in `tests/input` holds one item under one macro. After a change,
//! `SYNAPSE_BLESS=1 cargo test -p synapse-macros golden` writes the outputs anew.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Attribute, Item, Meta};

use crate::params::Kind;

#[test]
fn what_the_macros_emit_is_as_reviewed() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let different: Vec<String> =
        inputs(&tests).iter().filter_map(|input| difference(&tests, input)).collect();
    assert!(
        different.is_empty(),
        "{}\nif this is meant, run `SYNAPSE_BLESS=1 cargo test -p synapse-macros golden`",
        different.join("\n")
    );
}

fn inputs(tests: &Path) -> Vec<PathBuf> {
    let folder = fs::read_dir(tests.join("input")).expect("tests/input");
    let mut inputs: Vec<PathBuf> = folder.map(|entry| entry.expect("an entry").path()).collect();
    inputs.sort();
    inputs
}

/// What is not as it was, in words. Written anew instead when that was asked for.
fn difference(tests: &Path, input: &Path) -> Option<String> {
    let name = input.file_name().expect("a file's name");
    let path = tests.join("output").join(name);
    let emitted = expanded(&fs::read_to_string(input).expect("an input"));
    if std::env::var_os("SYNAPSE_BLESS").is_some() {
        fs::write(&path, emitted).expect("tests/output is written");
        return None;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    (expected != emitted).then(|| format!("{} differs; now:\n{emitted}", path.display()))
}

/// The only item of `source`, after its first macro ran.
fn expanded(source: &str) -> String {
    let mut item: Item = syn::parse_str(source).expect("one item");
    let at = attributes(&mut item).iter().position(is_macro).expect("a macro of ours");
    let attribute = attributes(&mut item).remove(at);
    let emitted = run(&attribute, item.into_token_stream());
    prettyplease::unparse(&syn::parse2(emitted).expect("items"))
}

fn attributes(item: &mut Item) -> &mut Vec<Attribute> {
    match item {
        Item::Fn(function) => &mut function.attrs,
        Item::Struct(structure) => &mut structure.attrs,
        Item::Enum(choice) => &mut choice.attrs,
        _ => panic!("inputs are functions, structs and enums"),
    }
}

fn is_macro(attribute: &Attribute) -> bool {
    ["action", "params", "result", "derive"].iter().any(|name| attribute.path().is_ident(name))
}

fn run(attribute: &Attribute, item: TokenStream) -> TokenStream {
    let args = match &attribute.meta {
        Meta::List(list) => list.tokens.clone(),
        _ => TokenStream::new(),
    };
    let name = attribute.path().get_ident().expect("one word").to_string();
    match (name.as_str(), args.to_string().as_str()) {
        ("action", _) => crate::action_fn::expand(args, item),
        ("params", _) => crate::params::expand(Kind::Params, args, item),
        ("result", _) => crate::params::expand(Kind::Result, args, item),
        ("derive", "Action") => crate::action_derive::expand(item),
        ("derive", "DataType") => crate::data_type::expand(item),
        (name, of) => panic!("no such macro: {name}({of})"),
    }
}
