//! The JSON Schema of `config.yaml`, for editors.
//!
//! It takes what [`parse`](super::parse) reads without an error and without a
//! key it does not know. Draft 7, which the YAML support of editors reads.

use super::words::{
    AnnotationCategory, AnnotationTool, AnnotationType, Category, DataKind, Method, PackageManager,
    SmartToolKind, Word,
};
use serde_json::{Map, Value, json};

const SLUG: &str = "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$";

/// As semver.org gives it.
const VERSION: &str = "^(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)\
    (-(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(\\.(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*)?\
    (\\+[0-9a-zA-Z-]+(\\.[0-9a-zA-Z-]+)*)?$";

/// Names between `.`, `:` and `::`.
const ENTRYPOINT: &str = "^\\s*[\\p{Alphabetic}_][\\p{Alphabetic}\\p{N}_]*\
    ((\\.|::?)[\\p{Alphabetic}_][\\p{Alphabetic}\\p{N}_]*)*\\s*$";

const ACTION_NAME: &str = "^[^\\s\\u0000-\\u001f\\u007f-\\u009f-][^\\s\\u0000-\\u001f\\u007f-\\u009f]*$";

/// The JSON Schema of `config.yaml`.
///
/// Two things a JSON Schema cannot see: whether the name of an action is in
/// quotes where YAML would read it as something else, and keys given twice.
pub fn json_schema() -> Value {
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "config.yaml of a Synapse plugin",
        "type": "object",
        "required": ["name", "code", "version", "category", "actions"],
        "properties": merged([identity(), packaging(), data(), needs()]),
        "additionalProperties": false,
        "not": {
            "required": ["supported_data_types", "supported_data_type"],
            "properties": {
                "supported_data_types": { "type": "array" },
                "supported_data_type": { "type": "array" },
            },
        },
    })
}

fn merged<const N: usize>(parts: [Value; N]) -> Value {
    let maps = parts.into_iter().filter_map(|part| match part {
        Value::Object(map) => Some(map),
        _ => None,
    });
    Value::Object(maps.flatten().collect::<Map<_, _>>())
}

fn identity() -> Value {
    json!({
        "name": {
            "description": "The plugin's name for people.",
            "type": "string",
            "pattern": "\\S",
        },
        "code": {
            "description": "The plugin's name for machines: lower-case letters, digits, inner hyphens.",
            "type": "string",
            "pattern": SLUG,
        },
        "version": {
            "description": "Semantic version, such as 0.1.0.",
            "type": "string",
            "pattern": VERSION,
        },
        "variant": text("The customer or deployment this build is for."),
        "category": {
            "description": "What the plugin is for.",
            "enum": words::<Category>(),
        },
        "description": text("What the plugin does, in a sentence."),
        "readme": with_default(text("Path of the read-me file, in the plugin's folder."), "README.md"),
        "tags": texts("Words to find the plugin by."),
    })
}

fn packaging() -> Value {
    json!({
        "package_manager": with_default(
            word::<PackageManager>("The tool that resolves dependencies; pip and uv have no effect."),
            PackageManager::Cargo.as_str(),
        ),
        "package_manager_options": texts("Options for `cargo build`."),
        "wheels_dir": with_default(text("Folder of native libraries to ship."), "wheels"),
        "env": {
            "description": "Variables that the actions see in their environment.",
            "type": ["object", "null"],
            "propertyNames": { "pattern": "^[^=\\u0000]+$" },
            "additionalProperties": {
                "type": ["string", "number", "boolean", "null"],
                "pattern": "^[^\\u0000]*$",
            },
        },
        "runtime_env": map("Ray's runtime environment. pip, uv and conda have no effect."),
    })
}

fn data() -> Value {
    let several = |about: &str| {
        json!({
            "description": about,
            "type": ["array", "null"],
            "items": { "enum": words::<DataKind>() },
        })
    };
    json!({
        "data_type": word::<DataKind>("The kind of data the plugin works on; a neural_net plugin needs it."),
        "tasks": texts("Tasks such as image.object_detection."),
        "supported_data_types": several("Kinds of data an upload plugin takes."),
        "supported_data_type": several("The same as supported_data_types."),
        "supported_annotation_tools": {
            "description": "Annotation tools an export plugin understands, by the kind of data.",
            "type": ["object", "null"],
            "propertyNames": { "enum": words::<AnnotationCategory>() },
            "additionalProperties": {
                "type": "array",
                "items": { "enum": words::<AnnotationTool>() },
            },
        },
        "annotation_category": word::<AnnotationCategory>("The kind of data a smart tool annotates."),
        "annotation_type": word::<AnnotationType>("The shape a smart tool draws."),
        "smart_tool": word::<SmartToolKind>("How much a smart tool does by itself."),
    })
}

fn needs() -> Value {
    json!({
        "requires": {
            "description": "What the plugin needs to run, as version specifiers such as \">=1.95\".",
            "type": ["object", "null"],
            "properties": {
                "sdk": text("The Synapse SDK."),
                "rust": text("The Rust compiler."),
                "python": text("No effect on a Rust plugin."),
                "cuda": text("CUDA."),
            },
            "additionalProperties": false,
        },
        "dependencies": {
            "description": "Other plugins this one needs: code to version specifier.",
            "type": ["object", "null"],
            "additionalProperties": { "type": "string" },
        },
        "actions": {
            "description": "The plugin's actions by their public names.",
            "type": "object",
            "propertyNames": { "pattern": ACTION_NAME },
            "additionalProperties": action(),
        },
    })
}

fn action() -> Value {
    json!({
        "description": "An action: its entrypoint, or a map of keys.",
        "type": ["object", "string", "null"],
        "pattern": ENTRYPOINT,
        "properties": {
            "name": text("No effect: the action is called what its key says."),
            "entrypoint": {
                "description": "Where the action is in the code: module::path::Name.",
                "type": ["string", "null"],
                "pattern": ENTRYPOINT,
            },
            "description": text("What the action does, in a sentence."),
            "method": word::<Method>("How the action is best run on a cluster."),
            "input_type": text("Id of the type of data it takes. `synapse plugin update-config` writes it."),
            "output_type": text("Id of the type of data it gives. `synapse plugin update-config` writes it."),
            "serve_options": map("Options of its Ray Serve deployment."),
            "hyperparameters": map("Parameters shown to people who start a training."),
            "ui_schema": {
                "description": "The form for its params, a FormKit list.",
                "type": ["array", "null"],
            },
            "required_resources": map("Processors, memory and the like."),
        },
        "additionalProperties": false,
    })
}

fn text(about: &str) -> Value {
    json!({ "description": about, "type": ["string", "null"] })
}

fn texts(about: &str) -> Value {
    json!({ "description": about, "type": ["array", "null"], "items": { "type": "string" } })
}

fn map(about: &str) -> Value {
    json!({ "description": about, "type": ["object", "null"] })
}

fn word<W: Word>(about: &str) -> Value {
    let choices: Vec<Value> = words::<W>().into_iter().map(Value::from).chain([Value::Null]).collect();
    json!({ "description": about, "enum": choices })
}

fn words<W: Word>() -> Vec<&'static str> {
    W::ALL.iter().map(|word| word.as_str()).collect()
}

fn with_default(mut schema: Value, default: &str) -> Value {
    schema["default"] = default.into();
    schema
}
