//! Not public: leads the checks of authors into nested params.
//!
//! The macros see a field's tokens and not its type, so they cannot know
//! whether there is anything in it to check. `Probe(&field).dive(found)` looks
//! inside where [`Dive`] is implemented, which method lookup tries first, and
//! does nothing elsewhere.

use std::collections::{BTreeMap, HashMap};

use super::Findings;

/// Implemented by `#[params]`, and by what can hold such types.
pub trait Dive {
    /// Runs the checks within.
    fn dive(&self, found: &mut Findings<'_>);
}

/// A field to look into.
pub struct Probe<'a, T: ?Sized>(pub &'a T);

impl<T: Dive + ?Sized> Probe<'_, T> {
    /// Runs the checks within.
    pub fn dive(&self, found: &mut Findings<'_>) {
        self.0.dive(found);
    }
}

/// For all else.
pub trait Skip {
    /// Does nothing.
    fn dive(&self, _found: &mut Findings<'_>) {}
}

impl<T: ?Sized> Skip for Probe<'_, T> {}

impl<T: Dive> Dive for Option<T> {
    fn dive(&self, found: &mut Findings<'_>) {
        if let Some(value) = self {
            value.dive(found);
        }
    }
}

impl<T: Dive + ?Sized> Dive for Box<T> {
    fn dive(&self, found: &mut Findings<'_>) {
        (**self).dive(found);
    }
}

impl<T: Dive> Dive for [T] {
    fn dive(&self, found: &mut Findings<'_>) {
        for (index, value) in self.iter().enumerate() {
            found.item(index, |found| value.dive(found));
        }
    }
}

impl<T: Dive> Dive for Vec<T> {
    fn dive(&self, found: &mut Findings<'_>) {
        self.as_slice().dive(found);
    }
}

impl<T: Dive, const N: usize> Dive for [T; N] {
    fn dive(&self, found: &mut Findings<'_>) {
        self.as_slice().dive(found);
    }
}

impl<T: Dive> Dive for BTreeMap<String, T> {
    fn dive(&self, found: &mut Findings<'_>) {
        for (key, value) in self {
            found.field(key, |found| value.dive(found));
        }
    }
}

impl<T: Dive, S> Dive for HashMap<String, T, S> {
    fn dive(&self, found: &mut Findings<'_>) {
        for (key, value) in self {
            found.field(key, |found| value.dive(found));
        }
    }
}
