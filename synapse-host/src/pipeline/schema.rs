//! The JSON Schema of a pipeline's file, for editors.

use serde_json::{Value, json};
use synapse_sdk::ErrorKind;
use synapse_sdk::words::Word;

use super::model::{InputType, OnFailure};
use crate::run::Mode;

const NAME: &str = "^[A-Za-z_][A-Za-z0-9_-]{0,63}$";
const TIME: &str = "a time such as 90s, 10m or 2h";

fn words<W: Word>() -> Vec<&'static str> {
    W::ALL.iter().map(|word| word.as_str()).collect()
}

/// The JSON Schema of a pipeline's file. Draft 7, which the YAML support of
/// editors reads.
pub fn json_schema() -> Value {
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A Synapse pipeline",
        "type": "object",
        "required": ["nodes"],
        "additionalProperties": false,
        "properties": {
            "name": { "type": "string", "description": "The pipeline's name for people." },
            "description": { "type": "string", "description": "What it does." },
            "inputs": {
                "type": "object",
                "description": "What it can be started with. `epochs: 20` is short for its default.",
                "propertyNames": { "pattern": NAME },
                "additionalProperties": { "anyOf": [
                    { "type": ["string", "number", "boolean", "array", "null"] },
                    {
                        "type": "object",
                        "additionalProperties": false,
                        "properties": {
                            "type": { "enum": words::<InputType>(), "description": "Its JSON type." },
                            "default": { "description": "The value when none is given." },
                            "description": { "type": "string" },
                        },
                    },
                ] },
            },
            "plugins": {
                "type": "object",
                "description": "Short names for plugins: `greet: greet@0.1.0`.",
                "additionalProperties": { "type": "string" },
            },
            "on_failure": {
                "enum": words::<OnFailure>(),
                "description": "What happens to the other nodes when one has failed.",
                "default": "stop",
            },
            "rollback": { "type": "boolean", "description": "Roll finished nodes back when the pipeline fails." },
            "nodes": {
                "type": "object",
                "minProperties": 1,
                "propertyNames": { "pattern": NAME },
                "additionalProperties": node(),
            },
            "output": { "description": "What the pipeline gives, such as ${train.model}." },
        },
    })
}

fn node() -> Value {
    json!({
        "type": "object",
        "required": ["plugin", "action"],
        "additionalProperties": false,
        "properties": {
            "plugin": { "type": "string", "description": "A folder, bundle or .so from the file's folder on, a code such as greet, one version of it such as greet@0.1.0, or a short name." },
            "action": { "type": "string", "description": "The action's name." },
            "params": { "type": "object", "description": "Params; ${inputs.x} and ${node.field} are replaced." },
            "needs": {
                "description": "Nodes that have to end before it starts, beside those it refers to.",
                "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }],
            },
            "for_each": {
                "description": "A list: the node runs for each of its elements, which is ${item}.",
                "type": ["string", "array"],
            },
            "concurrency": { "type": "integer", "minimum": 1, "description": "How many elements at once." },
            "if": { "type": ["string", "boolean"], "description": "When it runs, such as ${split.rows} > 100." },
            "mode": { "enum": words::<Mode>(), "default": "local" },
            "isolated": { "type": "boolean", "description": "Run in a worker process of its own." },
            "resources": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "cpus": { "type": "number", "minimum": 0 },
                    "gpus": { "type": "number", "minimum": 0 },
                    "memory": { "type": ["string", "integer"], "description": "A size such as 4GB." },
                    "open_files": { "type": "integer", "minimum": 1 },
                },
            },
            "env": { "type": "object", "additionalProperties": { "type": ["string", "number", "boolean"] } },
            "retry": { "anyOf": [
                { "type": "integer", "minimum": 1 },
                {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                        "attempts": { "type": "integer", "minimum": 1, "description": "In all." },
                        "backoff": { "type": "string", "description": format!("The first wait, {TIME}; it doubles.") },
                        "on": { "type": "array", "items": { "enum": words::<ErrorKind>() } },
                    },
                },
            ] },
            "timeout": { "type": ["string", "integer"], "description": format!("How long an attempt may take, {TIME}.") },
            "cache": { "type": "boolean", "description": "Keep the result for later runs; actions that are pure do." },
            "narrow": { "type": "boolean", "description": "Let more general data in than the action expects." },
            "by_name": { "type": "boolean", "default": true, "description": "Take params that are not given from what has their name." },
            "rollback": { "type": "string", "description": "The action of the plugin that undoes it." },
        },
    })
}
