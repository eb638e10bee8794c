//! Defaults: serde takes them from functions, schemars prints what these give.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, ExprPath, ExprUnary, Ident, Lit, LitFloat, Type, UnOp, Visibility};

use super::field::Plan;
use super::literals::Literal;
use super::shape::{Shape, ShapeKind};

/// The function that makes the default, if it takes one.
pub(super) fn function(plan: &Plan) -> Option<TokenStream> {
    let value = plan.args.default.as_ref()?.value.as_ref()?;
    let (name, ty) = (plan.function("default"), &plan.ty);
    let made = made(value, &plan.shape, ty);
    let made = match plan.shape.optional && Literal::of(value).is_some() {
        true => quote!(::core::option::Option::Some(#made)),
        false => made,
    };
    Some(quote!(#[doc(hidden)] fn #name() -> #ty { #made }))
}

/// The constructor that takes the fields without a default, and leaves all
/// others to theirs. None where the fields have no names.
pub(super) fn constructor(vis: &Visibility, plans: &[&Plan]) -> Option<TokenStream> {
    let named: Option<Vec<(&Ident, &Plan)>> =
        plans.iter().map(|plan| Some((plan.ident.as_ref()?, *plan))).collect();
    let named = named.filter(|named| !named.is_empty())?;
    let required = named.iter().filter(|(_, plan)| !plan.may_be_missing());
    let arguments = required.map(|(ident, plan)| {
        let ty = &plan.ty;
        quote!(#ident: #ty)
    });
    let fields = named.iter().map(|(ident, plan)| match plan.may_be_missing() {
        true => {
            let value = default_of(plan);
            quote!(#ident: #value)
        }
        false => quote!(#ident),
    });
    Some(quote! {
        #[doc = "These params with what has to be given; all else has its default."]
        #[must_use]
        #[allow(dead_code, private_interfaces, clippy::too_many_arguments)]
        #vis fn required(#(#arguments),*) -> Self {
            Self { #(#fields),* }
        }
    })
}

/// What a field is when it is left out.
fn default_of(plan: &Plan) -> TokenStream {
    let own = plan.args.default.as_ref().is_some_and(|default| default.value.is_some());
    if own {
        let name = plan.function("default");
        return quote!(Self::#name());
    }
    match plan.facts.default_path.as_ref().and_then(|path| path.parse::<ExprPath>().ok()) {
        Some(path) => quote!(#path()),
        None => quote!(::core::default::Default::default()),
    }
}

/// Literals become whatever the type wants: any text type, any collection, a
/// float without its `.0`.
fn made(value: &Expr, shape: &Shape, ty: &Type) -> TokenStream {
    match (Literal::of(value), &shape.kind) {
        (Some(Literal::Text(_)), ShapeKind::Unknown) => {
            quote_spanned!(value.span()=> ::synapse_sdk::__private::TextDefault::from_text(#value))
        }
        (Some(Literal::Text(_)), _) => quote!(::core::convert::Into::into(#value)),
        (Some(Literal::Integer(_)), ShapeKind::Float) => as_float(value),
        (Some(Literal::List(list)), ShapeKind::List(item)) => {
            let items = list.elems.iter().map(|value| made(value, item, ty));
            match ty {
                Type::Array(_) => quote!([#(#items),*]),
                _ => quote!(::core::iter::FromIterator::from_iter([#(#items),*])),
            }
        }
        _ => quote!(#value),
    }
}

fn as_float(value: &Expr) -> TokenStream {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) if number.suffix().is_empty() => {
            let float = LitFloat::new(&format!("{}.0", number.base10_digits()), number.span());
            quote!(#float)
        }
        Expr::Unary(ExprUnary { op: UnOp::Neg(minus), expr, .. }) => {
            let number = as_float(expr);
            quote!(#minus #number)
        }
        other => quote!(#other),
    }
}
