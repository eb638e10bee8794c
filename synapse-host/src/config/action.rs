//! The rules of the entries under `actions`.

use super::entrypoint::{Entrypoint, EntrypointError};
use super::fields::{Field, Fields};
use super::model::ActionConfig;
use super::problems::{Problem, Problems};
use super::scalar::Meaning;
use super::yaml::{Content, Entry};
use serde_json::Value;

pub(super) fn actions(fields: &mut Fields<'_>, problems: &mut Problems) -> Vec<ActionConfig> {
    let example = "{greet: {entrypoint: \"my_plugin::greet\"}}";
    let Some(field) = fields.require("actions", example, problems) else {
        return Vec::new();
    };
    let Some(names) = field.fields(problems) else {
        return Vec::new();
    };
    let actions: Vec<ActionConfig> =
        names.all().filter_map(|(entry, field)| action(entry, &field, problems)).collect();
    if names.is_empty() {
        problems.push(field.warning("no action is listed"));
    }
    actions
}

fn action(entry: &Entry, field: &Field<'_>, problems: &mut Problems) -> Option<ActionConfig> {
    check_name(entry, field, problems);
    let named = ActionConfig::named(&entry.key.text, entry.key_at.line);
    match &field.node.content {
        Content::Scalar(scalar) if scalar.meaning() == Meaning::Null => Some(named),
        Content::Scalar(scalar) if scalar.meaning() == Meaning::Text => {
            Some(ActionConfig { entrypoint: entrypoint(field, problems), ..named })
        }
        Content::Map(_) => Some(detailed(named, field.fields(problems)?, problems)),
        Content::Scalar(_) | Content::List(_) => {
            problems.push(field.expected("a map of keys or an entrypoint"));
            None
        }
    }
}

fn detailed(named: ActionConfig, mut fields: Fields<'_>, problems: &mut Problems) -> ActionConfig {
    warn_of_other_name(&mut fields, &named.name, problems);
    let action = ActionConfig {
        entrypoint: fields.get("entrypoint").and_then(|field| entrypoint(&field, problems)),
        description: fields.text("description", problems).unwrap_or_default(),
        method: fields.word("method", problems),
        input_type: fields.text("input_type", problems),
        output_type: fields.text("output_type", problems),
        serve_options: fields.json_map("serve_options", problems),
        hyperparameters: fields.json_map("hyperparameters", problems),
        ui_schema: fields.get("ui_schema").map(|field| field.json_list(problems)).unwrap_or_default(),
        required_resources: fields.json_map("required_resources", problems),
        ..named
    };
    fields.finish(problems);
    action
}

impl ActionConfig {
    pub(super) fn named(name: &str, line: usize) -> Self {
        Self {
            name: name.to_owned(),
            entrypoint: None,
            description: String::new(),
            method: None,
            input_type: None,
            output_type: None,
            serve_options: Value::Null,
            hyperparameters: Value::Null,
            ui_schema: Value::Null,
            required_resources: Value::Null,
            line,
        }
    }
}

fn check_name(entry: &Entry, field: &Field<'_>, problems: &mut Problems) {
    let name = &entry.key.text;
    let error = |message: String| Problem::error(entry.key_at, field.path.clone(), message);
    if name.is_empty() {
        problems.push(error("an action needs a name".to_owned()));
    } else if entry.key.meaning() != Meaning::Text {
        problems.push(
            error(format!("the name of an action is {}", entry.key.describe()))
                .hint(format!("write it in quotes: \"{name}\"")),
        );
    } else if name.starts_with('-') || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
        // On a command line it would be taken for an option or for two words.
        problems.push(
            error(format!("`{name}` cannot name an action"))
                .hint("leave out spaces, and hyphens at the start"),
        );
    }
}

fn entrypoint(field: &Field<'_>, problems: &mut Problems) -> Option<Entrypoint> {
    let text = field.text(problems)?;
    match text.parse() {
        Ok(entrypoint) => Some(entrypoint),
        Err(error) => {
            let message = match error {
                EntrypointError::Empty => error.to_string(),
                _ => format!("`{text}` is not an entrypoint: {error}"),
            };
            problems.push(field.error(message).hint("write it like `module::path::Name`"));
            None
        }
    }
}

fn warn_of_other_name(fields: &mut Fields<'_>, name: &str, problems: &mut Problems) {
    let Some(field) = fields.get("name") else {
        return;
    };
    let Some(other) = field.text(problems) else {
        return;
    };
    if other != name {
        let message = format!("`{other}` has no effect: the action is called `{name}`");
        problems.push(field.warning(message).hint("rename the key under `actions` instead"));
    }
}
