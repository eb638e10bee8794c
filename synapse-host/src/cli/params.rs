//! Params from the command line: `--params`, `--params-file`, `-P key=value`.

use std::io::Read;

use clap::Args;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use synapse_sdk::errors::Result;
use synapse_sdk::schema::{Schema, invalid};
use synapse_sdk::{ErrorKind, PluginError};

/// Where params come from; later ones go before earlier ones.
#[derive(Args, Debug, Default)]
pub(crate) struct ParamsArgs {
    /// Params as JSON
    #[arg(long, value_name = "JSON")]
    params: Option<String>,
    /// A file with params as JSON; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    params_file: Option<String>,
    /// One param; the action's schema says whether it is a number, a text, a list …
    #[arg(short = 'P', value_name = "KEY=VALUE")]
    param: Vec<String>,
    /// Params of an earlier run, as JSON.
    #[arg(skip)]
    earlier: Option<String>,
}

impl ParamsArgs {
    /// Whether standard input holds params.
    pub(crate) fn takes_stdin(&self) -> bool {
        self.params_file.as_deref() == Some("-")
    }

    /// The same params, over those of an earlier run. What they come from stays
    /// what it is when the working folder changes.
    pub(crate) fn over(self, earlier: String) -> Self {
        let file = self.params_file.map(|file| match std::path::absolute(&file) {
            Ok(path) if file != "-" => path.to_string_lossy().into_owned(),
            _ => file,
        });
        Self { params_file: file, earlier: Some(earlier), ..self }
    }

    /// Whether no params are given.
    pub(crate) fn is_empty(&self) -> bool {
        self.params.is_none() && self.params_file.is_none() && self.param.is_empty()
    }

    /// All params as one JSON text. `schema` is asked only for `-P`.
    ///
    /// # Errors
    /// [`Usage`](ErrorKind::Usage) for JSON that is none,
    /// [`NotFound`](ErrorKind::NotFound) for a file that is not there.
    pub(crate) fn read(&self, schema: impl FnOnce() -> Result<Value>) -> Result<String> {
        let file = self.params_file.as_deref().map(read_file).transpose()?;
        let given = [
            (self.earlier.as_deref(), "what the run was given"),
            (file.as_deref(), "--params-file"),
            (self.params.as_deref(), "--params"),
        ];
        let given: Vec<_> = given.into_iter().filter_map(|(text, from)| Some((text?, from))).collect();
        match given[..] {
            [] if self.param.is_empty() => return Ok("{}".to_owned()),
            // Passed on as it was written: numbers keep all their digits.
            [(text, from)] if self.param.is_empty() => return parse(text, from).map(|()| text.to_owned()),
            _ => {}
        }
        let mut all = Map::new();
        for (text, from) in given {
            all.extend(object(text, from)?);
        }
        if !self.param.is_empty() {
            let schema = schema()?;
            for pair in &self.param {
                set(&mut all, pair, &schema)?;
            }
        }
        Ok(Value::Object(all).to_string())
    }
}

fn read_file(name: &str) -> Result<String> {
    let text = match name {
        "-" => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text)
        }
        path => std::fs::read_to_string(path),
    };
    text.map_err(|error| PluginError::new(ErrorKind::of_io(&error), format!("--params-file {name}: {error}")))
}

fn parse(text: &str, from: &str) -> Result<()> {
    serde_json::from_str::<IgnoredAny>(text).map(drop).map_err(|error| {
        PluginError::new(ErrorKind::Usage, format!("{from} is not JSON: {error}"))
            .details(serde_json::json!([{
                "pointer": "",
                "rule": "json",
                "given": text.chars().take(200).collect::<String>(),
                "allowed": null,
                "message": error.to_string(),
            }]))
            .hint(
                "names and texts stand in double quotes, all in single ones: --params '{\"key\": \"value\"}'",
            )
    })
}

/// An object to combine with others. A field that stands twice in it would be
/// lost here, so that is looked for at once.
fn object(text: &str, from: &str) -> Result<Map<String, Value>> {
    parse(text, from)?;
    let read = Schema::compile(ANYTHING)?.check_text(text.as_bytes())?;
    if !read.violations.is_empty() {
        return Err(invalid(from, &read.violations));
    }
    match read.document {
        Value::Object(fields) => Ok(fields),
        _ => {
            Err(PluginError::new(ErrorKind::Usage, format!("{from} holds no JSON object to combine with -P")))
        }
    }
}

/// Sets `a.b=value`.
fn set(all: &mut Map<String, Value>, pair: &str, schema: &Value) -> Result<()> {
    let Some((path, text)) = pair.split_once('=').filter(|(path, _)| !path.is_empty()) else {
        return Err(PluginError::new(ErrorKind::Usage, format!("-P {pair}: expected KEY=VALUE"))
            .hint("for example -P epochs=5"));
    };
    let keys: Vec<&str> = path.split('.').collect();
    let mut place = schema;
    for key in &keys {
        place = property(schema, place, key);
    }
    let value = typed(text, schema, place);
    let Some((last, outer)) = keys.split_last() else { return Ok(()) };
    let mut fields = all;
    for key in outer {
        let inner = fields.entry(*key).or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(inner) = inner else {
            return Err(PluginError::new(
                ErrorKind::Usage,
                format!("-P {pair}: `{key}` was given as no object"),
            ));
        };
        fields = inner;
    }
    fields.insert((*last).to_owned(), value);
    Ok(())
}

const ANYTHING: &Value = &Value::Bool(true);

/// The schema of a property, through references and alternatives.
fn property<'a>(root: &'a Value, schema: &'a Value, key: &str) -> &'a Value {
    let variants = variants(root, schema);
    let known = variants.iter().find_map(|schema| named(schema.get("properties")?.as_object()?, key));
    let of_map = || variants.iter().find_map(|schema| schema.get("additionalProperties"));
    known.or_else(of_map).unwrap_or(ANYTHING)
}

/// The property of that name or alias.
fn named<'a>(properties: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    let has_alias = |schema: &&Value| {
        let aliases = schema.get("x-aliases").and_then(Value::as_array);
        aliases.into_iter().flatten().any(|alias| alias == key)
    };
    properties.get(key).or_else(|| properties.values().find(has_alias))
}

/// A schema and all it refers to or offers as an alternative.
fn variants<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    let mut all = vec![schema];
    let mut next = 0;
    // A schema may refer to itself; more than these no params have.
    while next < all.len() && all.len() < 100 {
        let schema = all[next];
        next += 1;
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
        all.extend(target.and_then(|pointer| root.pointer(pointer)));
        for keyword in ["anyOf", "oneOf", "allOf"] {
            all.extend(schema.get(keyword).and_then(Value::as_array).into_iter().flatten());
        }
    }
    all
}

/// The value a text stands for where `schema` says what is expected. A text
/// that is not of the expected type stays a text: the check then names it.
fn typed(text: &str, root: &Value, schema: &Value) -> Value {
    let variants = variants(root, schema);
    let allows = |name: &str| variants.iter().any(|schema| has_type(schema, name));
    let parsed = serde_json::from_str::<Value>(text).ok();
    let knows_types = variants.iter().any(|schema| schema.get("type").is_some());
    match parsed {
        Some(value) if !knows_types || allows(type_of(&value)) => value,
        Some(value) if value.is_i64() || value.is_u64() => {
            if allows("number") || !allows("string") {
                value
            } else {
                Value::from(text)
            }
        }
        Some(value) if !allows("string") && !value.is_string() => value,
        None if allows("array") && !allows("string") => split_list(text, root, &variants),
        _ => Value::from(text),
    }
}

/// `a,b` as a list, where one is expected.
fn split_list(text: &str, root: &Value, variants: &[&Value]) -> Value {
    let items = variants.iter().find_map(|schema| schema.get("items")).unwrap_or(ANYTHING);
    text.split(',').map(|item| typed(item.trim(), root, items)).collect()
}

fn has_type(schema: &Value, name: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(word)) => word == name,
        Some(Value::Array(words)) => words.iter().any(|word| word == name),
        // A list of choices without a type: those of the choices.
        _ => {
            let choices = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
            choices.chain(schema.get("const")).any(|choice| type_of(choice) == name)
        }
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(params: Option<&str>, pairs: &[&str]) -> Result<Value> {
        let schema = json!({
            "properties": {
                "epochs": {"type": "integer"}, "lr": {"type": "number"}, "name": {"type": "string"},
                "tags": {"type": "array", "items": {"type": "string"}},
                "sizes": {"type": ["array", "null"], "items": {"type": "integer"}},
                "workers": {"type": "integer", "x-aliases": ["jobs"]},
                "weights": {"type": "object", "additionalProperties": {"type": "number"}},
                "optimizer": {"$ref": "#/$defs/Optimizer"},
                "note": {"anyOf": [{"type": "string"}, {"type": "null"}]}
            },
            "$defs": {"Optimizer": {"type": "object", "properties": {"kind": {"enum": ["sgd", "adam"]}}}}
        });
        let args = ParamsArgs {
            params: params.map(str::to_owned),
            param: pairs.iter().map(|pair| (*pair).to_owned()).collect(),
            ..Default::default()
        };
        Ok(serde_json::from_str(&args.read(|| Ok(schema))?).unwrap())
    }

    #[test]
    fn the_schema_says_what_a_value_is() {
        let pairs =
            ["epochs=5", "lr=1", "name=5", "tags=a, b", "sizes=1,2", "note=true", "optimizer.kind=sgd"];
        assert_eq!(
            read(None, &pairs).unwrap(),
            json!({"epochs": 5, "lr": 1, "name": "5", "tags": ["a", "b"], "sizes": [1, 2],
                   "note": "true", "optimizer": {"kind": "sgd"}})
        );
        assert_eq!(
            read(None, &["jobs=2", "weights.cat=3", "weights.dog=x"]).unwrap(),
            json!({"jobs": 2, "weights": {"cat": 3, "dog": "x"}})
        );
        assert_eq!(
            read(None, &["epochs=many", "unknown=3"]).unwrap(),
            json!({"epochs": "many", "unknown": 3})
        );
    }

    #[test]
    fn single_params_go_before_the_json() {
        let params = r#"{"epochs": 1, "name": "a"}"#;
        assert_eq!(read(Some(params), &["epochs=2"]).unwrap(), json!({"epochs": 2, "name": "a"}));
    }

    #[test]
    fn params_go_before_those_of_an_earlier_run() {
        let schema = json!({ "properties": { "epochs": { "type": "integer" } } });
        let again = |params: Option<&str>, pair: Option<&str>| {
            let (params, param) = (params.map(str::to_owned), pair.map(str::to_owned).into_iter().collect());
            let args = ParamsArgs { params, param, ..Default::default() };
            args.over(r#"{"epochs": 1, "id": 18446744073709551615}"#.to_owned())
                .read(|| Ok(schema.clone()))
                .unwrap()
        };
        assert_eq!(again(None, None), r#"{"epochs": 1, "id": 18446744073709551615}"#);
        assert_eq!(again(None, Some("epochs=2")), r#"{"epochs":2,"id":18446744073709551615}"#);
        assert_eq!(again(Some(r#"{"id": 3}"#), Some("epochs=2")), r#"{"epochs":2,"id":3}"#);
    }

    #[test]
    fn a_param_that_stands_twice_is_not_lost_on_the_way() {
        let twice = r#"{"epochs": 1, "epochs": 2}"#;
        let error = read(Some(twice), &["lr=1"]).unwrap_err();
        assert_eq!(
            (error.kind(), &error.details_json()[0]["pointer"]),
            (ErrorKind::Validation, &json!("/epochs"))
        );
    }

    #[test]
    fn json_that_is_none_is_a_usage_error_with_an_example() {
        let error = read(Some("{epochs: 1}"), &[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(
            error.message().starts_with("--params is not JSON: key must be a string at line 1"),
            "{error}"
        );
        assert!(error.hint_text().unwrap().contains(r#"'{"key": "value"}'"#));
        assert_eq!(read(None, &["epochs"]).unwrap_err().kind(), ErrorKind::Usage);
    }

    #[test]
    fn json_is_passed_on_with_all_its_digits() {
        let args = ParamsArgs { params: Some(r#"{"id":18446744073709551615}"#.into()), ..Default::default() };
        assert_eq!(args.read(|| Ok(Value::Null)).unwrap(), r#"{"id":18446744073709551615}"#);
    }
}
