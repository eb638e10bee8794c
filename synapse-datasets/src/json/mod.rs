//! JSON as annotation files need it: pulled value by value out of bytes.
//!
//! A general library builds a tree or fills a struct. Here numbers go straight
//! into arenas, unknown fields are kept as the text they were, most polygons
//! are only passed over, and `NaN`, which Python writes, is a number.

mod cursor;
mod window;
mod write;

pub(crate) use cursor::{Cursor, Fault};
pub(crate) use window::Window;
pub(crate) use write::{Members, write_members, write_text};
