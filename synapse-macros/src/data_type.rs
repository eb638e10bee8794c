//! `#[derive(DataType)]`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{DeriveInput, LitStr, Path};

use crate::docs::doc_text;
use crate::keys::{key_of, path, read_attributes, set, text};
use crate::names::{known, name_fault, snake_case};
use crate::register::with_static_self;
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
    let args = Args::read(&input, &mut sink);
    if !input.generics.params.is_empty() {
        sink.add(&input.generics, "a data type cannot be generic: it has one id");
    }
    let id = args.id(&input, &mut sink);
    if sink.is_empty() {
        let description = args.description(&input);
        return data_type(&input, &id, &args.format(), &description, &args.parent(), &args.path());
    }
    // Still a data type to whoever mentions it: those places are not to be
    // reported too.
    let none = quote!(::core::option::Option::None);
    let root = quote!((Self, ()));
    let (stub, errors) = (data_type(&input, &id, &none, "", &none, &root), sink.into_tokens());
    quote!(#errors #stub)
}

fn data_type(
    input: &DeriveInput,
    id: &str,
    format: &TokenStream,
    description: &str,
    parent: &TokenStream,
    path: &TokenStream,
) -> TokenStream {
    let ident = &input.ident;
    let generics = with_static_self(&input.generics);
    let (impl_generics, type_generics, wheres) = generics.split_for_impl();
    quote! {
        impl #impl_generics ::synapse_sdk::data_type::DataType for #ident #type_generics
        #wheres
        {
            const FACTS: &'static ::synapse_sdk::data_type::DataTypeFacts =
                &::synapse_sdk::data_type::DataTypeFacts {
                    id: #id,
                    format: #format,
                    description: #description,
                    parent: #parent,
                };

            type Path = #path;
        }
    }
}

impl Args {
    fn read(input: &DeriveInput, sink: &mut Sink) -> Self {
        let mut args = Self::default();
        read_attributes(&input.attrs, "data_type", sink, |meta| args.key(meta));
        args
    }

    fn key(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        let key = key_of(meta);
        match key.as_str() {
            "parent" => set(&mut self.parent, meta, path(meta)?),
            "id" => set(&mut self.id, meta, text(meta)?),
            "format" => set(&mut self.format, meta, text(meta)?),
            "description" => set(&mut self.description, meta, text(meta)?),
            "root" => {
                self.root = true;
                Ok(())
            }
            _ => Err(meta.error(format!("no such key{}", known(&key, KEYS)))),
        }
    }

    fn id(&self, input: &DeriveInput, sink: &mut Sink) -> String {
        let Some(literal) = &self.id else {
            let id = snake_case(&input.ident.unraw().to_string());
            if let Some(fault) = name_fault(&id) {
                sink.add(&input.ident, format!("{fault}: add `#[data_type(id = \"…\")]`"));
            }
            return id;
        };
        if let Some(fault) = name_fault(&literal.value()) {
            sink.add(literal, fault);
        }
        literal.value()
    }

    fn description(&self, input: &DeriveInput) -> String {
        self.description.as_ref().map_or_else(|| doc_text(&input.attrs), LitStr::value)
    }

    fn format(&self) -> TokenStream {
        match &self.format {
            Some(format) => quote!(::core::option::Option::Some(#format)),
            None => quote!(::core::option::Option::None),
        }
    }

    /// The ancestors, as types, and the type itself behind them.
    fn path(&self) -> TokenStream {
        let (parent, span) = match &self.parent {
            None if self.root => return quote!((Self, ())),
            Some(parent) => (quote!(#parent), parent.span()),
            None => (quote!(::synapse_sdk::data_type::Data), Span::call_site()),
        };
        // At the parent, so that one which is no data type is told of once.
        quote_spanned! {span=>
            <<#parent as ::synapse_sdk::data_type::DataType>::Path
                as ::synapse_sdk::__private::Path>::With<Self>
        }
    }

    fn parent(&self) -> TokenStream {
        match &self.parent {
            None if self.root => quote!(::core::option::Option::None),
            Some(parent) => {
                quote!(::core::option::Option::Some(<#parent as ::synapse_sdk::data_type::DataType>::FACTS))
            }
            None => quote! {
                ::core::option::Option::Some(
                    <::synapse_sdk::data_type::Data as ::synapse_sdk::data_type::DataType>::FACTS,
                )
            },
        }
    }
}
