//! Texts that a pattern matches.

use regex_syntax::hir::{Class, Hir, HirKind};
use regex_syntax::parse;

/// More often than this beyond what it has to, nothing is repeated.
const MOST_MORE: u32 = 64;

/// Texts that the pattern most likely matches, from the shortest on; none for a
/// pattern that is written in a way of ECMA 262 alone.
///
/// Look-arounds and places such as `\b` are passed over: whether a text fits is
/// for the schema's evaluator to say.
pub(super) fn texts(pattern: &str) -> Vec<String> {
    let Ok(hir) = parse(pattern) else { return Vec::new() };
    let mut texts: Vec<String> = Vec::new();
    for more in [0, 1, 2, 4, 8, 16, 32, MOST_MORE] {
        let mut text = String::new();
        write(&hir, more, &mut text);
        if texts.last() != Some(&text) {
            texts.push(text);
        }
    }
    texts
}

fn write(hir: &Hir, more: u32, text: &mut String) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(class) => text.extend(character(class)),
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(u32::MAX);
            for _ in 0..repetition.min.saturating_add(more).min(most) {
                write(&repetition.sub, more, text);
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, more, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, more, text)),
        HirKind::Alternation(ways) => ways.iter().take(1).for_each(|way| write(way, more, text)),
    }
}

/// One of a class, a letter or digit if it has some.
fn character(class: &Class) -> Option<char> {
    let Class::Unicode(class) = class else { return None };
    let plain = ['a', 'A', '0', 'b', 'z', 'Z', '1', '9', '_', '-', ' '];
    let has = |wanted: &char| class.iter().any(|range| (range.start()..=range.end()).contains(wanted));
    plain.into_iter().find(has).or_else(|| class.iter().next().map(|range| range.start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_grow_as_far_as_a_pattern_allows() {
        assert_eq!(texts("^[a-z]{2,4}$"), ["aa", "aaa", "aaaa"]);
        assert_eq!(texts(r"^v\d+(\.\d+)?$")[..2], ["v0", "v00.00"]);
        assert_eq!(texts("^(job|task)$"), ["job"]);
        assert_eq!(texts("("), [""; 0]);
    }
}
