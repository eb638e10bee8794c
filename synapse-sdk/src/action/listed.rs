//! The list in `export_plugin!`, checked when the plugin is compiled.

use super::{ActionDef, ActionFacts, ActionMeta};

/// Not public: an action as `export_plugin!` lists it.
#[doc(hidden)]
pub struct Listed {
    /// What is known of it.
    pub facts: &'static ActionFacts,
    /// Its entry: naming it keeps it from being dropped by the linker.
    pub def: fn() -> &'static ActionDef,
}

/// Not public: what `export_plugin!` can list.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is listed as an action and is none",
    label = "not an action",
    note = "write `#[derive(Action)]` on the type, or `#[action]` on the function"
)]
pub trait Listable {
    /// Its entry in the list.
    const LISTED: Listed;
}

#[diagnostic::do_not_recommend]
impl<A: ActionMeta> Listable for A {
    const LISTED: Listed = Listed { facts: A::FACTS, def: A::def };
}

/// Not public: fails to compile when two of these have one name.
#[doc(hidden)]
#[track_caller]
pub const fn distinct_names(actions: &[Listed]) {
    let mut left = 0;
    while left < actions.len() {
        let mut right = left + 1;
        while right < actions.len() {
            if same(actions[left].facts.name, actions[right].facts.name) {
                one_name(actions[left].facts, actions[right].facts);
            }
            right += 1;
        }
        left += 1;
    }
}

#[track_caller]
const fn one_name(left: &ActionFacts, right: &ActionFacts) -> ! {
    let mut text = Text { bytes: [0; 512], len: 0 };
    if same(left.item, right.item) && same(left.module, right.module) {
        text.push(&["`", left.item, "` is listed twice"]);
    } else {
        let (item, other) = (left.item, right.item);
        text.push(&["`", item, "` and `", other, "` are both named `", left.name]);
        text.push(&["`: give one of them another `name = \"…\"`"]);
    }
    match text.as_str() {
        Some(text) => panic!("{}", text),
        None => panic!("two of these actions have one name"),
    }
}

/// A text put together by the compiler.
struct Text {
    bytes: [u8; 512],
    len: usize,
}

impl Text {
    /// Adds what fits.
    const fn push(&mut self, pieces: &[&str]) {
        let mut piece = 0;
        while piece < pieces.len() {
            let bytes = pieces[piece].as_bytes();
            let mut at = 0;
            while at < bytes.len() && self.len < self.bytes.len() {
                self.bytes[self.len] = bytes[at];
                self.len += 1;
                at += 1;
            }
            piece += 1;
        }
    }

    const fn as_str(&self) -> Option<&str> {
        match std::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => Some(text),
            Err(_) => None,
        }
    }
}

const fn same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    let mut index = 0;
    while index < left.len() {
        if left[index] != right[index] {
            return false;
        }
        index += 1;
    }
    true
}
