//! Changes to the text of a config.

use super::{IDENTITY, with_identity};
use crate::config::edit::{Change, apply, place_of};

fn set(action: &str, key: &'static str, value: &str) -> Change {
    Change::Set { action: action.to_owned(), key, value: value.to_owned() }
}

fn remove(action: &str, key: &'static str) -> Change {
    Change::Remove { action: action.to_owned(), key }
}

fn add(action: &str) -> Change {
    let keys = vec![("entrypoint", "m::Test".to_owned()), ("input_type", "model_weights".to_owned())];
    Change::Add { action: action.to_owned(), keys }
}

/// What a config with `before` after its identity is changed to.
#[track_caller]
fn changes(before: &str, change: Change, after: &str) {
    let edited = apply(&with_identity(before), &change);
    assert_eq!(edited.as_deref(), Some(&*with_identity(after)), "{change}");
}

#[test]
fn a_value_is_replaced_in_its_own_quotes_and_comments_stay() {
    for (before, after) in [
        ("dm_dataset", "yolo_dataset"),
        ("\"dm_dataset\"", "\"yolo_dataset\""),
        ("'dm_dataset'", "'yolo_dataset'"),
        ("!!str dm_dataset", "!!str yolo_dataset"),
        ("~", "yolo_dataset"),
    ] {
        let text = |value: &str| {
            format!(
                "# all\nactions: # of it\n  train: # this\n    input_type:  {value}   # why\n    entrypoint: m.T\n"
            )
        };
        changes(&text(before), set("train", "input_type", "yolo_dataset"), &text(after));
    }
}

#[test]
fn a_key_that_is_empty_gets_its_value() {
    changes(
        "actions:\n  train:\n    input_type:\n    entrypoint: m.T\n",
        set("train", "input_type", "a"),
        "actions:\n  train:\n    input_type: a\n    entrypoint: m.T\n",
    );
}

#[test]
fn blocks_of_text_are_replaced_as_a_whole() {
    changes(
        "actions:\n  train:\n    description: |\n      One\n      two\n\n    # next\n    entrypoint: m.T\n",
        set("train", "description", "Trains: all of it"),
        "actions:\n  train:\n    description: \"Trains: all of it\"\n\n    # next\n    entrypoint: m.T\n",
    );
    changes(
        "actions:\n  train:\n    description: One\n      and two\n    entrypoint: m.T\n",
        set("train", "description", "Trains"),
        "actions:\n  train:\n    description: Trains\n    entrypoint: m.T\n",
    );
}

#[test]
fn a_new_key_goes_where_such_keys_go() {
    changes(
        "actions:\n    train:\n        entrypoint: m.T # here\n        method: job\n        output_type: b\n\n    # other\n    test: m.U\n",
        set("train", "input_type", "a"),
        "actions:\n    train:\n        entrypoint: m.T # here\n        method: job\n        input_type: a\n        output_type: b\n\n    # other\n    test: m.U\n",
    );
    changes(
        "actions:\n  train:\n    serve_options:\n      a: 1\n      b: [1,\n          2]\n# end\n",
        set("train", "output_type", "a"),
        "actions:\n  train:\n    serve_options:\n      a: 1\n      b: [1,\n          2]\n    output_type: a\n# end\n",
    );
}

#[test]
fn short_forms_of_an_action_take_keys_as_well() {
    for (before, after) in [
        ("train: m.T  # c", "train: {entrypoint: m.T, input_type: a}  # c"),
        ("train: \"m:T\"", "train: {entrypoint: \"m:T\", input_type: a}"),
        ("train: {entrypoint: m.T}  # c", "train: {entrypoint: m.T, input_type: a}  # c"),
        ("train: { method: job , output_type: b }", "train: { method: job, input_type: a , output_type: b }"),
        ("train: {}", "train: {input_type: a}"),
        ("train: ~", "train: {input_type: a}"),
        ("train:  # c", "train:  # c\n    input_type: a"),
    ] {
        let text = |action: &str| format!("actions:\n  {action}\n  test: m.U\n");
        changes(&text(before), set("train", "input_type", "a"), &text(after));
    }
    let change = set("train", "input_type", "a");
    changes("actions: {train: m.T}\n", change, "actions: {train: {entrypoint: m.T, input_type: a}}\n");
    changes("actions: {train: m.T}\n", set("train", "entrypoint", "n::T"), "actions: {train: n::T}\n");
}

#[test]
fn a_key_is_taken_out_with_its_line() {
    changes(
        "actions:\n  train:\n    entrypoint: m.T\n    input_type: a # c\n    output_type: b\n",
        remove("train", "input_type"),
        "actions:\n  train:\n    entrypoint: m.T\n    output_type: b\n",
    );
    for (before, after) in [
        ("{entrypoint: m.T, input_type: a}", "{entrypoint: m.T}"),
        ("{input_type: a, entrypoint: m.T}", "{entrypoint: m.T}"),
        ("{input_type: a}", "{}"),
    ] {
        let text = |action: &str| format!("actions: {{train: {action}}}\n");
        changes(&text(before), remove("train", "input_type"), &text(after));
    }
}

#[test]
fn a_new_action_looks_like_the_others() {
    changes(
        "actions:\n    train:\n      method: job  # c\n\n# the end\ntags: [a]\n",
        add("test"),
        "actions:\n    train:\n      method: job  # c\n    test:\n      entrypoint: m::Test\n      input_type: model_weights\n\n# the end\ntags: [a]\n",
    );
    changes(
        "actions:\n  a:\n    method: job\n\n  b:\n    method: job\n",
        add("test"),
        "actions:\n  a:\n    method: job\n\n  b:\n    method: job\n\n  test:\n    entrypoint: m::Test\n    input_type: model_weights\n",
    );
    changes(
        "actions:\n  a:\n  b:",
        add("test"),
        "actions:\n  a:\n  b:\n  test:\n    entrypoint: m::Test\n    input_type: model_weights",
    );
    let test = "test: {entrypoint: m::Test, input_type: model_weights}";
    changes("actions: {a: m.A}\n", add("test"), &format!("actions: {{a: m.A, {test}}}\n"));
    changes("actions: {} # none\n", add("test"), &format!("actions: {{{test}}} # none\n"));
    changes(
        "actions: {}\ntags: [a]\n",
        add("test"),
        "actions:\n  test:\n    entrypoint: m::Test\n    input_type: model_weights\ntags: [a]\n",
    );
}

#[test]
fn line_ends_and_a_byte_order_mark_stay() {
    let text = |rest: &str| format!("\u{feff}{}", with_identity(rest).replace('\n', "\r\n"));
    let edited =
        apply(&text("actions:\n  train: # ü\n    method: job\n"), &set("train", "output_type", "größe"));
    assert_eq!(edited, Some(text("actions:\n  train: # ü\n    method: job\n    output_type: größe\n")),);
}

#[test]
fn texts_that_need_quotes_get_them() {
    let long = "It's: \"so\", # [really]\n{yes}";
    let edited = apply(&with_identity("actions:\n  a: {description: x}\n"), &set("a", "description", long));
    assert!(
        edited.is_some_and(|text| text.contains(r##"{description: "It's: \"so\", # [really]\n{yes}"}"##))
    );
    for word in ["no", "1.5", "- a", "", " a", "a ", "&a", "*a", "!a", "#a", "'a", "a:"] {
        let edited = apply(&with_identity("actions: {a: m.A}\n"), &set("a", "description", word));
        assert!(edited.is_some(), "{word:?}");
    }
}

#[test]
fn what_cannot_be_changed_in_place_is_left_alone() {
    let aliased = with_identity("actions:\n  a: &base {entrypoint: m.A, input_type: x}\n  b: *base\n");
    assert_eq!(apply(&aliased, &set("b", "input_type", "y")), None);
    assert_eq!(apply(&aliased, &set("a", "input_type", "y")), None);
    assert_eq!(apply(&aliased, &remove("b", "input_type")), None);
    let merged =
        with_identity("actions:\n  a: &base\n    input_type: x\n  b:\n    <<: *base\n    method: job\n");
    assert_eq!(apply(&merged, &set("b", "input_type", "y")), None);
    assert!(apply(&merged, &set("b", "output_type", "y")).is_some());
    assert_eq!(apply(&merged, &set("c", "output_type", "y")), None);
    assert_eq!(apply("name: no\n", &add("a")), None);
}

#[test]
fn keys_are_found_by_line_and_column() {
    let text = with_identity("actions:\n  a:\n    method: job\n    input_type: x\n");
    assert_eq!(IDENTITY.lines().count(), 4);
    assert_eq!(place_of(&text, "a", Some("input_type")), (8, 5));
    assert_eq!(place_of(&text, "a", Some("output_type")), (6, 3));
    assert_eq!(place_of(&text, "a", None), (6, 3));
    assert_eq!(place_of(&text, "b", None), (5, 1));
}
