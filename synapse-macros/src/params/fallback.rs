//! What stands in for the derives when the author made a mistake: the traits,
//! without anything behind them. Whoever uses the type made no mistake.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Fields, Generics, Ident, Type};

use super::attributes::is_for_derives;
use super::derives::derived_by_author;

/// Implements those of the traits that the author does not derive.
pub(super) fn stubs(attributes: &[Attribute], ident: &Ident, generics: &Generics) -> TokenStream {
    let written = derived_by_author(attributes);
    let wanted = |name: &str| !written.iter().any(|written| written == name);
    let (impl_generics, type_generics, wheres) = generics.split_for_impl();
    let name = ident.to_string();
    let serialize = wanted("Serialize").then(|| {
        quote! {
            impl #impl_generics ::synapse_sdk::__private::serde::Serialize for #ident #type_generics #wheres {
                fn serialize<S: ::synapse_sdk::__private::serde::Serializer>(
                    &self,
                    serializer: S,
                ) -> ::core::result::Result<S::Ok, S::Error> {
                    serializer.serialize_unit()
                }
            }
        }
    });
    let deserialize = wanted("Deserialize").then(|| {
        let mut with_life = generics.clone();
        with_life.params.insert(0, syn::parse_quote!('__de));
        let (impl_generics, _, _) = with_life.split_for_impl();
        quote! {
            impl #impl_generics ::synapse_sdk::__private::serde::Deserialize<'__de>
                for #ident #type_generics #wheres
            {
                fn deserialize<D: ::synapse_sdk::__private::serde::Deserializer<'__de>>(
                    _: D,
                ) -> ::core::result::Result<Self, D::Error> {
                    ::core::unreachable!()
                }
            }
        }
    });
    let schema = wanted("JsonSchema").then(|| {
        quote! {
            impl #impl_generics ::synapse_sdk::__private::schemars::JsonSchema for #ident #type_generics #wheres {
                fn schema_name() -> ::std::borrow::Cow<'static, str> {
                    ::std::borrow::Cow::Borrowed(#name)
                }

                fn json_schema(
                    _: &mut ::synapse_sdk::__private::schemars::SchemaGenerator,
                ) -> ::synapse_sdk::__private::schemars::Schema {
                    ::core::default::Default::default()
                }
            }
        }
    });
    quote!(#serialize #deserialize #schema)
}

/// Whether the author's own derives read the attributes of serde or schemars.
pub(super) fn attributes_are_read(attributes: &[Attribute]) -> bool {
    derived_by_author(attributes)
        .iter()
        .any(|name| ["Serialize", "Deserialize", "JsonSchema"].contains(&name.as_str()))
}

/// Takes off what no derive is left to read.
pub(super) fn undress(attributes: &mut Vec<Attribute>) {
    attributes.retain(|attribute| !is_for_derives(attribute));
}

/// The same for fields. A reference without a lifetime has been reported.
pub(super) fn undress_fields(fields: &mut Fields, attributes_too: bool) {
    for field in fields {
        if attributes_too {
            undress(&mut field.attrs);
        }
        if let Type::Reference(reference) = &mut field.ty {
            reference.lifetime.get_or_insert_with(|| syn::parse_quote!('static));
        }
    }
}
