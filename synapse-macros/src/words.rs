//! The words that `category` and `method` choose from.

use syn::meta::ParseNestedMeta;
use syn::{Ident, Lit, LitStr, Path};

use crate::keys::value_of;
use crate::names::known;

/// A closed vocabulary of the SDK. Known here too, so that an unknown word is
/// told with its choices; `tests/ui/pass/every_word.rs` holds both together.
pub(crate) struct Vocabulary {
    /// Its type in the SDK.
    pub(crate) name: &'static str,
    what: &'static str,
    /// Variants, and their spelling in configs.
    words: &'static [(&'static str, &'static str)],
}

pub(crate) const CATEGORY: Vocabulary = Vocabulary {
    name: "Category",
    what: "category",
    words: &[
        ("NeuralNet", "neural_net"),
        ("Export", "export"),
        ("Upload", "upload"),
        ("SmartTool", "smart_tool"),
        ("PostAnnotation", "post_annotation"),
        ("PreAnnotation", "pre_annotation"),
        ("DataValidation", "data_validation"),
        ("Custom", "custom"),
    ],
};

pub(crate) const METHOD: Vocabulary = Vocabulary {
    name: "Method",
    what: "method",
    words: &[
        ("Job", "job"),
        ("Task", "task"),
        ("Serve", "serve"),
        ("RestApi", "restapi"),
        ("Local", "local"),
    ],
};

impl Vocabulary {
    /// The value of a key: `NeuralNet`, `Category::NeuralNet` or `"neural_net"`.
    pub(crate) fn read(&self, meta: &ParseNestedMeta<'_>) -> syn::Result<Path> {
        let value = value_of(meta)?;
        if value.peek(LitStr) {
            let literal: LitStr = value.parse()?;
            return self.spelled(&literal).map(Path::from);
        }
        if value.peek(Lit) {
            let literal: Lit = value.parse()?;
            let (variant, _) = self.words[0];
            let message = format!("expected a {} such as `{variant}`", self.what);
            return Err(syn::Error::new_spanned(literal, message));
        }
        let path: Path = value.parse()?;
        match self.word_in(&path) {
            Some(word) if !self.words.iter().any(|(variant, _)| word == variant) => {
                let variants = self.words.iter().map(|(variant, _)| *variant);
                Err(self.unknown(word, &word.to_string(), variants.collect()))
            }
            _ => Ok(path),
        }
    }

    /// The variant that is spelled like this in configs.
    fn spelled(&self, literal: &LitStr) -> syn::Result<Ident> {
        let text = literal.value();
        match self.words.iter().find(|(_, spelling)| *spelling == text) {
            Some((variant, _)) => Ok(Ident::new(variant, literal.span())),
            None => {
                let spellings = self.words.iter().map(|(_, spelling)| *spelling);
                Err(self.unknown(literal, &text, spellings.collect()))
            }
        }
    }

    /// The word in `NeuralNet` or `Category::NeuralNet`; other paths are the
    /// author's own constants.
    fn word_in<'a>(&self, path: &'a Path) -> Option<&'a Ident> {
        if let Some(word) = path.get_ident() {
            return Some(word);
        }
        let mut last = path.segments.iter().rev();
        let (word, of) = (last.next()?, last.next()?);
        (of.ident == self.name).then_some(&word.ident)
    }

    fn unknown(&self, place: impl quote::ToTokens, word: &str, words: Vec<&str>) -> syn::Error {
        syn::Error::new_spanned(place, format!("no such {}{}", self.what, known(word, &words)))
    }
}
