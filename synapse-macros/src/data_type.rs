//! `#[derive(DataType)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, LitStr, Path};

use crate::docs::doc_text;
use crate::names::{known, name_fault, snake_case};
use crate::sink::Sink;

const KEYS: &[&str] = &["parent", "id", "format", "description"];

#[derive(Default)]
struct Args {
    parent: Option<Path>,
    id: Option<LitStr>,
    format: Option<LitStr>,
    description: Option<LitStr>,
    /// For the SDK's own `Data`, which has no parent.
    root: bool,
}

pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(item) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let mut sink = Sink::default();
    let args = read(&input, &mut sink);
    if !input.generics.params.is_empty() {
        sink.add(&input.generics, "a data type cannot be generic: it has one id");
    }
    let ident = &input.ident;
    let id = args.id.as_ref().map_or_else(|| snake_case(&ident.to_string()), LitStr::value);
    if let (Some(literal), Some(fault)) = (&args.id, name_fault(&id)) {
        sink.add(literal, fault);
    }
    if !sink.is_empty() {
        return sink.into_tokens();
    }
    let description = args.description.map_or_else(|| doc_text(&input.attrs), |text| text.value());
    let format = match args.format {
        Some(format) => quote!(::core::option::Option::Some(#format)),
        None => quote!(::core::option::Option::None),
    };
    let parent = match args.parent {
        Some(parent) => {
            quote!(::core::option::Option::Some(<#parent as ::synapse_sdk::data_type::DataType>::FACTS))
        }
        None if args.root => quote!(::core::option::Option::None),
        None => quote! {
            ::core::option::Option::Some(
                <::synapse_sdk::data_type::Data as ::synapse_sdk::data_type::DataType>::FACTS,
            )
        },
    };
    quote! {
        impl ::synapse_sdk::data_type::DataType for #ident {
            const FACTS: &'static ::synapse_sdk::data_type::DataTypeFacts =
                &::synapse_sdk::data_type::DataTypeFacts {
                    id: #id,
                    format: #format,
                    description: #description,
                    parent: #parent,
                };
        }
    }
}

fn read(input: &DeriveInput, sink: &mut Sink) -> Args {
    let mut args = Args::default();
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("data_type")) {
        let parsed = attribute.parse_nested_meta(|meta| {
            let key = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
            match key.as_str() {
                "parent" => args.parent = Some(meta.value()?.parse()?),
                "id" => args.id = Some(meta.value()?.parse()?),
                "format" => args.format = Some(meta.value()?.parse()?),
                "description" => args.description = Some(meta.value()?.parse()?),
                "root" => args.root = true,
                _ => return Err(meta.error(format!("no such key{}", known(&key, KEYS)))),
            }
            Ok(())
        });
        sink.take(parsed);
    }
    args
}
