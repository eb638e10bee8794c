//! What both forms of an action emit: facts and an entry in the run table.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Generics, Ident};

use crate::action_args::{ActionArgs, data_type_tokens};

/// An action about to be emitted.
pub(crate) struct Registered<'a> {
    /// The type that stands for it.
    pub(crate) item: &'a Ident,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) args: &'a ActionArgs,
    /// The body of `ActionMeta::make`.
    pub(crate) make: TokenStream,
}

impl Registered<'_> {
    /// `impl ActionMeta` and the registration.
    pub(crate) fn tokens(&self) -> TokenStream {
        let Self { item, name, description, args, make } = self;
        let item_name = item.unraw().to_string();
        let ctx = Ident::new("ctx", Span::mixed_site());
        let description = args.description.as_ref().map_or_else(|| description.clone(), syn::LitStr::value);
        let (category, method) = (args.category_tokens(), args.method_tokens());
        let (input, output) = (data_type_tokens(args.input.as_ref()), data_type_tokens(args.output.as_ref()));
        let (exclusive, strict_result) = (args.exclusive(), args.strict_result());
        let (declared_result, with_result) = match &args.result {
            Some(result) => {
                let text = quote!(#result).to_string();
                (quote!(::core::option::Option::Some(#text)), quote!(.with_result::<#item, #result>()))
            }
            None => (quote!(::core::option::Option::None), TokenStream::new()),
        };
        quote! {
            impl ::synapse_sdk::__private::ActionMeta for #item {
                const FACTS: &'static ::synapse_sdk::__private::ActionFacts =
                    &::synapse_sdk::__private::ActionFacts {
                        name: #name,
                        item: #item_name,
                        module: ::core::module_path!(),
                        description: #description,
                        category: #category,
                        method: #method,
                        input: #input,
                        output: #output,
                        exclusive: #exclusive,
                        declared_result: #declared_result,
                        strict_result: #strict_result,
                    };

                fn def() -> &'static ::synapse_sdk::__private::ActionDef {
                    static DEF: ::synapse_sdk::__private::ActionDef =
                        ::synapse_sdk::__private::ActionDef::of::<#item>() #with_result;
                    &DEF
                }

                fn make(#ctx: &::synapse_sdk::Context) -> ::synapse_sdk::Result<Self> {
                    #make
                }
            }

            ::synapse_sdk::__private::inventory::submit! {
                ::synapse_sdk::__private::Registration(<#item as ::synapse_sdk::__private::ActionMeta>::def)
            }
        }
    }
}

/// The attribute may repeat the params' type; it has to be the same.
pub(crate) fn params_check(taken: &TokenStream, args: &ActionArgs) -> Option<TokenStream> {
    let declared = args.params.as_ref()?;
    let check = quote_spanned!(declared.span()=> same::<#declared, #taken>());
    Some(quote! {
        const _: () = {
            const fn same<Declared: ::synapse_sdk::__private::SameAs<Taken>, Taken>() {}
            #check
        };
    })
}

/// An action with mistakes in it is still an action to whoever mentions it:
/// those places are not to be reported too.
pub(crate) fn stub(item: &Ident, generics: &Generics) -> TokenStream {
    let generics = with_static_self(generics);
    let (impl_generics, type_generics, wheres) = generics.split_for_impl();
    let name = item.unraw().to_string();
    quote! {
        impl #impl_generics ::synapse_sdk::__private::ActionMeta for #item #type_generics
        #wheres
        {
            const FACTS: &'static ::synapse_sdk::__private::ActionFacts =
                &::synapse_sdk::__private::ActionFacts::unknown(#name);

            fn def() -> &'static ::synapse_sdk::__private::ActionDef {
                ::core::unreachable!()
            }

            fn make(_: &::synapse_sdk::Context) -> ::synapse_sdk::Result<Self> {
                ::core::unreachable!()
            }
        }
    }
}

/// Generic items are refused, but a stub for them has to compile.
pub(crate) fn with_static_self(generics: &Generics) -> Generics {
    let mut generics = generics.clone();
    if !generics.params.is_empty() {
        generics.make_where_clause().predicates.push(syn::parse_quote!(Self: 'static));
    }
    generics
}
