//! From the attribute and the item to the code.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{Fields, Generics, Ident, Item, ItemEnum, ItemStruct, Visibility};

use super::attributes::TypeArgs;
use super::checks::{self, VariantPlan};
use super::field::Plan;
use super::serde_names::{Style, Tagging, TypeFacts, VariantFacts};
use super::shape::reference_in;
use super::{defaults, derives, fallback, limits, questions, siblings};
use crate::names::snake_case;
use crate::sink::Sink;

/// What the type is declared as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Params,
    Result,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Params => "params",
            Self::Result => "result",
        }
    }
}

pub(crate) fn expand(kind: Kind, args: TokenStream, item: TokenStream) -> TokenStream {
    let mut sink = Sink::default();
    let args = TypeArgs::parse(kind, args, &mut sink);
    let code = match syn::parse2(item.clone()) {
        Ok(Item::Struct(item)) => expand_struct(kind, &args, item, &mut sink),
        Ok(Item::Enum(item)) => expand_enum(kind, &args, item, &mut sink),
        Ok(other) => {
            sink.add(other, format!("`#[{}]` stands on a struct or an enum", kind.word()));
            item
        }
        Err(error) => {
            sink.push(error);
            item
        }
    };
    let errors = sink.into_tokens();
    quote!(#code #errors)
}

fn expand_struct(kind: Kind, args: &TypeArgs, mut item: ItemStruct, sink: &mut Sink) -> TokenStream {
    limits::check_generics(&item.generics, sink);
    if kind == Kind::Params {
        check_form(&item, sink);
    }
    let facts = TypeFacts::of(&item.attrs);
    let plans = plan_fields(&mut item.fields, None, facts.style(), &facts, sink);
    let conditions = siblings::check(&plans, sink);
    let is_newtype = matches!(&item.fields, Fields::Unnamed(fields) if fields.unnamed.len() == 1);
    let mut looks = checks::of_struct(&plans, is_newtype);
    looks.extend(checks::of_type(args.check.as_ref()));

    let flattened = plans.iter().any(|plan| plan.facts.flattened);
    let named = matches!(item.fields, Fields::Named(_));
    let strict = named && !flattened && strict(kind, args, &facts);
    let owns = plans.iter().all(|plan| reference_in(&plan.ty).is_none());
    let constructed = kind == Kind::Params && named && owns && !facts.has_default;
    let constructed = constructed.then(|| item.vis.clone());
    let (ident, generics) = (&item.ident.clone(), &item.generics.clone());
    let parts = Parts { kind, args, ident, generics, looks, constructed };
    if sink.is_empty() {
        let asking = asking(&item.attrs);
        for (index, field) in item.fields.iter_mut().enumerate() {
            derives::dress(parts.ident, &plans[index], &conditions[index], asking, field);
        }
        let head = parts.head(&item.attrs, strict, None);
        parts.with_derives(quote!(#head #item), plans.iter().collect(), asking)
    } else {
        let stubs = fallback::stubs(&item.attrs, &item.ident, &item.generics);
        let attributes_too = !fallback::attributes_are_read(&item.attrs);
        fallback::undress_fields(&mut item.fields, attributes_too);
        if attributes_too {
            fallback::undress(&mut item.attrs);
        }
        parts.with_stubs(quote!(#item #stubs), plans.iter().collect())
    }
}

/// Params are an object, or a newtype around something that stands in one.
fn check_form(item: &ItemStruct, sink: &mut Sink) {
    match &item.fields {
        Fields::Unnamed(fields) if fields.unnamed.len() != 1 => {
            sink.add(fields, "params have named fields: callers give them by name");
        }
        Fields::Unit => {
            let name = &item.ident;
            let message = format!(
                "params are an object: write `struct {name} {{}}`, or `()` as the type of an action's params"
            );
            sink.add(name, message);
        }
        _ => {}
    }
}

fn expand_enum(kind: Kind, args: &TypeArgs, mut item: ItemEnum, sink: &mut Sink) -> TokenStream {
    limits::check_generics(&item.generics, sink);
    let facts = TypeFacts::of(&item.attrs);
    let mut variants = Vec::new();
    let mut conditions = Vec::new();
    for variant in &mut item.variants {
        let of_variant = VariantFacts::of(variant, &facts);
        let name = snake_case(&variant.ident.unraw().to_string());
        let plans = plan_fields(&mut variant.fields, Some(&name), of_variant.style, &facts, sink);
        conditions.push(siblings::check(&plans, sink));
        let VariantFacts { name: json, untagged, .. } = of_variant;
        variants.push(VariantPlan { ident: variant.ident.clone(), json, untagged, plans });
    }
    let tagging = facts.tagging();
    let mut looks = checks::of_enum(&variants, &tagging);
    looks.extend(checks::of_type(args.check.as_ref()));

    let plans: Vec<&Plan> = variants.iter().flat_map(|variant| &variant.plans).collect();
    let plain = plans.is_empty() && tagging == Tagging::External;
    let flattened = plans.iter().any(|plan| plan.facts.flattened);
    let strict = !plain && !flattened && strict(kind, args, &facts);
    let style = (!facts.renamed).then_some("snake_case");
    let (ident, generics) = (&item.ident.clone(), &item.generics.clone());
    let parts = Parts { kind, args, ident, generics, looks, constructed: None };
    if sink.is_empty() {
        let asking = asking(&item.attrs);
        for (index, variant) in item.variants.iter_mut().enumerate() {
            for (place, field) in variant.fields.iter_mut().enumerate() {
                let plan = &variants[index].plans[place];
                derives::dress(parts.ident, plan, &conditions[index][place], asking, field);
            }
        }
        let head = parts.head(&item.attrs, strict, style);
        parts.with_derives(quote!(#head #item), plans, asking)
    } else {
        let stubs = fallback::stubs(&item.attrs, &item.ident, &item.generics);
        let attributes_too = !fallback::attributes_are_read(&item.attrs);
        for variant in &mut item.variants {
            fallback::undress_fields(&mut variant.fields, attributes_too);
            if attributes_too {
                fallback::undress(&mut variant.attrs);
            }
        }
        if attributes_too {
            fallback::undress(&mut item.attrs);
        }
        parts.with_stubs(quote!(#item #stubs), plans)
    }
}

fn plan_fields(
    fields: &mut Fields,
    variant: Option<&str>,
    style: Option<Style>,
    facts: &TypeFacts,
    sink: &mut Sink,
) -> Vec<Plan> {
    let plan = |(index, field)| {
        let mut plan = Plan::take(field, index, variant, style, sink);
        limits::check(&mut plan, facts.has_default, sink);
        plan
    };
    fields.iter_mut().enumerate().map(plan).collect()
}

/// Unknown fields are refused, unless the author says that they may stand.
/// serde cannot refuse them where it flattens others in.
fn strict(kind: Kind, args: &TypeArgs, facts: &TypeFacts) -> bool {
    kind == Kind::Params && !args.lenient && !facts.strict
}

/// A derive of the author's own reads the attributes too: it gets none that
/// it does not need.
fn asking(attributes: &[syn::Attribute]) -> bool {
    !fallback::attributes_are_read(attributes)
}

/// What stands around the item.
struct Parts<'a> {
    kind: Kind,
    args: &'a TypeArgs,
    ident: &'a Ident,
    generics: &'a Generics,
    looks: TokenStream,
    /// Whether there is a constructor, and who may use it.
    constructed: Option<Visibility>,
}

impl Parts<'_> {
    /// The attributes of the type.
    fn head(&self, attributes: &[syn::Attribute], strict: bool, style: Option<&str>) -> TokenStream {
        let derives = derives::derives(attributes);
        let strict = strict.then(|| quote!(#[serde(deny_unknown_fields)]));
        let style = style.map(|style| quote!(#[serde(rename_all = #style)]));
        let excluded = self.args.excluded;
        let excluded = excluded.then(|| quote!(#[schemars(extend("x-ui" = { "exclude": true }))]));
        quote!(#derives #strict #style #excluded)
    }

    fn with_derives(&self, item: TokenStream, plans: Vec<&Plan>, asking: bool) -> TokenStream {
        let questions = questions::block(plans.iter().copied());
        let schemas = plans.iter().filter(|_| asking).filter_map(|plan| derives::schema_function(plan));
        let functions: TokenStream = schemas.collect();
        let rest = self.rest(&plans, functions);
        quote!(#questions #item #rest)
    }

    /// Everything but the derives, so that mistakes within it are told as well.
    fn with_stubs(&self, item: TokenStream, plans: Vec<&Plan>) -> TokenStream {
        let generic = !self.generics.params.is_empty();
        let questions = if generic { None } else { questions::block(plans.iter().copied()) };
        let rest = self.rest(&plans, TokenStream::new());
        quote!(#questions #item #rest)
    }

    fn rest(&self, plans: &[&Plan], mut functions: TokenStream) -> TokenStream {
        functions.extend(plans.iter().filter_map(|plan| defaults::function(plan)));
        let mut generics = self.generics.clone();
        if !generics.params.is_empty() {
            generics.make_where_clause().predicates.push(syn::parse_quote!(Self: 'static));
        }
        let (impl_generics, type_generics, wheres) = self.generics.split_for_impl();
        let ident = self.ident;
        let functions = (!functions.is_empty()).then(|| {
            quote! {
                #[doc(hidden)]
                #[allow(clippy::unnecessary_literal_bound, reason = "defaults are written by the author")]
                impl #impl_generics #ident #type_generics #wheres { #functions }
            }
        });
        let constructor = self.constructed.as_ref().and_then(|vis| defaults::constructor(vis, plans));
        let constructor = constructor
            .map(|constructor| quote!(impl #impl_generics #ident #type_generics #wheres { #constructor }));
        let impls = checks::impls(self.kind, ident, &generics, &self.looks);
        quote!(#functions #constructor #impls)
    }
}
