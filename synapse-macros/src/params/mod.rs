//! `#[params]` and `#[result]`: one declaration becomes serde and schemars
//! derives with their attributes, and the checks of the author's own.
//!
//! - `attributes`, `rules`, `hints` read what the author wrote;
//!   `guesses` answers what authors of other frameworks would write;
//! - `shape` knows types by their tokens, `serde_names` knows serde's
//!   attributes, `literals` knows values;
//! - `limits`, `siblings` and `pattern` refuse what cannot be meant;
//! - `defaults`, `derives`, `questions`, `checks` write code; `fallback` writes
//!   what stands in for it after a mistake.

mod attributes;
mod checks;
mod defaults;
mod derives;
mod expand;
mod fallback;
mod field;
mod guesses;
mod hints;
mod limits;
mod literals;
mod pattern;
mod questions;
mod rules;
mod serde_names;
mod shape;
mod siblings;

pub(crate) use expand::{Kind, expand};
