//! `#[derive(Action)]` on a type.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::DeriveInput;
use syn::spanned::Spanned;

use crate::action_args::ActionArgs;
use crate::docs::doc_text;
use crate::names::action_name;
use crate::register::Registered;
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
    if !sink.is_empty() {
        return sink.into_tokens();
    }
    let ident = &input.ident;
    let name = args.name.as_ref().map_or_else(|| action_name(&ident.to_string()), syn::LitStr::value);
    let make = quote_spanned! {ident.span()=>
        #[allow(unused_imports)]
        use ::synapse_sdk::__private::DefaultSetup as _;
        ::synapse_sdk::__private::ActionReturn::into_result(<#ident>::setup(ctx))
    };
    let registered =
        Registered { item: ident, name, description: doc_text(&input.attrs), args: &args, make }.tokens();
    let checks = type_checks(ident, &args);
    quote! {
        const _: () = {
            #registered
            #checks
        };
    }
}

/// The attribute may repeat the params' type; it has to be the same.
fn type_checks(ident: &syn::Ident, args: &ActionArgs) -> Option<TokenStream> {
    let params = args.params.as_ref()?;
    Some(quote_spanned! {params.span()=>
        const _: fn(<#ident as ::synapse_sdk::Action>::Params) -> #params = |params| params;
    })
}
