//! Files that are not the YAML they should be.

use super::{config, refusal, warnings, with_identity, with_line};
use serde_json::json;

#[test]
fn an_empty_file_is_refused() {
    let expected = "f:1:1: the file is empty\n  \
                    hint: give at least name, code, version, category and actions\n";
    for text in ["", "\n\n", "# only a comment\n", "---\n", "null\n"] {
        assert_eq!(refusal(text), expected, "{text:?}");
    }
}

#[test]
fn a_document_that_is_not_a_map_is_refused() {
    assert_eq!(refusal("# list\n- a\n- b\n"), "f:2:1: expected a map of keys, found a list\n");
    assert_eq!(refusal("hello\n"), "f:1:1: expected a map of keys, found text\n");
}

#[test]
fn a_second_document_is_refused() {
    let text = format!("{}---\nname: B\n", with_line("readme: R.md"));
    assert_eq!(
        refusal(&text),
        "f:7:1: a second document starts here\n  \
         hint: keep one document; remove the `---`\n"
    );
}

#[test]
fn tabs_as_indentation_are_refused_where_they_stand() {
    for (rest, place) in [
        ("actions:\n\ttrain:\n\t\tmethod: job\n", "6:1"),
        ("actions:\n  train:\n  \tmethod: job\n", "7:3"),
        ("tags: [\n\ta]\n", "6:1"),
        ("readme: a\n\ttags: b\n", "6:1"),
    ] {
        assert_eq!(
            refusal(&with_identity(rest)),
            format!("f:{place}: a tab indents this line\n  hint: YAML allows only spaces there\n"),
            "{rest:?}"
        );
    }
}

#[test]
fn tabs_elsewhere_are_harmless() {
    let text = with_line("description: |\n  a\n  \tb");
    assert_eq!(config(&text).description, "a\n\tb\n");
}

#[test]
fn text_that_is_not_yaml_is_refused_with_advice() {
    for (line, expected) in [
        (
            "description: a: b",
            "f:5:15: not YAML: mapping values are not allowed in this context\n  \
             hint: check the indentation; a text with `: ` in it needs quotes\n",
        ),
        ("description: \"a", "f:5:14: not YAML: unclosed quote\n  hint: a closing quote is missing\n"),
        (
            "description: @a",
            "f:5:14: not YAML: unexpected character: `@'\n  \
             hint: a text that starts with this character needs quotes\n",
        ),
        (
            "description: *a",
            "f:5:14: not YAML: while parsing node, found unknown anchor\n  \
             hint: a text that starts with `*` needs quotes\n",
        ),
        (
            "description: !a b",
            "f:5:14: description: the tag `!a` is not understood here\n  \
             hint: remove it; a text that starts with `!` needs quotes\n",
        ),
        (
            "description",
            "f:5:1: not YAML: simple key expected ':'\n  \
             hint: check the indentation, and that each key is followed by `: `\n",
        ),
        (
            "? [a]\n: b",
            "f:5:3: a list or a map cannot be a key\n  \
             hint: a text that starts with `{` or `[` needs quotes\n",
        ),
    ] {
        assert_eq!(refusal(&with_line(line)), expected, "{line:?}");
    }
}

#[test]
fn a_bad_indentation_is_refused_on_its_line() {
    let text = with_identity("actions:\n  train:\n    method: job\n   description: x\n");
    assert!(refusal(&text).starts_with("f:8:4: not YAML: "));
}

#[test]
fn duplicate_keys_are_refused_at_every_level() {
    let text = with_identity("name: B\nactions:\n  train:\n    method: job\n    method: task\n  train: {}\n");
    assert_eq!(
        refusal(&text),
        "f:5:1: name: the key `name` is given twice, first on line 1\n  \
         hint: keep one of the two\n\
         f:9:5: actions.train.method: the key `method` is given twice, first on line 8\n  \
         hint: keep one of the two\n\
         f:10:3: actions.train: the key `train` is given twice, first on line 7\n  \
         hint: keep one of the two\n"
    );
}

#[test]
fn duplicate_keys_inside_lists_name_the_item() {
    let text = with_line("runtime_env: {a: [1, {b: 1, b: 2}]}");
    assert!(refusal(&text).starts_with("f:5:29: runtime_env.a[1].b: the key `b` is given twice"));
}

#[test]
fn aliases_and_merges_are_carried_out() {
    let text = with_identity(
        "actions:\n\
         \x20 a: &base {entrypoint: m.A, method: job}\n\
         \x20 b: *base\n\
         \x20 c:\n\
         \x20   <<: *base\n\
         \x20   entrypoint: m.C\n",
    );
    let config = config(&text);
    let shown: Vec<_> = config
        .actions
        .iter()
        .map(|a| (a.name.as_str(), a.entrypoint.clone().expect("one").to_string(), a.line))
        .collect();
    assert_eq!(
        shown,
        [("a", "m::A".to_owned(), 6), ("b", "m::A".to_owned(), 7), ("c", "m::C".to_owned(), 8)]
    );
    assert_eq!(config.actions[2].method, config.actions[0].method);
}

#[test]
fn only_maps_are_merged() {
    let text = with_line("runtime_env: {<<: 3}");
    assert_eq!(refusal(&text), "f:5:19: runtime_env.<<: only a map can be merged in\n");
}

#[test]
fn aliases_that_unfold_without_end_are_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let below = format!("*a{}, ", level - 1).repeat(9);
        text.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    assert!(refusal(&text).contains("the file holds more than 50000 values"));
    assert_eq!(refusal("a: &x {b: *x}\n"), "f:1:11: a.b: this alias stands inside the node it names\n");
}

#[test]
fn deep_nesting_is_refused() {
    let text = with_line(&format!("runtime_env: {{a: {}", "[".repeat(300)));
    assert!(refusal(&text).starts_with("f:5:"));

    let mut chain = format!("a0: &a0 {}1{}\n", "[".repeat(60), "]".repeat(60));
    for level in 1..4 {
        let (open, close) = ("[".repeat(60), "]".repeat(60));
        chain.push_str(&format!("a{level}: &a{level} {open}*a{}{close}\n", level - 1));
    }
    assert!(refusal(&chain).contains("a2[0][0]"));
    assert!(refusal(&chain).ends_with(": nested too deeply\n"));
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_do_not_move_lines() {
    let text = format!("\u{feff}{}", with_line("nme: x").replace('\n', "\r\n"));
    assert!(warnings(&text).starts_with("f:5:1: warning: nme: "));
}

#[test]
fn columns_count_characters() {
    let text = with_line("env: {선박: [1]}");
    assert!(refusal(&text).starts_with("f:5:11: env.선박: "));
}

#[test]
fn a_string_tag_makes_text() {
    assert_eq!(config(&with_line("description: !!str 12")).description, "12");
}

#[test]
fn json_values_keep_their_order_and_types() {
    let text = with_line("runtime_env: {z: 1, a: [yes, ~, 1.5, '2'], 3: x}");
    let value = config(&text).runtime_env;
    assert_eq!(value.to_string(), json!({"z": 1, "a": [true, null, 1.5, "2"], "3": "x"}).to_string());
}

#[test]
fn numbers_json_cannot_hold_are_refused_where_they_stand() {
    assert_eq!(
        refusal(&with_line("runtime_env:\n  a: [1, .inf]")),
        "f:6:10: runtime_env: a number in here is too large, infinite or not a number\n"
    );
}
