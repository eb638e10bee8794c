use std::collections::{BTreeMap, HashMap};

use serde_json::json;

use super::*;

fn schema<T: schemars::JsonSchema>() -> Value {
    json_schema::<T>(Contract::Params)
}

fn bounds<T: schemars::JsonSchema>() -> (Value, Value) {
    let schema = schema::<T>();
    (schema["minimum"].clone(), schema["maximum"].clone())
}

fn tidied(mut schema: Value) -> Value {
    tidy(&mut schema);
    schema
}

#[test]
fn every_width_has_its_bounds() {
    assert_eq!(bounds::<u8>(), (json!(0), json!(u8::MAX)));
    assert_eq!(bounds::<u16>(), (json!(0), json!(u16::MAX)));
    assert_eq!(bounds::<u32>(), (json!(0), json!(u32::MAX)));
    assert_eq!(bounds::<u64>(), (json!(0), json!(u64::MAX)));
    assert_eq!(bounds::<u128>(), (json!(0), json!(u64::MAX)));
    assert_eq!(bounds::<usize>(), (json!(0), json!(usize::MAX)));
    assert_eq!(bounds::<i8>(), (json!(i8::MIN), json!(i8::MAX)));
    assert_eq!(bounds::<i16>(), (json!(i16::MIN), json!(i16::MAX)));
    assert_eq!(bounds::<i32>(), (json!(i32::MIN), json!(i32::MAX)));
    assert_eq!(bounds::<i64>(), (json!(i64::MIN), json!(i64::MAX)));
    assert_eq!(bounds::<i128>(), (json!(i64::MIN), json!(u64::MAX)));
    assert_eq!(bounds::<isize>(), (json!(isize::MIN), json!(isize::MAX)));
    assert_eq!(bounds::<f32>(), (json!(f64::from(f32::MIN)), json!(f64::from(f32::MAX))));
    assert_eq!(bounds::<f64>(), (Value::Null, Value::Null));
    assert_eq!(bounds::<std::num::NonZeroU32>(), (json!(1), json!(u32::MAX)));
    assert_eq!(bounds::<Option<u32>>(), (json!(0), json!(u32::MAX)));
}

#[test]
fn widths_are_found_wherever_they_stand() {
    let of_lists = schema::<Vec<[u32; 2]>>();
    assert_eq!(of_lists["items"]["items"]["maximum"], json!(u32::MAX));
    assert_eq!(schema::<HashMap<String, i32>>()["additionalProperties"]["minimum"], json!(i32::MIN));
    assert_eq!(schema::<BTreeMap<u8, i32>>()["patternProperties"][r"^\d+$"]["minimum"], json!(i32::MIN));
    assert_eq!(schema::<(u64, String)>()["prefixItems"][0]["maximum"], json!(u64::MAX));
    let nested = schema::<Option<Result<u32, Vec<u16>>>>();
    assert_eq!(nested["anyOf"][0]["$ref"], "#/$defs/Result_of_uint32_or_Array_of_uint16");
    let result = &nested["$defs"]["Result_of_uint32_or_Array_of_uint16"]["oneOf"];
    assert_eq!(result[0]["properties"]["Ok"]["maximum"], json!(u32::MAX));
    assert_eq!(result[1]["properties"]["Err"]["items"]["maximum"], json!(u16::MAX));
}

#[test]
fn the_stronger_bound_is_left() {
    let integer = |rules: Value| {
        let mut schema = json!({"format": "uint32"});
        merge(&mut schema, rules.as_object().expect("they are rules"));
        tidied(schema)
    };
    let most = u32::MAX;
    for (given, expected) in [
        (json!({"minimum": 0}), json!({"format": "uint32", "minimum": 0, "maximum": most})),
        (json!({"minimum": 1}), json!({"format": "uint32", "minimum": 1, "maximum": most})),
        (json!({"minimum": -5}), json!({"format": "uint32", "minimum": 0, "maximum": most})),
        (json!({"maximum": 1e12}), json!({"format": "uint32", "minimum": 0, "maximum": most})),
        (json!({"exclusiveMinimum": 0}), json!({"format": "uint32", "exclusiveMinimum": 0, "maximum": most})),
        (json!({"exclusiveMinimum": -1}), json!({"format": "uint32", "minimum": 0, "maximum": most})),
        (json!({"exclusiveMaximum": 10}), json!({"format": "uint32", "minimum": 0, "exclusiveMaximum": 10})),
        (json!({"exclusiveMaximum": 1e12}), json!({"format": "uint32", "minimum": 0, "maximum": most})),
    ] {
        assert_eq!(integer(given), expected);
    }
    assert_eq!(tidied(json!({"minimum": 1, "exclusiveMinimum": 0.5})), json!({"minimum": 1}));
    assert_eq!(tidied(json!({"maximum": 1, "exclusiveMaximum": 1})), json!({"exclusiveMaximum": 1}));
}

#[test]
fn rules_for_each_go_to_items_and_values() {
    let each = json!({"minimum": 1, "maximum": 300});
    let with = |mut schema: Value| {
        schema["x-each"] = each.clone();
        tidied(schema)
    };
    let uint8 = json!({"format": "uint8", "minimum": 0, "maximum": 255});
    let merged = json!({"format": "uint8", "minimum": 1, "maximum": 255});
    assert_eq!(
        with(json!({"type": ["array", "null"], "items": uint8})),
        json!({"type": ["array", "null"], "items": merged})
    );
    assert_eq!(
        with(json!({"type": "object", "additionalProperties": uint8})),
        json!({"type": "object", "additionalProperties": merged})
    );
    assert_eq!(
        with(json!({"type": "object", "patternProperties": {"^a": uint8}, "additionalProperties": false})),
        json!({"type": "object", "patternProperties": {"^a": merged}, "additionalProperties": false})
    );
    assert_eq!(with(json!({"type": "array", "items": true})), json!({"type": "array", "items": each}));
    assert_eq!(
        with(json!({"type": "array", "items": {"$ref": "#/$defs/A"}})),
        json!({"type": "array", "items": {"$ref": "#/$defs/A", "minimum": 1, "maximum": 300}})
    );
}
