//! Documents from schemas, the same on every machine.

use serde_json::{Map, Value, json};

/// A xorshift generator.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: usize) -> Self {
        Self(0x9e37_79b9_7f4a_7c15 ^ (seed as u64 + 1))
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }

    pub(super) fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// A document that mostly fits `schema`.
pub(super) fn fitting(schema: &Value, root: &Value, random: &mut Random, depth: usize) -> Value {
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    if let Some(choices) = schema["enum"].as_array() {
        return random.pick(choices).clone();
    }
    let mut parts = Vec::new();
    if let Some(target) = schema["$ref"].as_str() {
        parts.push(root.pointer(target.trim_start_matches('#')).expect("it is defined"));
    }
    for keyword in ["anyOf", "oneOf"] {
        if let Some(alternatives) = schema[keyword].as_array() {
            // The first ends the recursion.
            parts.push(if depth > 4 { &alternatives[0] } else { random.pick(alternatives) });
        }
    }
    parts.extend(schema["allOf"].as_array().into_iter().flatten());
    let alone = parts.is_empty() || schema.get("type").is_some() || schema.get("properties").is_some();
    let own = alone.then(|| of_own(schema, root, random, depth));
    let others: Vec<Value> = parts.into_iter().map(|part| fitting(part, root, random, depth)).collect();
    others.into_iter().chain(own).reduce(merged).expect("there is one at least")
}

/// Several schemas for one object make one object.
fn merged(one: Value, other: Value) -> Value {
    match (one, other) {
        (Value::Object(mut one), Value::Object(other)) => {
            for (name, value) in other {
                if one.get(&name).is_none_or(Value::is_null) {
                    one.insert(name, value);
                }
            }
            one.into()
        }
        (_, other) => other,
    }
}

fn of_own(schema: &Value, root: &Value, random: &mut Random, depth: usize) -> Value {
    let kind = match &schema["type"] {
        Value::Array(kinds) => random.pick(kinds).as_str(),
        kind => kind.as_str(),
    };
    match kind {
        Some("null") => Value::Null,
        Some("boolean") => json!(random.one_in(2)),
        Some("integer") => integer(schema, random),
        Some("number") if random.one_in(2) => integer(schema, random),
        Some("number") => float(schema, random),
        Some("string") => text(schema, random),
        Some("array") => array(schema, root, random, depth),
        Some("object") => object(schema, root, random, depth),
        _ if schema.get("items").is_some() => array(schema, root, random, depth),
        _ if schema.get("properties").is_some() => object(schema, root, random, depth),
        _ => anything(random),
    }
}

/// Small, or near a bound.
fn integer(schema: &Value, random: &mut Random) -> Value {
    let bound = |keyword: &str| schema[keyword].as_number().map(whole);
    let least = bound("minimum").or(bound("exclusiveMinimum").map(|bound| bound + 1)).unwrap_or(-2);
    let most = bound("maximum").or(bound("exclusiveMaximum").map(|bound| bound - 1)).unwrap_or(least + 100);
    let near = random.below(100) as i128;
    let number = match random.below(4) {
        0 => least + near,
        1 => most - near,
        _ => near - 2,
    };
    let step = bound("multipleOf").filter(|step| *step > 0).unwrap_or(1);
    let number = number.clamp(least, most.max(least)).div_euclid(step) * step;
    match u64::try_from(number) {
        Ok(number) => json!(number),
        Err(_) => json!(i64::try_from(number).unwrap_or_default()),
    }
}

fn whole(number: &serde_json::Number) -> i128 {
    let integer = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    integer.unwrap_or_else(|| number.as_f64().unwrap_or_default() as i128)
}

/// In steps that are not exact in binary.
fn float(schema: &Value, random: &mut Random) -> Value {
    let step = schema["multipleOf"].as_f64().unwrap_or(0.005);
    let text = format!("{:.4}", step * random.below(199) as f64);
    json!(text.parse::<f64>().expect("it is a number"))
}

fn text(schema: &Value, random: &mut Random) -> Value {
    let least = schema["minLength"].as_u64().unwrap_or(0);
    let most = schema["maxLength"].as_u64().unwrap_or(least + 6);
    let length = least as usize + random.below((most - least) as usize + 1);
    json!(
        (0..length).map(|_| *random.pick(&['a', 'b', 'é', '"', '\\', '\n', '日', '🦀'])).collect::<String>()
    )
}

fn array(schema: &Value, root: &Value, random: &mut Random, depth: usize) -> Value {
    let mut items = Vec::new();
    for prefix in schema["prefixItems"].as_array().into_iter().flatten() {
        items.push(fitting(prefix, root, random, depth + 1));
    }
    if schema["items"].is_object() && depth < 4 {
        let least = schema["minItems"].as_u64().unwrap_or(0) as usize;
        let most = schema["maxItems"].as_u64().map_or(least + 3, |most| most as usize);
        let length = least + random.below(most - least + 1);
        items.extend((0..length).map(|_| fitting(&schema["items"], root, random, depth + 1)));
    }
    items.into()
}

fn object(schema: &Value, root: &Value, random: &mut Random, depth: usize) -> Value {
    let mut fields = Map::new();
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        fields.insert(name.to_owned(), Value::Null);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        if fields.contains_key(name) || random.one_in(2) {
            fields.insert(name.clone(), fitting(property, root, random, depth + 1));
        }
    }
    if schema["additionalProperties"].is_object() && depth < 4 {
        for name in ["x", "y", "é"] {
            if !random.one_in(4) {
                let value = fitting(&schema["additionalProperties"], root, random, depth + 1);
                fields.insert(name.to_owned(), value);
            }
        }
    }
    fields.into()
}

fn anything(random: &mut Random) -> Value {
    let some = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1),
        json!(1.0),
        json!(1.5),
        json!(0.5),
        json!(3),
        json!(301),
        json!(1e300),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(9_007_199_254_740_993_u64),
        json!(""),
        json!("sgd"),
        json!("adam"),
        json!("none"),
        json!("a longer text"),
        json!([]),
        json!({}),
        json!([1, 1]),
        json!({"a": 1, "x": [2.5, null]}),
        json!({"kind": "sgd", "momentum": 0.5}),
    ];
    random.pick(&some).clone()
}

/// Half of the documents as they were, the others with one to three changes.
pub(super) fn damaged(mut document: Value, random: &mut Random) -> Value {
    if random.one_in(2) {
        for _ in 0..=random.below(3) {
            damage(&mut document, random);
        }
    }
    document
}

fn damage(value: &mut Value, random: &mut Random) {
    let here = random.one_in(3);
    match value {
        Value::Array(items) if !here && !items.is_empty() => {
            let index = random.below(items.len());
            damage(&mut items[index], random);
        }
        Value::Object(fields) if !here && !fields.is_empty() => {
            let index = random.below(fields.len());
            let field = fields.values_mut().nth(index).expect("there are so many");
            damage(field, random);
        }
        Value::Array(items) if random.one_in(2) => {
            let item = items.first().cloned().unwrap_or_else(|| anything(random));
            items.push(item);
        }
        Value::Object(fields) if random.one_in(2) => {
            match fields.keys().nth(random.below(fields.len() + 1)).cloned() {
                Some(name) => fields.shift_remove(&name),
                None => fields.insert((*random.pick(&["a", "z", "kind"])).to_owned(), anything(random)),
            };
        }
        Value::String(text) if random.one_in(2) => text.push_str("éx"),
        other => *other = anything(random),
    }
}

/// `document` as a person or another program may have written it, at times
/// with mistakes.
pub(super) fn written(document: &Value, random: &mut Random) -> Vec<u8> {
    let mut text = Vec::new();
    write(document, random, &mut text);
    match random.below(40) {
        0 => text.truncate(random.below(text.len())),
        1 => text.extend(*random.pick(&[b" x", b" 1", b"]}", b", ", b"\0\0"])),
        2 => {
            let index = random.below(text.len());
            text[index] = *random.pick(b"0\"{}[],:ae.-\xff");
        }
        _ => {}
    }
    text
}

fn write(value: &Value, random: &mut Random, out: &mut Vec<u8>) {
    match value {
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                separate(index, random, out);
                write(item, random, out);
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            out.push(b'{');
            for (index, (name, value)) in fields.iter().enumerate() {
                separate(index, random, out);
                write_field(name, value, random, out);
            }
            if let Some((name, value)) = fields.iter().next_back().filter(|_| random.one_in(20)) {
                separate(1, random, out);
                write_field(name, value, random, out);
            }
            out.push(b'}');
        }
        Value::String(text) => write_text(text, random, out),
        // Of great integers, other spellings are rounded when they are read.
        Value::Number(number)
            if number.as_i64().is_some_and(|integer| integer.unsigned_abs() < 1 << 53)
                && random.one_in(60) =>
        {
            out.extend(format!("{number}{}", random.pick(&[".0", "e0", ".5", "0e400"])).bytes());
        }
        scalar => out.extend(scalar.to_string().bytes()),
    }
}

fn write_field(name: &str, value: &Value, random: &mut Random, out: &mut Vec<u8>) {
    write_text(name, random, out);
    out.push(b':');
    write(value, random, out);
}

fn separate(index: usize, random: &mut Random, out: &mut Vec<u8>) {
    if index > 0 {
        out.push(b',');
    }
    out.extend(random.pick(&["", "", " ", "\n\t"]).bytes());
}

/// Some letters as escapes, so that the text cannot be borrowed.
fn write_text(text: &str, random: &mut Random, out: &mut Vec<u8>) {
    if random.one_in(4) {
        let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        out.extend(format!("\"{escaped}\"").bytes());
    } else {
        out.extend(Value::from(text).to_string().bytes());
    }
}
