//! `#[action]` on a function.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{DeriveInput, FnArg, Ident, ItemFn, ReturnType, Safety, Type};

use crate::action_args::ActionArgs;
use crate::docs::doc_text;
use crate::register::{Registered, params_check, stub};
use crate::sink::Sink;

const FORM: &str = "`(params: MyParams, ctx: &Context)`";

pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let function: ItemFn = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(error) => return not_a_function(item, error),
    };
    let mut sink = Sink::default();
    let args = ActionArgs::from_tokens(args, &mut sink);
    check_form(&function, &mut sink);
    let signature = signature(&function, &mut sink);
    let ident = &function.sig.ident;
    let name = args.name(ident, ident.unraw().to_string(), &mut sink);
    match signature.filter(|_| sink.is_empty()) {
        Some(signature) => {
            let generated = generate(&function, name, &args, &signature);
            quote!(#function #generated)
        }
        None => broken(&function, sink),
    }
}

/// A type under `#[action]`, or what `syn` does not take for an item at all.
fn not_a_function(item: TokenStream, error: syn::Error) -> TokenStream {
    let mut sink = Sink::default();
    let mut named = TokenStream::new();
    if let Ok(input) = syn::parse2::<DeriveInput>(item.clone()) {
        let message = "`#[action]` stands on a function; on a type write `#[derive(Action)]` above it";
        sink.add(&input.ident, message);
        named = stub(&input.ident, &input.generics);
    } else if syn::parse2::<syn::Item>(item.clone()).is_ok() {
        sink.add(&item, "`#[action]` stands on a function");
    } else {
        sink.push(error);
    }
    let errors = sink.into_tokens();
    quote!(#item #named #errors)
}

/// The author's function, and a type to name it by, so that nothing that
/// mentions the action fails as well.
fn broken(function: &ItemFn, sink: Sink) -> TokenStream {
    let errors = sink.into_tokens();
    if function.sig.receiver().is_some() {
        // Types cannot stand where methods do.
        return quote!(#function #errors);
    }
    let (vis, ident) = (&function.vis, &function.sig.ident);
    let stub = stub(ident, &syn::Generics::default());
    quote! {
        #[allow(unused_variables)]
        #function
        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code)]
        #vis struct #ident {}
        #stub
        #errors
    }
}

/// The types of an action's function.
struct Signature<'a> {
    params: &'a Type,
    context: &'a Type,
    output: &'a Type,
}

fn check_form(function: &ItemFn, sink: &mut Sink) {
    let sig = &function.sig;
    if !sig.generics.params.is_empty() {
        sink.add(&sig.generics, "an action cannot be generic: its params need one schema");
    }
    if let Safety::Unsafe(unsafety) = &sig.safety {
        sink.add(unsafety, "an action is called by hosts and cannot be `unsafe`");
    }
    if let Some(abi) = &sig.abi {
        sink.add(abi, "an action is an ordinary Rust function: remove `extern`");
    }
}

fn signature<'a>(function: &'a ItemFn, sink: &mut Sink) -> Option<Signature<'a>> {
    let sig = &function.sig;
    if let Some(receiver) = sig.receiver() {
        sink.add(
            receiver,
            "a method cannot be an action by itself: write `#[derive(Action)]` on the type and `impl Action` for it",
        );
        return None;
    }
    let arguments = arguments(function, sink);
    let ReturnType::Type(_, output) = &sig.output else {
        sink.add(&sig.ident, "an action returns a `Result`: add `-> Result<()>`, or the type of its result");
        return None;
    };
    let (params, context) = arguments?;
    Some(Signature { params, context, output })
}

/// The types of the two arguments.
fn arguments<'a>(function: &'a ItemFn, sink: &mut Sink) -> Option<(&'a Type, &'a Type)> {
    let sig = &function.sig;
    let inputs: Vec<&FnArg> = sig.inputs.iter().collect();
    let (params, context) = match inputs[..] {
        [FnArg::Typed(params), FnArg::Typed(context)] => (&*params.ty, &*context.ty),
        [] | [_] => {
            sink.add(&sig.ident, format!("an action takes two arguments: {FORM}"));
            return None;
        }
        _ => {
            sink.add(&sig.inputs, format!("an action takes two arguments only: {FORM}"));
            return None;
        }
    };
    match params {
        Type::Reference(reference) if is_context(&reference.elem) => {
            sink.add(&sig.inputs, format!("params come first, then the context: {FORM}"));
            return None;
        }
        Type::Reference(reference) => {
            let owned = &reference.elem;
            sink.add(params, format!("an action owns its params: write `{}`, without `&`", quote!(#owned)));
        }
        _ => {}
    }
    let mutable = matches!(context, Type::Reference(reference) if reference.mutability.is_some());
    if is_context(context) || mutable {
        sink.add(context, "an action borrows its context, which others share: write `&Context`");
    }
    Some((params, context))
}

fn is_context(ty: &Type) -> bool {
    let Type::Path(path) = ty else {
        return false;
    };
    path.path.segments.last().is_some_and(|segment| segment.ident == "Context")
}

fn generate(function: &ItemFn, name: String, args: &ActionArgs, signature: &Signature<'_>) -> TokenStream {
    let (vis, ident) = (&function.vis, &function.sig.ident);
    let Signature { params: params_type, context, output } = signature;
    let cfgs: Vec<_> = function.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect();
    let registered = Registered {
        item: ident,
        name,
        description: doc_text(&function.attrs),
        args,
        make: quote!(::core::result::Result::Ok(#ident {})),
    }
    .tokens();
    let type_doc = format!("The action `{ident}`, by which it is exported and tested.");
    // Hygienic names: the author's function may be called `params` or `ctx`.
    let [params, ctx] = ["params", "ctx"].map(|name| Ident::new(name, Span::mixed_site()));
    let context = quote_spanned!(context.span()=> let #ctx: #context = #ctx;);
    let returned = Returned::new(output);
    let call = match function.sig.asyncness {
        Some(_) => {
            let result = returned.member("into_result", Some(quote!(#ident(#params, #ctx).await)));
            quote!(::synapse_sdk::__private::run_async(#ctx, async { #result }))
        }
        None => returned.member("into_result", Some(quote!(#ident(#params, #ctx)))),
    };
    let (output_item, result_type) = (returned.output_item(), returned.result_type());
    let execute = quote_spanned!(returned.first=> fn execute);
    let body = quote_spanned!(returned.last=> { #context #call });
    let same_params = params_check(&quote!(#params_type), args);
    quote! {
        #(#cfgs)*
        #[doc = #type_doc]
        #[allow(non_camel_case_types)]
        #vis struct #ident {}

        #(#cfgs)*
        #[allow(deprecated)]
        const _: () = {
            #registered
            #same_params

            impl ::synapse_sdk::Action for #ident {
                type Params = #params_type;
                #output_item

                #execute(
                    &self,
                    #params: Self::Params,
                    #ctx: &::synapse_sdk::Context,
                ) -> #result_type #body
            }
        };
    }
}

/// The returned type, as the author wrote it.
struct Returned<'a> {
    ty: &'a Type,
    first: Span,
    last: Span,
}

impl<'a> Returned<'a> {
    fn new(ty: &'a Type) -> Self {
        let tokens = ty.to_token_stream();
        let first = tokens.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span());
        let last = tokens.into_iter().last().map_or_else(Span::call_site, |token| token.span());
        Self { ty, first, last }
    }

    /// A member of its `ActionReturn`, called where there is something to call
    /// it with. The spans make the compiler underline all of it as the author's
    /// type; and mistakes found several times at one place are told once.
    fn member(&self, name: &str, called_with: Option<TokenStream>) -> TokenStream {
        let Self { ty, first, last } = *self;
        let name = Ident::new(name, last);
        let open = quote_spanned!(first=> <);
        let close = quote_spanned!(last=> as ::synapse_sdk::__private::ActionReturn>::#name);
        let arguments = called_with.map(|argument| quote_spanned!(last=> (#argument)));
        quote!(#open #ty #close #arguments)
    }

    /// The generated `type Output`.
    fn output_item(&self) -> TokenStream {
        let output = self.member("Output", None);
        let (open, close) = (quote_spanned!(self.first=> type), quote_spanned!(self.last=> ;));
        let name = quote_spanned!(self.last=> Output =);
        quote!(#open #name #output #close)
    }

    /// What the generated `execute` returns.
    fn result_type(&self) -> TokenStream {
        let output = self.member("Output", None);
        let (open, close) =
            (quote_spanned!(self.first=> ::synapse_sdk::Result<), quote_spanned!(self.last=> >));
        quote!(#open #output #close)
    }
}
