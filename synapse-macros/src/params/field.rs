//! A field with all that is known of it.

use quote::{ToTokens, format_ident};
use syn::ext::IdentExt;
use syn::{Field, Ident, Type};

use super::attributes::ParamArgs;
use super::serde_names::{FieldFacts, Style, field_name};
use super::shape::Shape;
use crate::sink::Sink;

pub(super) struct Plan {
    /// None in tuples.
    pub(super) ident: Option<Ident>,
    /// What its functions are called by; unlike that of every other field.
    tag: String,
    /// Its name in JSON, its index in tuples.
    pub(super) json: String,
    pub(super) ty: Type,
    pub(super) shape: Shape,
    pub(super) args: ParamArgs,
    pub(super) facts: FieldFacts,
}

impl Plan {
    /// Takes `#[param(…)]` off a field and plans what becomes of it. `variant`
    /// is the name of the variant that the field is in.
    pub(super) fn take(
        field: &mut Field,
        index: usize,
        variant: Option<&str>,
        style: Option<Style>,
        sink: &mut Sink,
    ) -> Self {
        let args = ParamArgs::take(field, sink);
        let facts = FieldFacts::of(field);
        let rust_name =
            field.ident.as_ref().map_or_else(|| index.to_string(), |name| name.unraw().to_string());
        let written = args.rename.as_ref().map(syn::LitStr::value).or_else(|| facts.rename.clone());
        let json = written.unwrap_or_else(|| match field.ident {
            Some(_) => field_name(&rust_name, style),
            None => rust_name.clone(),
        });
        let tag = match variant {
            Some(variant) => format!("{variant}_{rust_name}"),
            None => rust_name,
        };
        let shape = Shape::of(&field.ty);
        Self { ident: field.ident.clone(), tag, json, ty: field.ty.clone(), shape, args, facts }
    }

    /// The name of one of its functions.
    pub(super) fn function(&self, what: &str) -> Ident {
        format_ident!("__{what}_{}", self.tag)
    }

    /// Whether serde's derive goes through `ParamField` for it, so that one
    /// message stands for a type that cannot be a field. See `derives`.
    pub(super) fn is_asked_for(&self) -> bool {
        self.ident.is_some() && !self.shape.is_leaf() && !self.facts.by_hand
    }

    /// Whether callers may leave it out.
    pub(super) fn may_be_missing(&self) -> bool {
        self.shape.optional || self.args.default.is_some() || self.facts.has_default || self.facts.skipped
    }

    /// All other names that serde reads it under.
    pub(super) fn aliases(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for alias in self.args.aliases.iter().chain(&self.facts.aliases).map(syn::LitStr::value) {
            if alias != self.json && !names.contains(&alias) {
                names.push(alias);
            }
        }
        names
    }

    /// Its type as a person would write it.
    pub(super) fn type_text(&self) -> String {
        type_text(&self.ty)
    }
}

pub(super) fn type_text(ty: &Type) -> String {
    let mut text = ty.to_token_stream().to_string();
    for (spaced, tight) in
        [(" < ", "<"), ("< ", "<"), (" >", ">"), (" ,", ","), (" :: ", "::"), (":: ", "::"), ("& ", "&")]
    {
        text = text.replace(spaced, tight);
    }
    text
}
