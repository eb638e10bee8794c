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

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// A document that mostly fits `schema`.
pub(super) fn fitting(schema: &Value, root: &Value, random: &mut Random, depth: usize) -> Value {
    if let Some(target) = schema["$ref"].as_str() {
        let definition = root.pointer(target.trim_start_matches('#')).expect("it is defined");
        return fitting(definition, root, random, depth);
    }
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    if let Some(choices) = schema["enum"].as_array() {
        return random.pick(choices).clone();
    }
    for keyword in ["anyOf", "oneOf"] {
        if let Some(alternatives) = schema[keyword].as_array() {
            // The first ends the recursion.
            let taken = if depth > 4 { &alternatives[0] } else { random.pick(alternatives) };
            return fitting(taken, root, random, depth);
        }
    }
    if let Some(part) = schema.pointer("/allOf/0") {
        return object(part, root, random, depth);
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => random.pick(kinds).as_str(),
        kind => kind.as_str(),
    };
    match kind {
        Some("null") => Value::Null,
        Some("boolean") => json!(random.one_in(2)),
        Some("integer") => integer(schema, random),
        Some("number") if random.one_in(2) => integer(schema, random),
        Some("number") => json!(random.below(199) as f64 / 200.0),
        Some("string") => text(schema, random),
        Some("array") => array(schema, root, random, depth),
        Some("object") => object(schema, root, random, depth),
        _ if schema.get("items").is_some() => array(schema, root, random, depth),
        _ => anything(random),
    }
}

fn integer(schema: &Value, random: &mut Random) -> Value {
    let step = schema["multipleOf"].as_i64().unwrap_or(1);
    let least = schema["minimum"].as_i64().unwrap_or(-2);
    let first = -(-least).div_euclid(step);
    json!(step * (first + random.below(100) as i64))
}

fn text(schema: &Value, random: &mut Random) -> Value {
    let (least, most) =
        (schema["minLength"].as_u64().unwrap_or(0), schema["maxLength"].as_u64().unwrap_or(6));
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
        let length = schema["minItems"].as_u64().unwrap_or(0) as usize + random.below(4);
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

/// A document as text.
pub(super) struct Text {
    pub(super) json: Vec<u8>,
    pub(super) may_repeat_names: bool,
}

/// `document` as a person or another program may have written it, at times
/// with mistakes.
pub(super) fn written(document: &Value, random: &mut Random) -> Text {
    let mut text = Text { json: Vec::new(), may_repeat_names: false };
    write(document, random, &mut text);
    match random.below(40) {
        0 => text.json.truncate(random.below(text.json.len())),
        1 => text.json.extend(*random.pick(&[b" x", b" 1", b"]}", b", ", b"\0\0"])),
        2 => {
            let index = random.below(text.json.len());
            text.json[index] = *random.pick(b"0\"{}[],:ae.-\xff");
            text.may_repeat_names = true;
        }
        _ => {}
    }
    text
}

fn write(value: &Value, random: &mut Random, out: &mut Text) {
    match value {
        Value::Array(items) => {
            out.json.push(b'[');
            for (index, item) in items.iter().enumerate() {
                separate(index, random, out);
                write(item, random, out);
            }
            out.json.push(b']');
        }
        Value::Object(fields) => {
            out.json.push(b'{');
            for (index, (name, value)) in fields.iter().enumerate() {
                separate(index, random, out);
                write_field(name, value, random, out);
            }
            if let Some((name, value)) = fields.iter().next_back().filter(|_| random.one_in(20)) {
                out.may_repeat_names = true;
                separate(1, random, out);
                write_field(name, value, random, out);
            }
            out.json.push(b'}');
        }
        Value::String(text) => write_text(text, random, out),
        Value::Number(number) if number.is_i64() && random.one_in(60) => {
            out.json.extend(format!("{number}{}", random.pick(&[".0", "e0", ".5", "0e400"])).bytes());
        }
        scalar => out.json.extend(scalar.to_string().bytes()),
    }
}

fn write_field(name: &str, value: &Value, random: &mut Random, out: &mut Text) {
    write_text(name, random, out);
    out.json.push(b':');
    write(value, random, out);
}

fn separate(index: usize, random: &mut Random, out: &mut Text) {
    if index > 0 {
        out.json.push(b',');
    }
    out.json.extend(random.pick(&["", "", " ", "\n\t"]).bytes());
}

/// Some letters as escapes, so that the text cannot be borrowed.
fn write_text(text: &str, random: &mut Random, out: &mut Text) {
    if random.one_in(4) {
        let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        out.json.extend(format!("\"{escaped}\"").bytes());
    } else {
        out.json.extend(Value::from(text).to_string().bytes());
    }
}
