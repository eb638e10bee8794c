//! Schema, check and decoder agree, and a validator that knows all of JSON
//! Schema agrees with them: on documents made from the schemas of many types
//! and then damaged.
//!
//! `SYNAPSE_CASES` sets the number of documents.

#[path = "../src/schema/accept/tests/documents.rs"]
mod documents;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;

use documents::{Random, damaged, fitting, written};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use synapse_sdk::prelude::*;
use synapse_sdk::schema::{Contract, Schema, json_schema};

/// Every number there is.
#[params]
#[derive(Debug, PartialEq)]
struct Widths {
    u8: u8,
    u16: u16,
    u32: u32,
    u64: u64,
    usize: usize,
    i8: i8,
    i16: i16,
    i32: i32,
    i64: i64,
    isize: isize,
    #[param(default)]
    wide: i128,
    #[param(default)]
    wide_natural: u128,
    f32: f32,
    f64: f64,
    nonzero: std::num::NonZeroI16,
    letter: char,
}

/// Every rule there is.
#[params]
#[derive(Debug, PartialEq)]
struct Rules {
    #[param(default = 100, ge = 1, le = 1000)]
    epochs: u32,
    #[param(default = 0.01, gt = 0, lt = 1)]
    rate: f64,
    #[param(multiple_of = 32)]
    size: u16,
    #[param(default = 0.1, multiple_of = 0.1, ge = -1.5)]
    step: f64,
    #[param(default = 0.5, le = 0.5)]
    ratio: f32,
    #[param(ge = -5, lt = 5)]
    shift: i64,
    #[param(length(min = 2, max = 5))]
    name: String,
    #[param(default = "small")]
    model: String,
    #[param(items(min = 1, max = 4))]
    layers: Vec<u8>,
}

/// What may be absent, or `null`.
#[params]
#[derive(Debug, PartialEq)]
struct Optional {
    seed: Option<u32>,
    name: Option<String>,
    flags: Option<Vec<Option<i8>>>,
    inner: Option<Rules>,
    speed: Option<Speed>,
    deep: Option<Option<bool>>,
    #[param(default)]
    rest: Option<Value>,
}

#[params]
#[derive(Debug, PartialEq)]
struct Lists {
    bytes: Vec<u8>,
    grid: Vec<Vec<f32>>,
    #[param(default)]
    names: BTreeSet<String>,
    #[param(default)]
    numbers: BTreeSet<i16>,
    shape: [i16; 2],
    pair: (u8, String),
    #[param(default)]
    nested: Vec<Point>,
}

#[params]
#[derive(Debug, PartialEq)]
struct Point {
    x: i32,
    #[param(default)]
    y: f64,
}

#[params]
#[derive(Debug, PartialEq)]
struct Maps {
    counts: BTreeMap<String, u16>,
    points: HashMap<String, Point>,
    free: Map<String, Value>,
    anything: Value,
    #[param(default)]
    lists: BTreeMap<String, Vec<u32>>,
}

#[params]
#[derive(Debug, PartialEq)]
enum Speed {
    Slow,
    Fast,
}

#[params]
#[derive(Debug, PartialEq)]
enum Loss {
    /// The square of the difference.
    Mse,
    /// The difference.
    Mae,
    Huber,
}

/// Tagged from outside.
#[params]
#[derive(Debug, PartialEq)]
enum Schedule {
    None,
    Constant(u32),
    Step { every: u16, factor: f64 },
    Points(u8, i8),
    Like(Point),
}

/// Tagged from inside.
#[params]
#[derive(Debug, PartialEq)]
#[serde(tag = "kind")]
enum Optimizer {
    Sgd { momentum: f64, nesterov: bool },
    Adam { beta: Option<f64>, steps: u32 },
    Plain,
    At(Point2),
}

/// Without rules for unknown fields, which would refuse the tag.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Point2 {
    x: i32,
    y: Option<u8>,
}

/// Tagged from beside. Without a variant that has no value: the schema of such a
/// one says nothing of `value`, though the decoder refuses it there.
#[params]
#[derive(Debug, PartialEq)]
#[serde(tag = "kind", content = "value")]
enum Augment {
    Flip(bool),
    Crop { width: u32, height: u32 },
    Pair(i8, i8),
}

#[params]
#[derive(Debug, PartialEq)]
#[serde(untagged)]
enum Size {
    One(u32),
    Two { width: u32, height: u32 },
    Named(String),
    Ratio(f64),
    Many(Vec<u32>),
}

#[params]
#[derive(Debug, PartialEq)]
struct Enums {
    speed: Speed,
    loss: Loss,
    schedule: Schedule,
    optimizer: Optimizer,
    augment: Vec<Augment>,
    size: Size,
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Aliases {
    #[serde(alias = "lr", alias = "eta")]
    #[schemars(extend("x-aliases" = ["lr", "eta"]))]
    rate: f64,
    #[serde(alias = "n")]
    #[schemars(extend("x-aliases" = ["n"]))]
    count: u8,
    #[serde(default, rename = "type", alias = "kind")]
    #[schemars(extend("x-aliases" = ["kind"]))]
    kind: Option<String>,
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
struct Flattened {
    name: String,
    #[serde(flatten)]
    point: Point2,
    #[serde(flatten)]
    augment: Augment,
}

#[params]
#[derive(Debug, PartialEq)]
struct Tree {
    value: i16,
    left: Option<Box<Tree>>,
    #[param(default)]
    children: Vec<Tree>,
    #[param(default)]
    named: BTreeMap<String, Tree>,
}

/// How many documents there were, and what became of them.
#[derive(Default)]
struct Tally {
    fitting: usize,
    accepted: usize,
    refused: usize,
}

fn cases() -> usize {
    let set = std::env::var("SYNAPSE_CASES").ok().and_then(|cases| cases.parse().ok());
    set.unwrap_or(20_000)
}

/// Tries one document in several spellings; `schema` is all that is known of `T`.
fn agree<T: JsonSchema + DeserializeOwned + PartialEq + Debug>(seed: usize) {
    let json = json_schema::<T>(Contract::Params);
    let schema = Schema::compile(&json).expect("the schema is supported");
    let oracle = jsonschema::validator_for(&json).expect("it is a schema");
    let has_aliases = json.to_string().contains("x-aliases");
    let mut random = Random::new(seed);
    let mut tally = Tally::default();
    for _ in 0..cases() / 10 {
        let mut document = fitting(&json, &json, &mut random, 0);
        if random.one_in(4) {
            document = mixed(document, fitting(&json, &json, &mut random, 0), &mut random);
        }
        let document = damaged(renamed(document, &json, &mut random), &mut random);
        let text = written(&document, &mut random);
        let shown = String::from_utf8_lossy(&text);
        let accepted = schema.accepts(&text);
        let Ok(checked) = schema.check_text(&text) else {
            assert!(!accepted && serde_json::from_slice::<Value>(&text).is_err(), "{shown}");
            continue;
        };
        let value: Value = serde_json::from_slice(&text).expect("it was read before");
        let (twice, others): (Vec<_>, Vec<_>) =
            checked.violations.iter().partition(|violation| violation.rule == "duplicate");
        if !has_aliases {
            let valid = oracle.is_valid(&value);
            assert_eq!(others.is_empty(), valid, "{shown}\n{others:?}\n{:?}", oracle.validate(&value).err());
        }
        let fits = twice.is_empty() && others.is_empty();
        if fits {
            let decoded =
                T::deserialize(&checked.document).unwrap_or_else(|error| panic!("{error}: {shown}"));
            if accepted {
                let fast: T =
                    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{error}: {shown}"));
                assert_eq!(fast, decoded, "{shown}");
            }
        }
        assert!(fits || !accepted, "{shown}\n{:?}", checked.violations);
        tally.fitting += usize::from(fits);
        tally.accepted += usize::from(accepted);
        tally.refused += usize::from(!fits);
    }
    let enough = cases() / 100;
    let Tally { fitting, accepted, refused } = tally;
    assert!(
        fitting > enough && accepted > enough && refused > enough,
        "{fitting} fit, {accepted} were accepted at once, {refused} refused"
    );
}

/// A document of two: objects have the fields of both, so that variants have
/// those of others.
fn mixed(one: Value, other: Value, random: &mut Random) -> Value {
    match (one, other) {
        (Value::Object(mut one), Value::Object(other)) => {
            for (name, theirs) in other {
                let value = match one.shift_remove(&name) {
                    Some(ours) => mixed(ours, theirs, random),
                    None => theirs,
                };
                one.insert(name, value);
            }
            one.into()
        }
        (Value::Array(mut one), Value::Array(other)) => {
            let mixed_items = one.drain(..).zip(other).map(|(ours, theirs)| mixed(ours, theirs, random));
            mixed_items.collect()
        }
        (ours, theirs) => match random.one_in(2) {
            true => ours,
            false => theirs,
        },
    }
}

/// Gives some fields by another of their names.
fn renamed(document: Value, schema: &Value, random: &mut Random) -> Value {
    let Value::Object(fields) = document else { return document };
    let name_of = |name: String, random: &mut Random| {
        let aliases = schema["properties"][&name]["x-aliases"].as_array();
        let alias = aliases.filter(|_| random.one_in(2)).map(|names| random.pick(names));
        alias.and_then(Value::as_str).map_or(name, str::to_owned)
    };
    fields.into_iter().map(|(name, value)| (name_of(name, random), value)).collect()
}

#[test]
fn numbers_of_every_width() {
    agree::<Widths>(1);
}

#[test]
fn rules_and_defaults() {
    agree::<Rules>(2);
}

#[test]
fn optional_fields() {
    agree::<Optional>(3);
}

#[test]
fn lists_sets_and_tuples() {
    agree::<Lists>(4);
}

#[test]
fn maps_and_free_form_values() {
    agree::<Maps>(5);
}

#[test]
fn enums_in_a_struct() {
    agree::<Enums>(6);
}

#[test]
fn an_enum_by_itself() {
    agree::<Optimizer>(7);
}

#[test]
fn fields_with_several_names() {
    agree::<Aliases>(8);
}

#[test]
fn fields_of_other_structs() {
    agree::<Flattened>(9);
}

#[test]
fn types_within_themselves() {
    agree::<Tree>(10);
}

/// What types written by hand may say, beyond what `#[params]` does.
fn by_hand() -> Vec<Value> {
    let small =
        json!({"type": "object", "properties": {"a": {"type": "integer"}, "x": true, "z": {"maximum": 1}}});
    let with = |rules: Value| {
        let mut schema = small.clone();
        schema
            .as_object_mut()
            .expect("it is an object")
            .extend(rules.as_object().expect("they are rules").clone());
        schema
    };
    let list = |rules: Value| {
        let mut schema =
            json!({"type": "array", "items": {"type": ["integer", "number", "null"], "minimum": -1}});
        schema
            .as_object_mut()
            .expect("it is an object")
            .extend(rules.as_object().expect("they are rules").clone());
        schema
    };
    let has_a = json!({"properties": {"a": {"maximum": 3}}, "required": ["a"]});
    vec![
        with(json!({"not": {"required": ["x"]}})),
        with(json!({"if": has_a, "then": {"required": ["x"]}, "else": {"required": ["z"]}})),
        with(json!({"if": has_a, "else": {"properties": {"a": false}}})),
        with(json!({"dependentRequired": {"a": ["x", "z"], "kind": ["a"]}})),
        with(json!({"propertyNames": {"maxLength": 1}})),
        with(json!({"propertyNames": {"enum": ["a", "x", "z"]}, "minProperties": 2})),
        with(
            json!({"patternProperties": {"^[a-m]": {"type": ["integer", "null"]}}, "additionalProperties": false}),
        ),
        with(json!({"unevaluatedProperties": false})),
        with(
            json!({"unevaluatedProperties": false, "anyOf": [{"properties": {"kind": {"type": "string"}}}, has_a]}),
        ),
        with(json!({"unevaluatedProperties": false, "if": has_a, "then": {"properties": {"kind": true}}})),
        with(
            json!({"unevaluatedProperties": false, "oneOf": [{"required": ["z"], "patternProperties": {"^k": true}}, {"required": ["x"]}]}),
        ),
        with(
            json!({"unevaluatedProperties": false, "allOf": [{"not": {"properties": {"kind": false}}}, {"$ref": "#/$defs/K"}],
                    "$defs": {"K": {"properties": {"kind": true}, "additionalProperties": {"type": "null"}}}}),
        ),
        with(
            json!({"allOf": [{"minProperties": 1}, {"maxProperties": 2}], "$ref": "#/$defs/A", "$defs": {"A": has_a}}),
        ),
        list(json!({"contains": {"type": "integer", "minimum": 1}})),
        list(json!({"contains": {"type": "null"}, "minContains": 0, "maxContains": 1})),
        list(json!({"contains": {"maximum": 2}, "minContains": 2, "maxContains": 3})),
        list(json!({"uniqueItems": true})),
        list(json!({"prefixItems": [{"const": 1}, {"enum": [1, 1.5, null]}], "items": {"multipleOf": 0.1}})),
        json!({"type": "array", "items": {"type": ["number", "array", "object"]}, "uniqueItems": true}),
        json!({"enum": [1, -0.0, 1.5, [1, {"a": 1}], {"a": 1}, "1", null, 9_007_199_254_740_993_u64]}),
        json!({"type": "number", "minimum": 9_007_199_254_740_991_u64, "exclusiveMaximum": 1e300}),
        json!({"type": "number", "maximum": i64::MAX, "minimum": i64::MIN}),
        json!({"type": "integer", "exclusiveMaximum": 18_446_744_073_709_551_615.0}),
        json!({"anyOf": [{"type": "integer", "multipleOf": 3}, {"type": "number", "multipleOf": 0.005}]}),
        json!({"oneOf": [{"type": "integer"}, {"type": "number", "maximum": 1}]}),
    ]
}

#[test]
fn schemas_written_by_hand() {
    synapse_sdk::schema::pattern::enable();
    for (index, json) in by_hand().iter().enumerate() {
        let schema = Schema::compile(json).expect("the schema is supported");
        let oracle = jsonschema::validator_for(json).expect("it is a schema");
        let mut random = Random::new(index);
        let mut valid = 0;
        let count = cases() / 50;
        for _ in 0..count {
            let document = damaged(fitting(json, json, &mut random, 0), &mut random);
            let violations = schema.check(&document);
            let expected = oracle.is_valid(&document);
            assert_eq!(violations.is_empty(), expected, "{json}\n{document}\n{violations:?}");
            assert!(expected || !schema.accepts(document.to_string().as_bytes()), "{json}\n{document}");
            valid += usize::from(expected);
        }
        assert!(valid > count / 50 && valid < count, "{json}: {valid} of {count} fit");
    }
}

#[test]
fn patterns_are_those_of_ecma_262() {
    synapse_sdk::schema::pattern::enable();
    let patterns = [
        "a",
        "^a",
        "a$",
        "^a$",
        "^$",
        "",
        "a|b",
        "^(a|b)+$",
        "^(?:ab)*$",
        "[a-c]",
        "[^a-c]",
        "^[a-c]{2,3}$",
        "a{2}",
        "a{2,}",
        "a+?b",
        "^.$",
        "^.{2}$",
        r"\d",
        r"^\D$",
        r"\w+",
        r"^\W+$",
        r"\s",
        r"^\S+$",
        r"\bab\b",
        r"\Ba",
        r"[\d\s]",
        r"[^\w]",
        r"^\u00e9$",
        r"\.",
        r"\/",
        r"^[\-a]+$",
        "^[a-]+$",
        r"\t|\n",
        "(?<name>a)b",
        "^[A-Za-z0-9_.-]+@[a-z]+$",
        r"^-?\d+$",
        r"^\d+$",
    ];
    let texts = [
        "",
        "a",
        "b",
        "ab",
        "aab",
        "aaa",
        "abc",
        "abab",
        "é",
        "日本",
        "🦀",
        "a b",
        "a\nb",
        "\n",
        "\r",
        "\t",
        "\u{a0}",
        "\u{2028}",
        "\u{feff}",
        "\u{85}",
        "7",
        "-12",
        "٣",
        "a.b",
        "a/b",
        "a-b",
        "x_y",
        "me@example",
        "A",
        "ä",
        " ",
        "a\n",
    ];
    for pattern in patterns {
        let json = json!({ "pattern": pattern });
        let schema = Schema::compile(&json).expect("the pattern is supported");
        let oracle = jsonschema::validator_for(&json).expect("it is a schema");
        for text in texts {
            let text = json!(text);
            assert_eq!(schema.check(&text).is_empty(), oracle.is_valid(&text), "{pattern} in {text}");
        }
    }
}
