//! What both forms of an action emit: facts and an entry in the run table.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Generics, Ident, Type};

use crate::action_args::{ActionArgs, data_type_tokens, flow_tokens};
use crate::signature::type_text;

/// An action about to be emitted.
pub(crate) struct Registered<'a> {
    /// The type that stands for it.
    pub(crate) item: &'a Ident,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) args: &'a ActionArgs,
    /// The type of the params it takes.
    pub(crate) params: TokenStream,
    /// The body of `ActionMeta::make`, given the name of its context.
    pub(crate) make: &'a dyn Fn(&Ident) -> TokenStream,
}

impl Registered<'_> {
    /// `impl ActionMeta`. The registration stands in it, so that there is
    /// nothing beside it that the compiler could complain of as well when an
    /// action stands where types cannot.
    pub(crate) fn tokens(&self) -> TokenStream {
        let Self { item, name, description, args, params, make } = self;
        let item_name = item.unraw().to_string();
        let ctx = Ident::new("ctx", Span::mixed_site());
        let make = make(&ctx);
        let description = args.description.as_ref().map_or_else(|| description.clone(), syn::LitStr::value);
        let (category, method) = (args.category_tokens(), args.method_tokens());
        let (input, output) = (data_type_tokens(args.input.as_ref()), data_type_tokens(args.output.as_ref()));
        let (takes, gives) = (flow_tokens(args.input.as_ref()), flow_tokens(args.output.as_ref()));
        let (exclusive, strict_result) = (args.exclusive(), args.strict_result());
        let (pure, examples) = (args.pure(), args.example_tokens());
        let (declared_result, with_result) = match &args.result {
            Some(result) => {
                let text = type_text(result);
                (quote!(::core::option::Option::Some(#text)), quote!(.with_result::<#item, #result>()))
            }
            None => (quote!(::core::option::Option::None), TokenStream::new()),
        };
        let same_params = params_check(params, args);
        quote! {
            #[allow(deprecated)]
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
                        pure: #pure,
                        examples: &[#(#examples),*],
                    };

                type Takes = #takes;
                type Gives = #gives;

                fn def() -> &'static ::synapse_sdk::__private::ActionDef {
                    static DEF: ::synapse_sdk::__private::ActionDef =
                        ::synapse_sdk::__private::ActionDef::of::<#item>() #with_result;
                    #same_params
                    ::synapse_sdk::__private::inventory::submit! {
                        ::synapse_sdk::__private::Registration(
                            <#item as ::synapse_sdk::__private::ActionMeta>::def,
                        )
                    }
                    &DEF
                }

                fn make<'ctx>(#ctx: &'ctx ::synapse_sdk::Context) -> ::synapse_sdk::Result<Self> {
                    #make
                }
            }
        }
    }
}

/// The attribute may repeat the params' type; it has to be the same.
fn params_check(taken: &TokenStream, args: &ActionArgs) -> Option<TokenStream> {
    let declared = args.params.as_ref()?;
    let (first, last) = ends(declared);
    let (open, same) =
        (quote_spanned!(first=> <), quote_spanned!(last=> as ::synapse_sdk::__private::SameAs));
    let close = quote_spanned!(last=> >>::SAME);
    Some(quote!(const _: () = #open #declared #same <#taken #close;))
}

/// The spans of a type's first and last token. What is generated around a type
/// carries them, and the compiler underlines all of it as the author's type.
pub(crate) fn ends(ty: &Type) -> (Span, Span) {
    let mut spans = ty.to_token_stream().into_iter().map(|token| token.span());
    let first = spans.next().unwrap_or_else(Span::call_site);
    (first, spans.last().unwrap_or(first))
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

            type Takes = ::synapse_sdk::__private::NoData;
            type Gives = ::synapse_sdk::__private::NoData;

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
