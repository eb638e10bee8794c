use serde_json::json;

use super::*;
use crate::schema::Schema;

/// Whether `pattern` is found in each text.
fn found(pattern: &str, texts: &[&str]) -> Vec<bool> {
    enable();
    let schema = Schema::compile(&json!({ "pattern": pattern })).expect("the pattern is supported");
    texts.iter().map(|text| schema.check(&json!(text)).is_empty()).collect()
}

fn refusal(pattern: &str) -> String {
    enable();
    let schema = json!({"properties": {"a": { "pattern": pattern }}});
    Schema::compile(&schema).expect_err("it is refused").to_string()
}

#[test]
fn a_pattern_may_be_found_anywhere() {
    assert_eq!(found("b+", &["abba", "b", "a", ""]), [true, true, false, false]);
    assert_eq!(found("^[a-z]{2,3}$", &["ab", "abc", "abcd", "ab\n"]), [true, true, false, false]);
    assert_eq!(found("^(?:yes|no)?$", &["", "yes", "yesno"]), [true, true, false]);
    assert_eq!(found("^(?<first>a)(b)*?$", &["a", "abb", "b"]), [true, true, false]);
}

#[test]
fn a_dot_is_no_line_end() {
    assert_eq!(
        found("^.$", &["a", "é", "🦀", "\n", "\r", "\u{2028}", "\u{2029}", "\u{85}"]),
        [true, true, true, false, false, false, false, true]
    );
}

#[test]
fn white_space_is_that_of_unicode_and_words_are_ascii() {
    assert_eq!(
        found(r"^\s$", &[" ", "\t", "\u{a0}", "\u{feff}", "\u{3000}", "\u{85}", "\u{200b}"]),
        [true, true, true, true, true, false, false]
    );
    assert_eq!(found(r"^\S$", &["a", "\u{a0}", "\u{85}"]), [true, false, true]);
    assert_eq!(found(r"^\w\W\d\D$", &["_-0a", "é-0a", "aé٣a", "aé3٣"]), [true, false, false, true]);
    assert_eq!(found(r"\bab\b", &["x ab.", "éab", "cab"]), [true, true, false]);
}

#[test]
fn classes_mean_what_they_say() {
    assert_eq!(found("^[[&&~~-]$", &["[", "&", "~", "-", "a"]), [true, true, true, true, false]);
    assert_eq!(found(r"^[\s\d-]$", &["\u{a0}", "7", "-", "a"]), [true, true, true, false]);
    assert_eq!(found(r"^[^\S\n]$", &[" ", "\n", "a"]), [true, false, false]);
    assert_eq!(
        found(r"^[\]\\\b^-]$", &["]", "\\", "\u{8}", "^", "-", "b"]),
        [true, true, true, true, true, false]
    );
    assert_eq!(found("[]", &["", "a"]), [false, false]);
    assert_eq!(found("^[^]$", &["\n", "🦀", ""]), [true, true, false]);
    assert_eq!(
        found("^[^a-y\u{d7ff}-\u{e000}]$", &["z", "b", "\u{d7ff}", "\u{e001}"]),
        [true, false, false, true]
    );
}

#[test]
fn characters_may_be_escaped() {
    assert_eq!(found(r"^\x41\u00e9\u{1f980}\ud83e\udd80$", &["Aé🦀🦀"]), [true]);
    assert_eq!(found(r"^\t\n\v\f\r\0\cA$", &["\t\n\u{b}\u{c}\r\0\u{1}"]), [true]);
    assert_eq!(found(r"^\.\/\-\{\}\[\]\(\)\*\+\?\|\^\$\\$", &["./-{}[]()*+?|^$\\"]), [true]);
    assert_eq!(found("^a#b c~&\"$", &["a#b c~&\""]), [true]);
}

#[test]
fn what_the_engine_cannot_do_is_refused_with_its_place() {
    for (pattern, why) in [
        ("(?=a)", "looking ahead is not supported"),
        ("a(?!b)", "looking ahead is not supported"),
        ("(?<=a)b", "looking behind is not supported"),
        ("(?<!a)b", "looking behind is not supported"),
        ("(?i)a", "flags are not supported"),
        ("(?i:a)", "flags are not supported"),
        (r"(a)\1", "referring back to a group is not supported"),
        (r"(?<x>a)\k<x>", "referring back to a group is not supported"),
        (r"\p{L}", "Unicode classes are not supported"),
        (r"\A", r"`\A` means nothing"),
        ("a**", "there is nothing before `*` to repeat"),
        ("^*", "there is nothing before `*` to repeat"),
        ("(?:)|+", "there is nothing before `+` to repeat"),
        ("a{,3}", r"write `\{` for the character itself"),
        ("a{1", r"write `\{` for the character itself"),
        ("a}", r"write `\}` for the character itself"),
        ("(a", "a group is not closed"),
        ("a)", "a `)` closes no group"),
        ("[a", "a class is not closed"),
        ("[b-a]", "the range `b-a` is upside down"),
        (r"[\d-z]", "a range has a class at its end"),
        (r"[a-\d]", "a range has a class at its end"),
        (r"\ud83e", "half a character is not supported"),
        (r"\ud83ex", "half a character is not supported"),
        (r"\u12", "expected 4 hexadecimal digits"),
        (r"\u{110000}", r"`\u{110000}` is no character"),
        ("\\", "it ends in a backslash"),
        ("(?<1>a)", "a group's name is not a name"),
    ] {
        let expected =
            format!("JSON Schema at #/properties/a/pattern: the pattern `{pattern}` cannot be used: {why}");
        assert_eq!(refusal(pattern), expected);
    }
    assert!(refusal("a{3,2}").contains("cannot be used"), "{}", refusal("a{3,2}"));
    assert!(refusal(&"(".repeat(10_000)).contains("cannot be used"));
}

#[test]
fn names_that_are_whole_numbers_need_no_engine() {
    let unsigned = whole_numbers(r"^\d+$").expect("it is known");
    let signed = whole_numbers(r"^-?\d+$").expect("it is known");
    for (text, is_unsigned, is_signed) in [
        ("0", true, true),
        ("12", true, true),
        ("-1", false, true),
        ("", false, false),
        ("-", false, false),
        ("1a", false, false),
        ("٣", false, false),
    ] {
        assert_eq!((unsigned(text), signed(text)), (is_unsigned, is_signed), "{text}");
    }
    assert!(whole_numbers("^a$").is_none());
}
