//! What is asked of the compiler, in words an author knows: whether a type
//! whose tokens say nothing can be a field, has an order, a length, items. And
//! whether values that are no literals are of the type they have to be.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{format_ident, quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

use super::field::Plan;
use super::literals::{Literal, Number};
use super::rules::{Family, Rule};
use super::shape::{Shape, ShapeKind, reference_in, unknown_in};

/// The questions of all fields. They stand before the item, so that their
/// messages come before the derives'.
pub(super) fn block<'a>(plans: impl Iterator<Item = &'a Plan>) -> Option<TokenStream> {
    let questions: TokenStream = plans.map(of_field).collect();
    (!questions.is_empty()).then(|| quote!(const _: () = { #questions };))
}

fn of_field(plan: &Plan) -> TokenStream {
    let ty = &plan.ty;
    if reference_in(ty).is_some() {
        return TokenStream::new();
    }
    let mut questions = TokenStream::new();
    if !plan.shape.is_leaf() && !plan.facts.by_hand {
        let schema = as_field(ty, "schema");
        questions.extend(quote!(let _ = #schema;));
    }
    questions.extend(of_rules(&plan.args.rules, &plan.shape, ty));
    match &plan.shape.kind {
        _ if plan.args.each.is_empty() => {}
        ShapeKind::List(item) | ShapeKind::Map(item) => {
            let ty = item_type(ty);
            questions.extend(of_rules(&plan.args.each, item, &ty));
        }
        ShapeKind::Unknown => {
            questions.extend(asked(ty, "Each"));
        }
        _ => {}
    }
    questions
}

/// The type of a list's items or a map's values.
fn item_type(ty: &Type) -> Type {
    syn::parse_quote_spanned!(ty.span()=> <#ty as ::synapse_sdk::__private::Each>::Item)
}

fn of_rules(rules: &[Rule], shape: &Shape, ty: &Type) -> TokenStream {
    let mut asked: Vec<Family> = Vec::new();
    let mut questions = TokenStream::new();
    for rule in rules {
        if shape.is_unknown() && !asked.contains(&rule.family) {
            asked.push(rule.family);
            questions.extend(of_family(rule.family, ty));
        }
        questions.extend(of_value(rule, shape, ty));
    }
    questions
}

fn of_family(family: Family, ty: &Type) -> TokenStream {
    let name = match family {
        Family::Number => "Ordered",
        Family::Text => "Text",
        Family::List => "List",
        Family::Map => "Entries",
    };
    asked(ty, name)
}

/// Asks for a trait by a constant of it: a function with a bound would add a
/// note about the function.
fn asked(ty: &Type, name: &str) -> TokenStream {
    let name = format_ident!("{name}");
    quote_spanned!(ty.span()=> let () = <#ty as ::synapse_sdk::__private::#name>::ASKED;)
}

/// `<T as ParamField>::function`. All its tokens are where the message belongs,
/// so that the compiler says it once however often it meets it.
pub(super) fn as_field(ty: &Type, function: &str) -> TokenStream {
    let function = format_ident!("{function}");
    let path = quote!(<#ty as ::synapse_sdk::__private::ParamField>::#function);
    at(unknown_in(ty).span(), path)
}

fn at(span: Span, tokens: TokenStream) -> TokenStream {
    let moved = tokens.into_iter().map(|mut token| {
        if let TokenTree::Group(group) = &token {
            token = proc_macro2::Group::new(group.delimiter(), at(span, group.stream())).into();
        }
        token.set_span(token.span().located_at(span));
        token
    });
    moved.collect()
}

/// A literal was looked at already, except that of an unknown type with a
/// fraction: a whole one may stand for a float.
fn of_value(rule: &Rule, shape: &Shape, ty: &Type) -> Option<TokenStream> {
    let value = &rule.value;
    let known = match Literal::of(value) {
        Some(Literal::Float(_)) => !shape.is_unknown(),
        Some(_) => true,
        None => false,
    };
    if known {
        return None;
    }
    if rule.family != Family::Number {
        return Some(quote_spanned!(value.span()=> const _: usize = #value;));
    }
    let typed = quote_spanned! {value.span()=>
        const _: <#ty as ::synapse_sdk::__private::Ordered>::Number = #value;
    };
    let is_step = rule.keyword == "multipleOf" && Number::of(value).is_none();
    let positive = is_step.then(|| {
        quote_spanned! {value.span()=>
            const _: () = ::core::assert!((#value) as f64 > 0.0, "a step is greater than 0");
        }
    });
    Some(quote!(#typed #positive))
}
