//! What serde's attributes say of names and of presence. Those that cannot be
//! read are serde's to report.

use proc_macro2::TokenTree;
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Field, LitStr, Token, Variant, token};

/// One of serde's styles of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Lower,
    Upper,
    Pascal,
    Camel,
    Snake,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

impl Style {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "lowercase" => Self::Lower,
            "UPPERCASE" => Self::Upper,
            "PascalCase" => Self::Pascal,
            "camelCase" => Self::Camel,
            "snake_case" => Self::Snake,
            "SCREAMING_SNAKE_CASE" => Self::ScreamingSnake,
            "kebab-case" => Self::Kebab,
            "SCREAMING-KEBAB-CASE" => Self::ScreamingKebab,
            _ => return None,
        })
    }

    /// The name in JSON of a field, which Rust writes in snake case.
    fn of_field(self, name: &str) -> String {
        match self {
            Self::Lower | Self::Snake => name.to_owned(),
            Self::Upper | Self::ScreamingSnake => name.to_ascii_uppercase(),
            Self::Pascal => pascal(name),
            Self::Camel => first_small(&pascal(name)),
            Self::Kebab => name.replace('_', "-"),
            Self::ScreamingKebab => name.to_ascii_uppercase().replace('_', "-"),
        }
    }

    /// The name in JSON of a variant, which Rust writes in Pascal case.
    fn of_variant(self, name: &str) -> String {
        match self {
            Self::Pascal => name.to_owned(),
            Self::Lower => name.to_ascii_lowercase(),
            Self::Upper => name.to_ascii_uppercase(),
            Self::Camel => first_small(name),
            Self::Snake => snake(name),
            Self::ScreamingSnake => snake(name).to_ascii_uppercase(),
            Self::Kebab => snake(name).replace('_', "-"),
            Self::ScreamingKebab => snake(name).to_ascii_uppercase().replace('_', "-"),
        }
    }
}

fn pascal(name: &str) -> String {
    let capital = |word: &str| {
        let mut chars = word.chars();
        chars.next().map(|c| c.to_ascii_uppercase().to_string() + chars.as_str()).unwrap_or_default()
    };
    name.split('_').map(capital).collect()
}

fn first_small(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|c| c.to_ascii_lowercase().to_string() + chars.as_str()).unwrap_or_default()
}

/// Each capital begins a word, as serde has it.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for (index, c) in name.char_indices() {
        if index > 0 && c.is_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// How an enum's variants stand in JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tagging {
    /// `{"variant": …}`
    External,
    /// `{"tag": "variant", …}`, or no tag at all
    InPlace,
    /// `{"tag": "variant", "content": …}`
    Adjacent { content: String },
}

/// What stands on the type.
#[derive(Debug, Default)]
pub(super) struct TypeFacts {
    pub(super) renamed: bool,
    style: Option<Style>,
    field_style: Option<Style>,
    tag: bool,
    content: Option<String>,
    untagged: bool,
    pub(super) has_default: bool,
    pub(super) strict: bool,
}

impl TypeFacts {
    pub(super) fn of(attributes: &[Attribute]) -> Self {
        let mut facts = Self::default();
        each_key(attributes, |key, meta| {
            match key {
                "rename_all" => {
                    facts.renamed = true;
                    facts.style = read_name(meta)?.and_then(|name| Style::named(&name.value()));
                }
                "rename_all_fields" => {
                    facts.field_style = read_name(meta)?.and_then(|name| Style::named(&name.value()));
                }
                "tag" => facts.tag = read_name(meta)?.is_some(),
                "content" => facts.content = read_name(meta)?.map(|name| name.value()),
                "untagged" => facts.untagged = true,
                "default" => facts.has_default = true,
                "deny_unknown_fields" => facts.strict = true,
                _ => {}
            }
            Ok(())
        });
        facts
    }

    pub(super) fn tagging(&self) -> Tagging {
        match &self.content {
            _ if self.untagged => Tagging::InPlace,
            Some(content) => Tagging::Adjacent { content: content.clone() },
            None if self.tag => Tagging::InPlace,
            None => Tagging::External,
        }
    }

    /// The style of a struct's fields.
    pub(super) fn style(&self) -> Option<Style> {
        self.style
    }
}

/// What stands on a variant.
pub(super) struct VariantFacts {
    /// Its name in JSON.
    pub(super) name: String,
    /// The style of its fields.
    pub(super) style: Option<Style>,
    pub(super) untagged: bool,
}

impl VariantFacts {
    /// Variants are in snake case, unless the author said otherwise.
    pub(super) fn of(variant: &Variant, of_type: &TypeFacts) -> Self {
        let (mut name, mut style, mut untagged) = (None, None, false);
        each_key(&variant.attrs, |key, meta| {
            match key {
                "rename" => name = read_name(meta)?.map(|name| name.value()),
                "rename_all" => style = read_name(meta)?.and_then(|name| Style::named(&name.value())),
                "untagged" => untagged = true,
                _ => {}
            }
            Ok(())
        });
        let rule = if of_type.renamed { of_type.style } else { Some(Style::Snake) };
        let ident = variant.ident.unraw().to_string();
        let named = || rule.map_or_else(|| ident.clone(), |rule| rule.of_variant(&ident));
        Self { name: name.unwrap_or_else(named), style: style.or(of_type.field_style), untagged }
    }
}

/// What stands on a field.
#[derive(Default)]
pub(super) struct FieldFacts {
    pub(super) rename: Option<String>,
    pub(super) aliases: Vec<LitStr>,
    pub(super) has_default: bool,
    /// The function that serde takes the default from.
    pub(super) default_path: Option<LitStr>,
    pub(super) flattened: bool,
    pub(super) skipped: bool,
    /// Whether serde or schemars were told how to go about it.
    pub(super) by_hand: bool,
}

impl FieldFacts {
    pub(super) fn of(field: &Field) -> Self {
        let own =
            |attribute: &Attribute| ["serde", "schemars"].iter().any(|name| attribute.path().is_ident(name));
        let mut facts = Self { by_hand: field.attrs.iter().any(own), ..Self::default() };
        each_key(&field.attrs, |key, meta| {
            match key {
                "rename" => facts.rename = read_name(meta)?.map(|name| name.value()),
                "alias" => facts.aliases.extend(read_name(meta)?),
                "default" => {
                    facts.has_default = true;
                    facts.default_path = read_name(meta)?;
                }
                "flatten" => facts.flattened = true,
                "skip" | "skip_deserializing" => facts.skipped = true,
                _ => {}
            }
            Ok(())
        });
        facts
    }
}

/// The name in JSON of a field called `name` in Rust.
pub(super) fn field_name(name: &str, style: Option<Style>) -> String {
    style.map_or_else(|| name.to_owned(), |style| style.of_field(name))
}

fn each_key(attributes: &[Attribute], mut look: impl FnMut(&str, &ParseNestedMeta<'_>) -> syn::Result<()>) {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        let _ = attribute.parse_nested_meta(|meta| {
            let key = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
            look(&key, &meta)?;
            skip_to_comma(&meta)
        });
    }
}

/// `= "name"`, or the half for reading of `(serialize = …, deserialize = …)`.
fn read_name(meta: &ParseNestedMeta<'_>) -> syn::Result<Option<LitStr>> {
    if meta.input.peek(Token![=]) {
        return meta.value()?.parse().map(Some);
    }
    let mut name = None;
    if meta.input.peek(token::Paren) {
        meta.parse_nested_meta(|half| {
            let value: LitStr = half.value()?.parse()?;
            if half.path.is_ident("deserialize") {
                name = Some(value);
            }
            Ok(())
        })?;
    }
    Ok(name)
}

fn skip_to_comma(meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
    while !meta.input.is_empty() && !meta.input.peek(Token![,]) {
        meta.input.parse::<TokenTree>()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_style_names_fields_and_variants_as_serde_does() {
        let styles = [
            ("lowercase", "batch_size", "plainsgd"),
            ("UPPERCASE", "BATCH_SIZE", "PLAINSGD"),
            ("PascalCase", "BatchSize", "PlainSgd"),
            ("camelCase", "batchSize", "plainSgd"),
            ("snake_case", "batch_size", "plain_sgd"),
            ("SCREAMING_SNAKE_CASE", "BATCH_SIZE", "PLAIN_SGD"),
            ("kebab-case", "batch-size", "plain-sgd"),
            ("SCREAMING-KEBAB-CASE", "BATCH-SIZE", "PLAIN-SGD"),
        ];
        for (name, field, variant) in styles {
            let style = Style::named(name).expect(name);
            assert_eq!(style.of_field("batch_size"), field);
            assert_eq!(style.of_variant("PlainSgd"), variant);
        }
    }

    #[test]
    fn the_half_for_reading_counts() {
        let field: Field = syn::parse_quote! {
            #[serde(rename(serialize = "out", deserialize = "in"), alias = "other", skip_serializing_if = "f")]
            value: u32
        };
        let facts = FieldFacts::of(&field);
        assert_eq!(facts.rename.as_deref(), Some("in"));
        assert_eq!(facts.aliases[0].value(), "other");
        assert!(!facts.has_default && !facts.flattened);
    }
}
