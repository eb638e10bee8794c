//! Doc comments become descriptions.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The text of the doc comment, lines joined, blanks at both ends removed.
pub(crate) fn doc_text(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter(|attribute| attribute.path().is_ident("doc")).filter_map(doc_line);
    let text = lines.collect::<Vec<_>>().join("\n");
    text.trim().to_owned()
}

fn doc_line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(doc) = &attribute.meta else {
        return None;
    };
    match &doc.value {
        Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) => Some(line.value().trim().to_owned()),
        _ => None,
    }
}
