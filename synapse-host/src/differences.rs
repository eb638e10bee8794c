//! Where a config and the code it is of differ.

use synapse_sdk::abi::identity::ListedAction;
use synapse_sdk::manifest::{ActionSpec, Manifest};
use synapse_sdk::suggest::nearest;

use crate::config::{ActionConfig, PluginConfig, Problem, Severity};
use crate::plugin::offered;

/// Every difference between a config and the code it is of, from the top of the
/// config down; what the config does not mention comes last, at its end.
///
/// The code decides about data types and descriptions, the config about names
/// and methods: what the other says has no effect.
pub fn between(config: &PluginConfig, manifest: &Manifest) -> Vec<Problem> {
    let registered: Vec<ListedAction> = manifest.actions.iter().map(ListedAction::from).collect();
    let mut found = Vec::new();
    for action in offered(config, &registered) {
        let spec = manifest.actions.iter().find(|spec| action.registered.as_deref() == Some(&spec.name));
        match (config.action(&action.name), spec) {
            (Some(entry), None) => found.push(leads_nowhere(entry, manifest)),
            (Some(entry), Some(spec)) => found.extend(declared_otherwise(entry, spec)),
            (None, Some(spec)) => found.push(without_entry(spec)),
            (None, None) => {}
        }
    }
    found
}

fn leads_nowhere(entry: &ActionConfig, manifest: &Manifest) -> Problem {
    match &entry.entrypoint {
        Some(entrypoint) => {
            let wanted = entrypoint.segments().join("::");
            let message = format!("there is no `{entrypoint}` in the code");
            difference(entry, "entrypoint", message, what_there_is(&wanted, manifest))
        }
        None => {
            let message = "there is no action of that name in the code".to_owned();
            difference(entry, "", message, what_there_is(&entry.name, manifest))
        }
    }
}

/// No more names than a person reads.
const FEW: usize = 5;

fn what_there_is(wanted: &str, manifest: &Manifest) -> String {
    let known: Vec<String> =
        manifest.actions.iter().map(|spec| format!("{}::{}", spec.module, spec.item)).collect();
    match nearest(wanted, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "the code has no actions; is `export_plugin!` there?".to_owned(),
        None if known.len() <= FEW => format!("the code has {}", known.join(", ")),
        None => format!("the code has {}, …; `synapse plugin inspect` lists all", known[..FEW].join(", ")),
    }
}

fn without_entry(spec: &ActionSpec) -> Problem {
    Problem {
        severity: Severity::Error,
        line: 1,
        column: 1,
        path: "actions".to_owned(),
        message: format!("`{}` is an action of the code and has no entry", spec.name),
        hint: Some(format!("add `{}: {{entrypoint: \"{}::{}\"}}`", spec.name, spec.module, spec.item)),
    }
}

fn declared_otherwise(entry: &ActionConfig, spec: &ActionSpec) -> Vec<Problem> {
    let method = entry.method.map(|method| method.as_str());
    let of_code = spec.method.map(|method| method.as_str());
    let description = Some(entry.description.as_str()).filter(|text| !text.is_empty());
    let summary = Some(spec.description.as_str()).filter(|text| !text.is_empty());
    let rows = [
        ("input_type", entry.input_type.as_deref(), spec.input_type.as_deref(), true),
        ("output_type", entry.output_type.as_deref(), spec.output_type.as_deref(), true),
        ("description", description, summary, true),
        ("method", method, of_code, false),
    ];
    let differing = rows.into_iter().filter_map(|(key, config, code, code_decides)| {
        let config = config?;
        let message = match code {
            Some(code) if code == config => return None,
            Some(code) => format!("`{config}` here, `{code}` in the code"),
            None if code_decides && key != "description" => {
                format!("`{config}` here, and nothing in the code")
            }
            None => return None,
        };
        let hint = match code_decides {
            true => "the code decides: remove the line, or change the code",
            false => "the config decides: remove one of them, or make them equal",
        };
        Some(difference(entry, key, message, hint.to_owned()))
    });
    differing.collect()
}

fn difference(entry: &ActionConfig, key: &str, message: String, hint: String) -> Problem {
    let dot = if key.is_empty() { "" } else { "." };
    Problem {
        severity: Severity::Error,
        line: entry.line,
        column: 1,
        path: format!("actions.{}{dot}{key}", entry.name),
        message,
        hint: Some(hint),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(actions: &str) -> Vec<String> {
        let text = format!("name: N\ncode: n\nversion: 0.1.0\ncategory: custom\nactions:\n{actions}");
        let config = crate::config::parse(&text).expect("a config").config;
        let manifest = serde_json::from_value(json!({
            "sdk": "0.1.0",
            "actions": [{
                "name": "train", "item": "Train", "module": "net::train", "description": "Trains.",
                "method": "job", "input_type": "coco_dataset", "params": {}, "result": {},
            }],
            "data_types": [],
        }))
        .expect("a manifest");
        let problems = between(&config, &manifest);
        problems.iter().map(|problem| format!("{}: {problem}", problem.line)).collect()
    }

    #[test]
    fn a_config_that_says_what_the_code_says_differs_nowhere() {
        assert_eq!(told("  train: {}\n"), [""; 0]);
        let same = "  train: {entrypoint: \"train::Train\", method: job, input_type: coco_dataset, \
                    description: Trains.}\n";
        assert_eq!(told(same), [""; 0]);
    }

    #[test]
    fn every_difference_is_told_with_its_place() {
        let other = "  test: {}\n  train:\n    method: task\n    input_type: dataset\n    output_type: model\n    \
                     description: Learns.\n";
        assert_eq!(
            told(other),
            [
                "6: actions.test: there is no action of that name in the code\n  hint: the code has net::train::Train",
                "7: actions.train.input_type: `dataset` here, `coco_dataset` in the code\n  \
                 hint: the code decides: remove the line, or change the code",
                "7: actions.train.output_type: `model` here, and nothing in the code\n  \
                 hint: the code decides: remove the line, or change the code",
                "7: actions.train.description: `Learns.` here, `Trains.` in the code\n  \
                 hint: the code decides: remove the line, or change the code",
                "7: actions.train.method: `task` here, `job` in the code\n  \
                 hint: the config decides: remove one of them, or make them equal",
            ]
        );
    }

    #[test]
    fn an_entrypoint_that_leads_nowhere_and_an_action_without_an_entry_are_told() {
        assert_eq!(
            told("  fit: {entrypoint: \"net::train::Tarin\"}\n"),
            [
                "6: actions.fit.entrypoint: there is no `net::train::Tarin` in the code\n  \
                 hint: did you mean `net::train::Train`?",
                "1: actions: `train` is an action of the code and has no entry\n  \
                 hint: add `train: {entrypoint: \"net::train::Train\"}`",
            ]
        );
    }
}
