//! What the function of an action has to look like.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{FnArg, GenericParam, PatType, ReturnType, Safety, Type};

use crate::sink::Sink;

const FORM: &str = "`(params: MyParams, ctx: &Context)`";

/// The types of an action's function.
pub(crate) struct Signature<'a> {
    pub(crate) params: &'a Type,
    pub(crate) context: &'a Type,
    pub(crate) output: &'a Type,
}

impl<'a> Signature<'a> {
    /// The types, unless there are mistakes to be told first.
    pub(crate) fn read(sig: &'a syn::Signature, sink: &mut Sink) -> Option<Self> {
        check_form(sig, sink);
        if let Some(place) = method_mark(sig) {
            let message = "a method cannot be an action by itself: \
                           write `#[derive(Action)]` on the type and `impl Action` for it";
            sink.add(place, message);
            return None;
        }
        let (arguments, output) = (arguments(sig, sink), output(sig, sink));
        let (params, context) = arguments?;
        check_params(params, sink);
        check_context(context, sink);
        Some(Self { params, context, output: output? })
    }
}

/// A type as an author would write it.
pub(crate) fn type_text(ty: &Type) -> String {
    let text = ty.to_token_stream().to_string();
    let spaced = [(" < ", "<"), (" >", ">"), (" :: ", "::"), (" ,", ","), ("& ", "&")];
    spaced.into_iter().fold(text, |text, (from, to)| text.replace(from, to))
}

fn check_form(sig: &syn::Signature, sink: &mut Sink) {
    let generics = &sig.generics;
    if generics.params.iter().any(|param| !matches!(param, GenericParam::Lifetime(_))) {
        sink.add(generics, "an action cannot be generic: its params need one schema");
    } else if !generics.params.is_empty() {
        sink.add(
            generics,
            "an action needs no lifetimes: write `&Context`, and types that own what they hold",
        );
    }
    if let Safety::Unsafe(unsafety) = &sig.safety {
        sink.add(unsafety, "an action is called by hosts and cannot be `unsafe`");
    }
    if let Some(abi) = &sig.abi {
        sink.add(abi, "an action is an ordinary Rust function: remove `extern`");
    }
}

/// What shows that a function stands in an `impl` block or a trait.
pub(crate) fn method_mark(sig: &syn::Signature) -> Option<TokenStream> {
    if let Some(receiver) = sig.receiver() {
        return Some(receiver.to_token_stream());
    }
    let types = sig.inputs.iter().map(ToTokens::to_token_stream).chain([sig.output.to_token_stream()]);
    find(types.collect(), &|token, _| is_word(token, "Self"))
}

/// The types of the two arguments.
fn arguments<'a>(sig: &'a syn::Signature, sink: &mut Sink) -> Option<(&'a Type, &'a Type)> {
    let inputs: Vec<&PatType> = sig.inputs.iter().filter_map(typed).collect();
    match inputs[..] {
        [params, context] if is_context(&params.ty) && !is_context(&context.ty) => {
            sink.add(&sig.inputs, format!("params come first, then the context: {FORM}"));
        }
        [params, context] => return Some((&params.ty, &context.ty)),
        [] => {
            let message =
                format!("an action takes params and a context: {FORM}; `_params: ()` if there are none");
            sink.push(syn::Error::new(sig.paren_token.span.join(), message));
        }
        [context] if is_context(&context.ty) => {
            sink.add(
                context,
                "the params are missing: write `_params: ()` before the context if there are none",
            );
        }
        [params] => sink.add(params, "the context is missing: add `ctx: &Context` behind the params"),
        _ => {
            let message = format!("an action takes all its params in one struct under `#[params]`: {FORM}");
            sink.add(&sig.inputs, message);
        }
    }
    None
}

fn typed(argument: &FnArg) -> Option<&PatType> {
    match argument {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    }
}

fn check_params(params: &Type, sink: &mut Sink) {
    if let Type::Reference(reference) = params {
        let owned = owned_text(&reference.elem);
        sink.add(params, format!("an action owns its params: write `{owned}`"));
    } else if find_impl(params).is_some() {
        sink.add(params, "an action cannot be generic: name the params' type");
    }
}

fn check_context(context: &Type, sink: &mut Sink) {
    let mutable = matches!(context, Type::Reference(reference) if reference.mutability.is_some());
    let by_value = is_context(context) && !matches!(context, Type::Reference(_));
    if mutable || by_value {
        sink.add(context, "an action borrows its context, which others share: write `&Context`");
    } else if !borrows(context) {
        sink.add(context, "the second argument is the context: write `ctx: &Context`");
    }
}

fn output<'a>(sig: &'a syn::Signature, sink: &mut Sink) -> Option<&'a Type> {
    let ReturnType::Type(_, output) = &sig.output else {
        sink.add(&sig.ident, "an action returns a `Result`: add `-> Result<()>`, or the type of its result");
        return None;
    };
    if let Some(borrow) = find(output.to_token_stream(), &is_borrow) {
        sink.add(
            borrow,
            "a result leaves the action and cannot borrow: return a type that owns, such as `String`",
        );
        return None;
    }
    if let Some(word) = find_impl(output) {
        sink.add(word, "a result needs one schema: name its type");
        return None;
    }
    Some(output)
}

/// Whether it is `Context` or a reference to it.
fn is_context(ty: &Type) -> bool {
    match ty {
        Type::Reference(reference) => is_context(&reference.elem),
        Type::Path(path) => path.path.segments.last().is_some_and(|segment| segment.ident == "Context"),
        _ => false,
    }
}

/// Whether it can be a reference: one itself, or an alias that takes a lifetime.
fn borrows(ty: &Type) -> bool {
    let mark = |token: &TokenTree, _: Option<&TokenTree>| is_char(token, '&') || is_char(token, '\'');
    find(ty.to_token_stream(), &mark).is_some()
}

/// The owning form of what stood behind a `&`.
fn owned_text(ty: &Type) -> String {
    match ty {
        Type::Slice(slice) => format!("Vec<{}>", type_text(&slice.elem)),
        Type::Path(path) if path.path.is_ident("str") => "String".to_owned(),
        _ => type_text(ty),
    }
}

fn find_impl(ty: &Type) -> Option<TokenStream> {
    find(ty.to_token_stream(), &|token, _| is_word(token, "impl"))
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == word)
}

/// A `&` without a lifetime behind it.
fn is_borrow(token: &TokenTree, next: Option<&TokenTree>) -> bool {
    is_char(token, '&') && !next.is_some_and(|next| is_char(next, '\''))
}

fn is_char(token: &TokenTree, c: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == c)
}

/// The first token that is looked for, and the one behind it. What is looked
/// for shows in the tokens of a type, wherever in it they stand.
fn find(tokens: TokenStream, wanted: &dyn Fn(&TokenTree, Option<&TokenTree>) -> bool) -> Option<TokenStream> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    tokens.iter().enumerate().find_map(|(at, token)| {
        let next = tokens.get(at + 1);
        match token {
            TokenTree::Group(group) => find(group.stream(), wanted),
            token if wanted(token, next) => Some(quote!(#token #next)),
            _ => None,
        }
    })
}
