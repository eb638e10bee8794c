//! Not public: what the macros ask of a field's type, each question with an
//! answer in the author's words.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::num::NonZero;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserializer, Serialize, Serializer};

/// What a field of params or results has to be.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field of params or of a result",
    label = "cannot be read from JSON, or has no schema",
    note = "write `#[params]` on the type, or on the one that it holds; \
            for a type of another crate see the attributes of serde and schemars"
)]
pub trait ParamField: Sized {
    /// As serde reads it.
    ///
    /// # Errors
    /// What the type's own reading says.
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;

    /// As serde writes it.
    ///
    /// # Errors
    /// What the type's own writing says.
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    /// Its schema, or a reference to it.
    fn schema(generator: &mut SchemaGenerator) -> Schema;
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + Serialize + JsonSchema> ParamField for T {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer)
    }

    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.serialize(serializer)
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }
}

/// Takes the `null` out that stands for an `Option` without a default.
#[doc(hidden)]
pub fn without_default(schema: &mut Schema) {
    schema.remove("default");
}

/// A type that `ge`, `gt`, `le`, `lt` and `multiple_of` can stand on.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no number: `ge`, `gt`, `le`, `lt` and `multiple_of` say nothing of it",
    label = "not a number",
    note = "for a text write `length(min = …)`, for a list `items(min = …)`; \
            rules of a newtype stand on the field within it"
)]
pub trait Ordered {
    /// The type of its bounds.
    type Number;
    /// What the macros name to ask for the trait.
    const ASKED: () = ();
}

macro_rules! numbers {
    ($($number:ty),*) => { $(#[diagnostic::do_not_recommend] impl Ordered for $number { type Number = $number; })* };
}
numbers!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64);

macro_rules! non_zero_numbers {
    ($($number:ty),*) => { $(#[diagnostic::do_not_recommend] impl Ordered for NonZero<$number> { type Number = $number; })* };
}
non_zero_numbers!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);

/// A type that `length` and `pattern` can stand on.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no text: `length` and `pattern` say nothing of it",
    label = "not a text",
    note = "for a number write `ge = …`, for a list `items(min = …)`; \
            rules of a newtype stand on the field within it"
)]
pub trait Text {
    /// What the macros name to ask for the trait.
    const ASKED: () = ();
}

#[diagnostic::do_not_recommend]
impl Text for str {}
#[diagnostic::do_not_recommend]
impl Text for String {}
#[diagnostic::do_not_recommend]
impl Text for PathBuf {}
#[diagnostic::do_not_recommend]
impl<T: Text + ToOwned + ?Sized> Text for std::borrow::Cow<'_, T> {}

/// A type that `items` can stand on.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no list: `items` says nothing of it",
    label = "not a list",
    note = "for a text write `length(min = …)`, for a map `entries(min = …)`; \
            rules of a newtype stand on the field within it"
)]
pub trait List {
    /// What the macros name to ask for the trait.
    const ASKED: () = ();
}

/// A type that `entries` can stand on.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no map: `entries` says nothing of it",
    label = "not a map",
    note = "for a list write `items(min = …)`, for a text `length(min = …)`; \
            rules of a newtype stand on the field within it"
)]
pub trait Entries {
    /// What the macros name to ask for the trait.
    const ASKED: () = ();
}

/// A type that `each` can stand on.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no items: `each` says nothing of it",
    label = "neither a list nor a map",
    note = "write the rule itself, without `each`; rules of a newtype stand on the field within it"
)]
pub trait Each {
    /// What its items, or its values, are.
    type Item;
    /// What the macros name to ask for the trait.
    const ASKED: () = ();
}

macro_rules! lists {
    ($([$($generics:tt)*] $list:ty),* $(,)?) => { $(
        #[diagnostic::do_not_recommend]
        impl<$($generics)*> List for $list {}
        #[diagnostic::do_not_recommend]
        impl<$($generics)*> Each for $list { type Item = T; }
    )* };
}
lists!([T] Vec<T>, [T] VecDeque<T>, [T] BTreeSet<T>, [T, S] HashSet<T, S>, [T] [T], [T, const N: usize] [T; N]);

macro_rules! maps {
    ($([$($generics:tt)*] $map:ty => $value:ty),* $(,)?) => { $(
        #[diagnostic::do_not_recommend]
        impl<$($generics)*> Entries for $map {}
        #[diagnostic::do_not_recommend]
        impl<$($generics)*> Each for $map { type Item = $value; }
    )* };
}
maps!([K, V] BTreeMap<K, V> => V, [K, V, S] HashMap<K, V, S> => V);
maps!([] serde_json::Map<String, serde_json::Value> => serde_json::Value);

macro_rules! wrappers {
    ($($wrapper:ident),*) => { $(
        #[diagnostic::do_not_recommend]
        impl<T: Ordered + ?Sized> Ordered for $wrapper<T> { type Number = T::Number; }
        #[diagnostic::do_not_recommend]
        impl<T: Text + ?Sized> Text for $wrapper<T> {}
        #[diagnostic::do_not_recommend]
        impl<T: List + ?Sized> List for $wrapper<T> {}
        #[diagnostic::do_not_recommend]
        impl<T: Entries + ?Sized> Entries for $wrapper<T> {}
        #[diagnostic::do_not_recommend]
        impl<T: Each + ?Sized> Each for $wrapper<T> { type Item = T::Item; }
    )* };
}
wrappers!(Box, Rc, Arc);

#[diagnostic::do_not_recommend]
impl<T: Ordered> Ordered for Option<T> {
    type Number = T::Number;
}
#[diagnostic::do_not_recommend]
impl<T: Text> Text for Option<T> {}
#[diagnostic::do_not_recommend]
impl<T: List> List for Option<T> {}
#[diagnostic::do_not_recommend]
impl<T: Entries> Entries for Option<T> {}
#[diagnostic::do_not_recommend]
impl<T: Each> Each for Option<T> {
    type Item = T::Item;
}

/// A type whose default can be written as a text.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the default of `{Self}` is no text",
    label = "a text is no `{Self}`",
    note = "write the value itself, such as `default = Optimiser::Adam`"
)]
pub trait TextDefault: Sized {
    /// The value of a text.
    fn from_text(text: &'static str) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: From<&'static str>> TextDefault for T {
    fn from_text(text: &'static str) -> Self {
        text.into()
    }
}
