//! The author's own checks: `impl Dive` looks at each field with a check or
//! with something in it that may have some, `impl Params` begins there.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, ExprClosure, Generics, Ident, Pat, Type};

use super::expand::Kind;
use super::field::Plan;
use super::serde_names::Tagging;

/// A variant's fields, and where they stand in JSON.
pub(super) struct VariantPlan {
    pub(super) ident: Ident,
    pub(super) json: String,
    pub(super) untagged: bool,
    pub(super) plans: Vec<Plan>,
}

/// The name of the collector in generated code, out of the author's sight.
fn found() -> Ident {
    Ident::new("found", Span::mixed_site())
}

/// What is looked at in a struct.
pub(super) fn of_struct(plans: &[Plan], is_newtype: bool) -> TokenStream {
    let looks = plans.iter().enumerate().filter_map(|(index, plan)| {
        let index = syn::Index::from(index);
        let value = |span: Span| match &plan.ident {
            Some(name) => {
                let name = Ident::new(&name.to_string(), name.span().located_at(span));
                quote_spanned!(span=> &self.#name)
            }
            None => quote_spanned!(span=> &self.#index),
        };
        look(plan, value, is_newtype)
    });
    looks.collect()
}

/// What is looked at in an enum.
pub(super) fn of_enum(variants: &[VariantPlan], tagging: &Tagging) -> TokenStream {
    let arms: Vec<TokenStream> = variants.iter().filter_map(|variant| arm(variant, tagging)).collect();
    if arms.is_empty() {
        return TokenStream::new();
    }
    let rest = (arms.len() < variants.len()).then(|| quote!(_ => {}));
    quote!(match self { #(#arms)* #rest })
}

fn arm(variant: &VariantPlan, tagging: &Tagging) -> Option<TokenStream> {
    let alone = matches!(variant.plans.as_slice(), [Plan { ident: None, .. }]);
    let mut bound = TokenStream::new();
    let mut looks = TokenStream::new();
    for (index, plan) in variant.plans.iter().enumerate() {
        let value = Ident::new(&format!("value{index}"), Span::mixed_site());
        let bound_value = |span: Span| {
            let value = Ident::new(&value.to_string(), value.span().located_at(span));
            quote!(#value)
        };
        if let Some(look) = look(plan, bound_value, alone) {
            let place = plan.ident.as_ref().map_or_else(
                || {
                    let index = syn::Index::from(index);
                    quote!(#index)
                },
                |name| quote!(#name),
            );
            bound.extend(quote!(#place: #value,));
            looks.extend(look);
        }
    }
    if looks.is_empty() {
        return None;
    }
    let step = match tagging {
        _ if variant.untagged => None,
        Tagging::External => Some(&variant.json),
        Tagging::Adjacent { content } => Some(content),
        Tagging::InPlace => None,
    };
    let looks = match step {
        Some(step) => within(step, &looks),
        None => looks,
    };
    let ident = &variant.ident;
    Some(quote!(Self::#ident { #bound .. } => { #looks }))
}

/// Runs a field's check and those within it; `value` gives a reference to it,
/// placed where a message about it belongs.
fn look(plan: &Plan, value: impl Fn(Span) -> TokenStream, in_place: bool) -> Option<TokenStream> {
    let found = found();
    let check = plan.args.check.as_ref().map(|check| take(check, &plan.ty, &value(check.span())));
    let may_hold_checks = !plan.shape.is_leaf() && !plan.facts.skipped;
    let dive = may_hold_checks.then(|| {
        let value = value(Span::call_site());
        quote!(::synapse_sdk::__private::Probe(#value).dive(#found);)
    });
    if check.is_none() && dive.is_none() {
        return None;
    }
    let looks = quote!(#check #dive);
    Some(if in_place || plan.facts.flattened { looks } else { within(&plan.json, &looks) })
}

fn within(step: &str, looks: &TokenStream) -> TokenStream {
    let found = found();
    quote!(#found.field(#step, |#found| { #looks });)
}

/// Calls a check. The call is a plain one, so that `fn(&str)` checks a `String`.
fn take(check: &Expr, ty: &Type, value: &TokenStream) -> TokenStream {
    let found = Ident::new("found", Span::mixed_site().located_at(check.span()));
    match check {
        Expr::Closure(closure) => {
            let context = (closure.inputs.len() == 2).then(|| quote!(, #found.context()));
            let closure = typed(closure, ty);
            let name = Ident::new("__check", check.span());
            quote_spanned! {check.span()=>
                let #name = #closure;
                #found.take(#name(#value #context));
            }
        }
        path => quote_spanned!(check.span()=> #found.take(#path(#value));),
    }
}

/// A closure that is called at once is read before its arguments: it has to
/// say their types.
fn typed(closure: &ExprClosure, ty: &Type) -> ExprClosure {
    let mut closure = closure.clone();
    let types: [Type; 2] =
        [syn::parse_quote!(&#ty), syn::parse_quote!(::synapse_sdk::params::CheckContext<'_>)];
    for (input, ty) in closure.inputs.iter_mut().zip(types) {
        if !matches!(input, Pat::Type(_)) {
            *input = Pat::Type(syn::parse_quote!(#input: #ty));
        }
    }
    closure
}

/// The check of the type itself, which sees all of it.
pub(super) fn of_type(check: Option<&Expr>) -> TokenStream {
    let taken = |check: &Expr| {
        let value = quote_spanned!(check.span()=> self);
        take(check, &syn::parse_quote!(Self), &value)
    };
    check.map(taken).unwrap_or_default()
}

/// `impl Dive`, when there is something to look at, and `impl Params`.
pub(super) fn impls(kind: Kind, ident: &Ident, generics: &Generics, looks: &TokenStream) -> TokenStream {
    let (impl_generics, type_generics, wheres) = generics.split_for_impl();
    let found = found();
    let dive = (!looks.is_empty()).then(|| {
        quote! {
            impl #impl_generics ::synapse_sdk::__private::Dive for #ident #type_generics #wheres {
                fn dive(&self, #found: &mut ::synapse_sdk::params::Findings<'_>) {
                    #[allow(unused_imports, reason = "not every field needs it")]
                    use ::synapse_sdk::__private::Skip as _;
                    #looks
                }
            }
        }
    });
    let check = (!looks.is_empty()).then(|| {
        quote! {
            fn check(&self, #found: &mut ::synapse_sdk::params::Findings<'_>) {
                ::synapse_sdk::__private::Dive::dive(self, #found);
            }
        }
    });
    // A mistake about one type is not answered with a list of others.
    let params = (kind == Kind::Params).then(|| {
        quote! {
            #[diagnostic::do_not_recommend]
            impl #impl_generics ::synapse_sdk::Params for #ident #type_generics #wheres { #check }
        }
    });
    quote!(#dive #params)
}
