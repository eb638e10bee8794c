//! `#[derive(Action)]` on a type.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{DeriveInput, Ident};

use crate::action_args::ActionArgs;
use crate::docs::doc_text;
use crate::names::action_name;
use crate::register::{Registered, stub};
use crate::sink::Sink;

pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(item) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let mut sink = Sink::default();
    let args = ActionArgs::from_attributes(&input.attrs, &mut sink);
    if !input.generics.params.is_empty() {
        sink.add(&input.generics, "an action cannot be generic: hosts know it by one name");
    }
    let ident = &input.ident;
    let name = args.name(ident, action_name(&ident.unraw().to_string()), &mut sink);
    if !sink.is_empty() {
        let (errors, stub) = (sink.into_tokens(), stub(ident, &input.generics));
        return quote!(#errors #stub);
    }
    let make = |ctx: &Ident| {
        // Taken as a value first: of a call, the compiler would mend arguments
        // that the author never wrote.
        quote_spanned! {ident.span()=>
            #[allow(unused_imports)]
            use ::synapse_sdk::__private::DefaultSetup as _;
            let setup: fn(&'ctx ::synapse_sdk::Context) -> _ = <#ident>::setup;
            ::synapse_sdk::__private::SetupReturn::<#ident>::into_made(setup(#ctx))
        }
    };
    let params = quote!(<#ident as ::synapse_sdk::Action>::Params);
    let registered = Registered {
        item: ident,
        name,
        description: doc_text(&input.attrs),
        args: &args,
        params,
        make: &make,
    }
    .tokens();
    let workflow = args.workflow().then(|| workflow(ident));
    quote!(#registered #workflow)
}

/// `impl Action` of a type made of steps.
fn workflow(ident: &Ident) -> TokenStream {
    // What is missing is missing of the author's type.
    let span = ident.span();
    let state = quote_spanned!(span=> <#ident as ::synapse_sdk::__private::WorkflowAction>::State);
    let of_state = |name: &str| {
        let name = Ident::new(name, span);
        quote_spanned!(span=> <#state as ::synapse_sdk::__private::WorkflowState>::#name)
    };
    let (params, output) = (of_state("Params"), of_state("Output"));
    quote_spanned! {span=>
        impl ::synapse_sdk::Action for #ident {
            type Params = #params;
            type Output = #output;

            fn execute(
                &self,
                params: #params,
                ctx: &::synapse_sdk::Context,
            ) -> ::synapse_sdk::Result<#output> {
                ::synapse_sdk::__private::WorkflowAction::call(self, params, ctx)
            }
        }
    }
}
