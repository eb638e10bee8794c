//! `#[action]` on a function.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Attribute, DeriveInput, Ident, ItemFn, TraitItemFn, Type, Visibility};

use crate::action_args::ActionArgs;
use crate::docs::doc_text;
use crate::register::{Registered, ends, stub};
use crate::signature::{Signature, method_mark};
use crate::sink::Sink;

pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let function: ItemFn = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(error) => return not_a_function(item, error),
    };
    let mut sink = Sink::default();
    let args = ActionArgs::from_tokens(args, &mut sink);
    let signature = Signature::read(&function.sig, &mut sink);
    let ident = &function.sig.ident;
    let name = args.name(ident, ident.unraw().to_string(), &mut sink);
    match signature.filter(|_| sink.is_empty()) {
        Some(signature) => {
            let generated = generate(&function, name, &args, &signature);
            // The form of the function is not the author's choice.
            quote! {
                #[allow(clippy::needless_pass_by_value, clippy::unnecessary_wraps, clippy::unused_async)]
                #function
                #generated
            }
        }
        None => broken(&function, sink),
    }
}

/// A type under `#[action]`, or what `syn` does not take for an item at all.
fn not_a_function(item: TokenStream, error: syn::Error) -> TokenStream {
    let mut sink = Sink::default();
    let mut named = TokenStream::new();
    if let Ok(input) = syn::parse2::<DeriveInput>(item.clone()) {
        sink.add(
            &input.ident,
            "`#[action]` stands on a function; on a type it goes below `#[derive(Action)]`",
        );
        if !input.attrs.iter().any(derives_action) {
            named = stub(&input.ident, &input.generics);
        }
    } else if let Ok(method) = syn::parse2::<TraitItemFn>(item.clone()) {
        sink.add(&method.sig.ident, "an action needs a body, and stands outside of traits");
    } else if syn::parse2::<syn::Item>(item.clone()).is_ok() {
        sink.add(keyword(&item), "`#[action]` stands on a function");
    } else if syn::parse2::<syn::Expr>(item.clone()).is_ok() {
        // Where an expression stands there is no place for anything beside it.
        sink.add(keyword(&item), "`#[action]` stands on a function");
        return sink.into_tokens();
    } else {
        sink.push(error);
    }
    let errors = sink.into_tokens();
    quote!(#item #named #errors)
}

/// Whether a derive macro below makes the type an action.
fn derives_action(attribute: &Attribute) -> bool {
    let mut found = false;
    if attribute.path().is_ident("derive") {
        // What cannot be read is told by the compiler.
        let _ = attribute.parse_nested_meta(|derived| {
            found |= derived.path.segments.last().is_some_and(|segment| segment.ident == "Action");
            Ok(())
        });
    }
    found
}

/// The word that says what an item is: `impl`, `const`.
fn keyword(item: &TokenStream) -> TokenStream {
    let word = |input: ParseStream<'_>| {
        input.call(Attribute::parse_outer)?;
        input.parse::<Visibility>()?;
        let word: TokenTree = input.parse()?;
        input.parse::<TokenStream>()?;
        Ok(word.into())
    };
    word.parse2(item.clone()).unwrap_or_else(|_| item.clone())
}

/// The author's function, and a type to name it by, so that nothing that
/// mentions the action fails as well.
fn broken(function: &ItemFn, sink: Sink) -> TokenStream {
    let errors = sink.into_tokens();
    if method_mark(&function.sig).is_some() {
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

fn generate(function: &ItemFn, name: String, args: &ActionArgs, signature: &Signature<'_>) -> TokenStream {
    let (vis, ident) = (&function.vis, &function.sig.ident);
    let Signature { params: params_type, context, output } = signature;
    let cfgs: Vec<_> = function.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect();
    let registered = Registered {
        item: ident,
        name,
        description: doc_text(&function.attrs),
        args,
        params: quote!(#params_type),
        make: &|_| quote!(::core::result::Result::Ok(#ident {})),
    }
    .tokens();
    let type_doc = format!("The action `{ident}`, by which it is exported and tested.");
    // Hygienic names: the author's function may be called `params` or `ctx`.
    let [params, ctx] = ["params", "ctx"].map(|name| Ident::new(name, Span::mixed_site()));
    let given = Ident::new("ctx", ctx.span().located_at(context.span()));
    let context = quote_spanned!(context.span()=> let #given: #context = #given;);
    let returned = Returned::new(output);
    let call = match function.sig.asyncness {
        Some(_) => {
            let result = returned.converted(&quote!(#ident(#params, #ctx).await));
            quote!(::synapse_sdk::__private::run_async(#ctx, async { #result }))
        }
        None => returned.converted(&quote!(#ident(#params, #ctx))),
    };
    let params_item = associated("Params", params_type, &quote!(#params_type));
    let output_item = associated("Output", output, &returned.member("Output"));
    let (first, last) = ends(output);
    let execute = quote_spanned!(first=> fn execute);
    let result_type = returned.result_type();
    let body = quote_spanned!(last=> { #context #call });
    // Messages that show where the type is defined show the function.
    let structure = quote_spanned!(ident.span()=> struct #ident {});
    quote! {
        #(#cfgs)*
        #[doc = #type_doc]
        #[allow(missing_debug_implementations, non_camel_case_types)]
        #vis #structure

        #(#cfgs)*
        #registered

        #(#cfgs)*
        #[allow(deprecated)]
        impl ::synapse_sdk::Action for #ident {
            #params_item
            #output_item

            #execute(
                &self,
                #params: Self::Params,
                #ctx: &::synapse_sdk::Context,
            ) -> #result_type #body
        }
    }
}

/// An associated type that the compiler takes for what the author wrote.
fn associated(name: &str, written: &Type, value: &TokenStream) -> TokenStream {
    let (first, last) = ends(written);
    let name = Ident::new(name, last);
    let (open, equals, close) =
        (quote_spanned!(first=> type), quote_spanned!(last=> =), quote_spanned!(last=> ;));
    quote!(#open #name #equals #value #close)
}

/// The returned type. Mistakes in it that are found several times are told
/// once, because all that is generated around it stands where the author
/// wrote it.
struct Returned<'a> {
    ty: &'a Type,
    first: Span,
    last: Span,
}

impl<'a> Returned<'a> {
    fn new(ty: &'a Type) -> Self {
        let (first, last) = ends(ty);
        Self { ty, first, last }
    }

    fn member(&self, name: &str) -> TokenStream {
        let Self { ty, first, last } = *self;
        let name = Ident::new(name, last);
        let open = quote_spanned!(first=> <);
        let close = quote_spanned!(last=> as ::synapse_sdk::__private::ActionReturn>::#name);
        quote!(#open #ty #close)
    }

    /// What the generated `execute` returns.
    fn result_type(&self) -> TokenStream {
        let output = self.member("Output");
        let (open, close) =
            (quote_spanned!(self.first=> ::synapse_sdk::Result<), quote_spanned!(self.last=> >));
        quote!(#open #output #close)
    }

    /// What was returned, as the SDK's `Result`.
    fn converted(&self, returned: &TokenStream) -> TokenStream {
        let (into_result, error) = (self.member("into_result"), self.member("Error"));
        let open = quote_spanned!(self.first=> <);
        let convert =
            quote_spanned!(self.last=> as ::synapse_sdk::__private::ActionError>::into_plugin_error);
        let converted = quote_spanned!(self.last=> (#returned).map_err(#open #error #convert));
        quote!(#into_result #converted)
    }
}
