use serde_json::{Value, json};

use super::item_for;

/// min, max, step and validation.
fn bounds(schema: Value) -> [Value; 4] {
    let item = item_for(schema);
    assert_eq!(item["$formkit"], "number");
    assert_eq!(item["number"], true);
    ["min", "max", "step", "validation"].map(|prop| item[prop].clone())
}

#[test]
fn bounds_of_the_width_are_left_out_but_for_zero() {
    let integer = |format: &str, minimum: i64, maximum: u64| {
        bounds(json!({ "type": "integer", "format": format, "minimum": minimum, "maximum": maximum }))
    };
    let none = [json!(null), json!(null), json!(null), json!(null)];
    let from_zero = [json!(0), json!(null), json!(null), json!(null)];
    for (format, minimum, maximum) in [
        ("int8", i64::from(i8::MIN), 127),
        ("int16", i64::from(i16::MIN), 32_767),
        ("int32", i64::from(i32::MIN), 2_147_483_647),
        ("int64", i64::MIN, i64::MAX as u64),
        ("int", i64::MIN, i64::MAX as u64),
        ("int128", i64::MIN, u64::MAX),
    ] {
        assert_eq!(integer(format, minimum, maximum), none, "{format}");
    }
    for (format, maximum) in [
        ("uint8", 255),
        ("uint16", 65_535),
        ("uint32", u64::from(u32::MAX)),
        ("uint64", u64::MAX),
        ("uint", u64::MAX),
        ("uint128", u64::MAX),
    ] {
        assert_eq!(integer(format, 0, maximum), from_zero, "{format}");
    }
    let wide = f64::from(f32::MAX);
    assert_eq!(
        bounds(json!({ "type": "number", "format": "float", "minimum": -wide, "maximum": wide }))[..2],
        none[..2]
    );
}

#[test]
fn bounds_that_only_look_like_a_width_are_kept() {
    let [min, max, ..] =
        bounds(json!({ "type": "integer", "format": "uint32", "minimum": 1, "maximum": 255 }));
    assert_eq!((min, max), (json!(1), json!(255)));
    let [min, max, ..] = bounds(json!({ "type": "integer", "minimum": -128, "maximum": 127 }));
    assert_eq!((min, max), (json!(-128), json!(127)));
}

#[test]
fn an_excluded_bound_of_integers_is_moved_by_one() {
    let integer = |mut schema: Value| {
        schema["type"] = json!("integer");
        let [min, max, _, validation] = bounds(schema);
        assert_eq!(validation, json!(null));
        [min, max]
    };
    assert_eq!(integer(json!({ "exclusiveMinimum": 0, "exclusiveMaximum": 10 })), [1, 9]);
    assert_eq!(
        integer(json!({ "exclusiveMinimum": 0, "minimum": -5, "exclusiveMaximum": 10, "maximum": 3 })),
        [1, 3]
    );
    assert_eq!(integer(json!({ "exclusiveMinimum": 0.5, "exclusiveMaximum": 9.5 })), [1, 9]);
    assert_eq!(integer(json!({ "minimum": 0.5, "maximum": 9.5 })), [1, 9]);
    assert_eq!(integer(json!({ "exclusiveMinimum": i64::MAX })), [json!(i64::MAX as u64 + 1), json!(null)]);
    assert_eq!(
        integer(json!({ "exclusiveMinimum": u64::MAX, "maximum": 1e300 })),
        [json!(null), json!(null)]
    );
}

#[test]
fn an_excluded_bound_of_floats_is_a_rule() {
    let float = |schema: Value| {
        let mut schema = schema;
        schema["type"] = json!("number");
        bounds(schema)
    };
    let any = json!("any");
    assert_eq!(
        float(json!({ "exclusiveMinimum": 0.0 })),
        [json!(0.0), json!(null), any.clone(), json!([["not", 0.0]])]
    );
    assert_eq!(
        float(json!({ "minimum": 0, "exclusiveMaximum": 1 })),
        [json!(0), json!(1), any.clone(), json!([["not", 1]])]
    );
    // The tighter of two bounds on one side.
    assert_eq!(
        float(json!({ "minimum": 1, "exclusiveMinimum": 0 })),
        [json!(1), json!(null), any.clone(), json!(null)]
    );
    assert_eq!(
        float(json!({ "minimum": 0, "exclusiveMinimum": 0 })),
        [json!(0), json!(null), any, json!([["not", 0]])]
    );
}

#[test]
fn steps() {
    let step = |schema: Value| bounds(schema)[2].clone();
    assert_eq!(step(json!({ "type": "integer" })), json!(null));
    assert_eq!(step(json!({ "type": "integer", "multipleOf": 8 })), 8);
    assert_eq!(step(json!({ "type": "integer", "multipleOf": 8, "x-ui": { "step": 16 } })), 16);
    assert_eq!(step(json!({ "type": "number" })), "any");
    assert_eq!(step(json!({ "type": "number", "multipleOf": 0.5 })), 0.5);
    assert_eq!(step(json!({ "type": "number", "x-ui": { "step": 0.1 } })), 0.1);
}

#[test]
fn browsers_count_steps_from_a_lowest_value_that_fits() {
    let min = |minimum: i64, step: i64| {
        bounds(json!({ "type": "integer", "minimum": minimum, "multipleOf": step }))[0].clone()
    };
    assert_eq!(min(1, 8), 8);
    assert_eq!(min(8, 8), 8);
    assert_eq!(min(0, 8), 0);
    assert_eq!(min(-9, 8), -8);
    assert_eq!(min(3, -8), 3);
}
