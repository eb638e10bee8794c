//! `#[action]` on a function.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{FnArg, ItemFn, ReturnType, Safety, Type};

use crate::action_args::ActionArgs;
use crate::docs::doc_text;
use crate::register::Registered;
use crate::sink::Sink;

pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let function: ItemFn = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(_) => return not_a_function(&item),
    };
    let mut sink = Sink::default();
    let args = ActionArgs::from_tokens(args, &mut sink);
    check_form(&function, &mut sink);
    let signature = signature(&function, &mut sink);
    let Some(signature) = signature.filter(|_| sink.is_empty()) else {
        // The author's function, and a type to name it by, so that nothing
        // that mentions the action fails as well.
        let (vis, name, errors) = (&function.vis, &function.sig.ident, sink.into_tokens());
        return quote! {
            #function
            #[doc(hidden)] #[allow(non_camel_case_types, dead_code)] #vis struct #name {}
            #errors
        };
    };
    let generated = generate(&function, &args, &signature);
    quote!(#function #generated)
}

fn not_a_function(item: &TokenStream) -> TokenStream {
    let error = syn::Error::new_spanned(
        item,
        "`#[action]` stands on a function; on a struct write `#[derive(Action)]` above it",
    )
    .to_compile_error();
    quote!(#error #item)
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
    let inputs: Vec<&FnArg> = sig.inputs.iter().collect();
    if let Some(FnArg::Receiver(receiver)) = inputs.first() {
        sink.add(
            receiver,
            "a method cannot be an action by itself: write `#[derive(Action)]` on the type and `impl Action` for it",
        );
        return None;
    }
    let (params, context) = match inputs[..] {
        [FnArg::Typed(params), FnArg::Typed(context)] => (&*params.ty, &*context.ty),
        [] | [_] => {
            sink.add(&sig.ident, "an action takes two arguments: `(params: MyParams, ctx: &Context)`");
            return None;
        }
        _ => {
            sink.add(&sig.inputs, "an action takes two arguments only: `(params: MyParams, ctx: &Context)`");
            return None;
        }
    };
    if let Type::Reference(reference) = params {
        let owned = &reference.elem;
        sink.add(params, format!("an action owns its params: write `{}`, without `&`", quote!(#owned)));
    }
    let ReturnType::Type(_, output) = &sig.output else {
        sink.add(&sig.ident, "an action returns a `Result`: add `-> Result<()>`, or the type of its result");
        return None;
    };
    Some(Signature { params, context, output })
}

fn generate(function: &ItemFn, args: &ActionArgs, signature: &Signature<'_>) -> TokenStream {
    let (vis, ident) = (&function.vis, &function.sig.ident);
    let Signature { params, context, output } = signature;
    let name = args.name.as_ref().map_or_else(|| ident.to_string(), syn::LitStr::value);
    let name = name.strip_prefix("r#").unwrap_or(&name).to_owned();
    let registered = Registered {
        item: ident,
        name,
        description: doc_text(&function.attrs),
        args,
        make: quote!(::core::result::Result::Ok(#ident {})),
    }
    .tokens();
    let type_doc = format!("The action `{ident}`, by which it is exported and tested.");
    let return_type = quote_spanned! {output.span()=>
        <#output as ::synapse_sdk::__private::ActionReturn>::Output
    };
    let context = quote_spanned!(context.span()=> let ctx: #context = ctx;);
    let call = if function.sig.asyncness.is_some() {
        quote! {
            ::synapse_sdk::__private::run_async(ctx, async {
                ::synapse_sdk::__private::ActionReturn::into_result(#ident(params, ctx).await)
            })
        }
    } else {
        quote!(::synapse_sdk::__private::ActionReturn::into_result(#ident(params, ctx)))
    };
    let same_params = args
        .params
        .as_ref()
        .map(|declared| quote_spanned!(declared.span()=> let params: #declared = params;));
    quote! {
        #[doc = #type_doc]
        #[allow(non_camel_case_types)]
        #vis struct #ident {}

        const _: () = {
            #registered

            impl ::synapse_sdk::Action for #ident {
                type Params = #params;
                type Output = #return_type;

                fn execute(
                    &self,
                    params: Self::Params,
                    ctx: &::synapse_sdk::Context,
                ) -> ::synapse_sdk::Result<Self::Output> {
                    #same_params
                    #context
                    #call
                }
            }
        };
    }
}
