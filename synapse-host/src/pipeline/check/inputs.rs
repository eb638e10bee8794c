//! What a pipeline is started with.

use serde_json::{Value, json};
use synapse_sdk::suggest::nearest;
use synapse_sdk::{ErrorKind, PluginError};

use super::Plan;
use crate::pipeline::model::InputType;

impl Plan {
    /// The values of the inputs: those given, else their defaults.
    ///
    /// # Errors
    /// [`Validation`](ErrorKind::Validation) with every input that is missing,
    /// unknown or of the wrong type.
    pub fn inputs(
        &self,
        given: &serde_json::Map<String, Value>,
    ) -> Result<serde_json::Map<String, Value>, PluginError> {
        let mut all = serde_json::Map::new();
        let mut wrong = Vec::new();
        let mut note = |name: &str, rule: &str, given: &Value, allowed: Value, message: String| {
            let pointer = format!("/{name}");
            wrong.push(json!({ "pointer": pointer, "rule": rule, "given": given, "allowed": allowed, "message": message }));
        };
        for input in &self.pipeline.inputs {
            match given.get(&input.name).or(input.default.as_ref()) {
                Some(value) => {
                    if let Some(kind) = input.kind.filter(|kind| !kind.admits(value)) {
                        note(
                            &input.name,
                            "type",
                            value,
                            kind.as_str().into(),
                            format!("expected {kind}, not {value}"),
                        );
                    }
                    all.insert(input.name.clone(), value.clone());
                }
                None => {
                    let message = format!("the input is missing: give it with -P {}=…", input.name);
                    note(&input.name, "required", &Value::Null, Value::Null, message);
                }
            }
        }
        let names: Vec<&str> = self.pipeline.inputs.iter().map(|input| input.name.as_str()).collect();
        for (name, value) in given.iter().filter(|(name, _)| !names.contains(&name.as_str())) {
            let near = nearest(name, names.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
            let message = format!("the pipeline has no such input{}", near.unwrap_or_default());
            note(name, "additionalProperties", value, json!(names), message);
        }
        if wrong.is_empty() {
            return Ok(all);
        }
        let lines = wrong.iter().map(|one| {
            format!(
                "\n{}: {}",
                one["pointer"].as_str().unwrap_or_default(),
                one["message"].as_str().unwrap_or_default()
            )
        });
        let message = format!(
            "inputs of `{}`: {} violations{}",
            self.pipeline.name,
            wrong.len(),
            lines.collect::<String>()
        );
        Err(PluginError::new(ErrorKind::Validation, message).details(Value::Array(wrong)))
    }

    /// A JSON Schema of the inputs.
    pub fn inputs_schema(&self) -> Value {
        let of =
            |kind: Option<InputType>| kind.map_or_else(|| json!({}), |kind| json!({ "type": kind.as_str() }));
        let properties = self.pipeline.inputs.iter().map(|input| (input.name.clone(), of(input.kind)));
        json!({ "type": "object", "properties": properties.collect::<serde_json::Map<_, _>>() })
    }
}
