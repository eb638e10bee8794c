//! What both forms of an action emit: facts and an entry in the run table.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Ident;

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
        let item_name = item.to_string();
        let description = args.description.as_ref().map_or_else(|| description.clone(), syn::LitStr::value);
        let (category, method) = (args.category_tokens(), args.method_tokens());
        let (input, output) = (data_type_tokens(args.input.as_ref()), data_type_tokens(args.output.as_ref()));
        let (exclusive, strict_result) = (args.exclusive, args.strict_result);
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

                fn make(ctx: &::synapse_sdk::Context) -> ::synapse_sdk::Result<Self> {
                    #make
                }
            }

            ::synapse_sdk::__private::inventory::submit! {
                ::synapse_sdk::__private::Registration(<#item as ::synapse_sdk::__private::ActionMeta>::def)
            }
        }
    }
}
