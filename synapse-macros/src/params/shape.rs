//! What a type's tokens say of its values. A macro sees no more than tokens;
//! what they do not say, the compiler is asked (see `questions`).

use syn::{Expr, ExprLit, GenericArgument, Lit, PathArguments, Type, TypePath};

/// A field's type, `Option` and `Box` taken off.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shape {
    /// Whether an `Option` was taken off.
    pub(super) optional: bool,
    pub(super) kind: ShapeKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum ShapeKind {
    Integer(Width),
    Float,
    Bool,
    Text,
    List(Box<Shape>),
    Map(Box<Shape>),
    /// Known, with nothing in it to check: `Value`, `char`, tuples of such.
    Leaf,
    /// A type of the author's, or an alias of any other.
    Unknown,
}

/// What an integer type can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Width {
    pub(super) name: &'static str,
    pub(super) min: i128,
    pub(super) max: i128,
}

/// `u128` is taken for what JSON's numbers here hold at most.
const WIDTHS: &[Width] = &[
    Width { name: "u8", min: 0, max: u8::MAX as i128 },
    Width { name: "u16", min: 0, max: u16::MAX as i128 },
    Width { name: "u32", min: 0, max: u32::MAX as i128 },
    Width { name: "u64", min: 0, max: u64::MAX as i128 },
    Width { name: "u128", min: 0, max: u64::MAX as i128 },
    Width { name: "usize", min: 0, max: u64::MAX as i128 },
    Width { name: "i8", min: i8::MIN as i128, max: i8::MAX as i128 },
    Width { name: "i16", min: i16::MIN as i128, max: i16::MAX as i128 },
    Width { name: "i32", min: i32::MIN as i128, max: i32::MAX as i128 },
    Width { name: "i64", min: i64::MIN as i128, max: i64::MAX as i128 },
    Width { name: "i128", min: i64::MIN as i128, max: u64::MAX as i128 },
    Width { name: "isize", min: i64::MIN as i128, max: i64::MAX as i128 },
];

/// Serde reads arrays up to this length, and tuples up to the other.
const LONGEST_ARRAY: usize = 32;
const LONGEST_TUPLE: usize = 12;

impl Shape {
    /// What the tokens of a type say.
    pub(super) fn of(ty: &Type) -> Self {
        let plain = |kind| Self { optional: false, kind };
        match ty {
            Type::Path(TypePath { qself: None, path, .. }) => {
                let Some(last) = path.segments.last() else { return plain(ShapeKind::Unknown) };
                let name = last.ident.to_string();
                let arguments = type_arguments(&last.arguments);
                match (name.as_str(), arguments.as_slice()) {
                    ("Option", [inner]) => Self { optional: true, ..Self::of(inner) },
                    ("Box", [inner]) => Self::of(inner),
                    (name, arguments) => plain(named(name, arguments)),
                }
            }
            Type::Array(array) => plain(match &array.len {
                Expr::Lit(ExprLit { lit: Lit::Int(length), .. })
                    if length.base10_parse().is_ok_and(|length: usize| length <= LONGEST_ARRAY) =>
                {
                    ShapeKind::List(Box::new(Self::of(&array.elem)))
                }
                _ => ShapeKind::Unknown,
            }),
            Type::Slice(slice) => plain(ShapeKind::List(Box::new(Self::of(&slice.elem)))),
            Type::Tuple(tuple) => {
                let known = tuple.elems.len() <= LONGEST_TUPLE
                    && tuple.elems.iter().all(|element| Self::of(element).is_leaf());
                plain(if known { ShapeKind::Leaf } else { ShapeKind::Unknown })
            }
            Type::Paren(inner) => Self::of(&inner.elem),
            Type::Group(inner) => Self::of(&inner.elem),
            _ => plain(ShapeKind::Unknown),
        }
    }

    /// Whether there is surely nothing in it that has checks of its own.
    pub(super) fn is_leaf(&self) -> bool {
        match &self.kind {
            ShapeKind::List(inner) | ShapeKind::Map(inner) => inner.is_leaf(),
            ShapeKind::Unknown => false,
            _ => true,
        }
    }

    pub(super) fn is_unknown(&self) -> bool {
        self.kind == ShapeKind::Unknown
    }

    /// A value of it, for people.
    pub(super) fn example(&self) -> String {
        match &self.kind {
            ShapeKind::Integer(_) => "5".to_owned(),
            ShapeKind::Float => "0.5".to_owned(),
            ShapeKind::Bool => "true".to_owned(),
            ShapeKind::Text => "\"…\"".to_owned(),
            ShapeKind::List(item) => format!("[{}]", item.example()),
            ShapeKind::Map(_) => "[(\"…\".into(), …)].into()".to_owned(),
            ShapeKind::Leaf | ShapeKind::Unknown => "…".to_owned(),
        }
    }

    /// What it is, for people.
    pub(super) fn words(&self) -> &'static str {
        match &self.kind {
            ShapeKind::Integer(_) => "a whole number",
            ShapeKind::Float => "a number",
            ShapeKind::Bool => "true or false",
            ShapeKind::Text => "a text",
            ShapeKind::List(_) => "a list",
            ShapeKind::Map(_) => "a map",
            ShapeKind::Leaf | ShapeKind::Unknown => "something else",
        }
    }
}

fn named(name: &str, arguments: &[&Type]) -> ShapeKind {
    if let Some(width) = WIDTHS.iter().find(|width| width.name == name) {
        return ShapeKind::Integer(*width);
    }
    match (name, arguments) {
        ("f32" | "f64", []) => ShapeKind::Float,
        ("bool", []) => ShapeKind::Bool,
        ("String" | "PathBuf" | "str", []) => ShapeKind::Text,
        ("Cow", [inner]) if Shape::of(inner).kind == ShapeKind::Text => ShapeKind::Text,
        ("char" | "Value", []) => ShapeKind::Leaf,
        ("Vec" | "VecDeque" | "BTreeSet" | "HashSet", [item, ..]) => {
            ShapeKind::List(Box::new(Shape::of(item)))
        }
        ("BTreeMap" | "HashMap", [key, value, ..]) if Shape::of(key).is_leaf() => {
            ShapeKind::Map(Box::new(Shape::of(value)))
        }
        _ => ShapeKind::Unknown,
    }
}

fn type_arguments(arguments: &PathArguments) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = arguments else { return Vec::new() };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect()
}

/// The type within a type that its tokens say nothing of, for messages: `Step`
/// in `Vec<Step>`.
pub(super) fn unknown_in(ty: &Type) -> &Type {
    let within = match ty {
        Type::Path(path) => path.path.segments.last().map(|last| type_arguments(&last.arguments)),
        Type::Tuple(tuple) => Some(tuple.elems.iter().collect()),
        Type::Array(array) => Some(vec![&*array.elem]),
        _ => None,
    };
    let unknown = within.into_iter().flatten().find(|inner| !Shape::of(inner).is_leaf());
    unknown.map_or(ty, unknown_in)
}

/// The first reference within a type, for which params have no place.
pub(super) fn reference_in(ty: &Type) -> Option<&Type> {
    match ty {
        Type::Reference(_) => Some(ty),
        Type::Path(path) => path
            .path
            .segments
            .iter()
            .flat_map(|segment| type_arguments(&segment.arguments))
            .find_map(reference_in),
        Type::Tuple(tuple) => tuple.elems.iter().find_map(reference_in),
        Type::Array(array) => reference_in(&array.elem),
        Type::Paren(inner) => reference_in(&inner.elem),
        Type::Group(inner) => reference_in(&inner.elem),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(ty: Type) -> ShapeKind {
        Shape::of(&ty).kind
    }

    #[test]
    fn types_are_known_by_their_last_word() {
        assert!(matches!(
            kind(syn::parse_quote!(Option<Box<u8>>)),
            ShapeKind::Integer(Width { max: 255, .. })
        ));
        assert_eq!(kind(syn::parse_quote!(::std::string::String)), ShapeKind::Text);
        assert_eq!(kind(syn::parse_quote!(Cow<'static, str>)), ShapeKind::Text);
        assert_eq!(kind(syn::parse_quote!((u8, String))), ShapeKind::Leaf);
        assert_eq!(kind(syn::parse_quote!(Optimiser)), ShapeKind::Unknown);
        assert_eq!(kind(syn::parse_quote!([f64; 64])), ShapeKind::Unknown);
        assert!(Shape::of(&syn::parse_quote!(Option<Vec<f64>>)).optional);
    }

    #[test]
    fn what_holds_a_type_of_the_authors_is_no_leaf() {
        let leaf = |ty: Type| Shape::of(&ty).is_leaf();
        assert!(leaf(syn::parse_quote!(HashMap<String, Vec<(u8, char)>>)));
        assert!(!leaf(syn::parse_quote!(HashMap<String, Vec<Step>>)));
        assert!(!leaf(syn::parse_quote!(Option<[Step; 2]>)));
        assert!(!leaf(syn::parse_quote!((u8, Step))));
    }
}
