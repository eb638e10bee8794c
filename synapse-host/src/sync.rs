//! What has to be written into a config so that it says what the code says.

use synapse_sdk::abi::identity::ListedAction;
use synapse_sdk::manifest::{ActionSpec, Manifest};

use crate::config::edit::Change;
use crate::config::{ActionConfig, PluginConfig};
use crate::plugin::{OfferedAction, offered};

/// The changes that bring a config up to its code, in the order of the config.
///
/// Data types and descriptions come from the code; what it does not declare is
/// taken out, save a description. Actions without an entry get one. An entry
/// whose entrypoint leads nowhere is led to the action of its name, if there is
/// one; otherwise it stays, and so do names and methods, which the config
/// decides.
pub fn changes(config: &PluginConfig, manifest: &Manifest) -> Vec<Change> {
    let registered: Vec<ListedAction> = manifest.actions.iter().map(ListedAction::from).collect();
    let offered = offered(config, &registered);
    let claimed = |name: &str| offered.iter().any(|action| action.registered.as_deref() == Some(name));
    let mut changes = Vec::new();
    for OfferedAction { name, registered, .. } in &offered {
        let spec = |wanted: &str| manifest.actions.iter().find(|spec| spec.name == wanted);
        match (config.action(name), registered.as_deref().and_then(spec)) {
            (Some(entry), Some(spec)) => changes.extend(declared(entry, spec)),
            (Some(entry), None) => {
                if let Some(spec) = spec(name).filter(|spec| !claimed(&spec.name)) {
                    changes.push(set(entry, "entrypoint", &entrypoint(spec)));
                    changes.extend(declared(entry, spec));
                }
            }
            (None, Some(spec)) => changes.push(added(spec)),
            (None, None) => {}
        }
    }
    changes
}

fn declared(entry: &ActionConfig, spec: &ActionSpec) -> Vec<Change> {
    let mut changes = Vec::new();
    let is_told = !entry.description.is_empty() && !spec.description.is_empty();
    if is_told && entry.description != spec.description {
        changes.push(set(entry, "description", &spec.description));
    }
    let types = [
        ("input_type", &entry.input_type, &spec.input_type),
        ("output_type", &entry.output_type, &spec.output_type),
    ];
    for (key, _, of_code) in types.into_iter().filter(|(_, config, code)| config != code) {
        changes.push(match of_code {
            Some(id) => set(entry, key, id),
            None => Change::Remove { action: entry.name.clone(), key },
        });
    }
    changes
}

fn set(entry: &ActionConfig, key: &'static str, value: &str) -> Change {
    Change::Set { action: entry.name.clone(), key, value: value.to_owned() }
}

fn added(spec: &ActionSpec) -> Change {
    let method = spec.method.map(|method| method.as_str().to_owned());
    let keys = [
        ("entrypoint", Some(entrypoint(spec))),
        ("method", method),
        ("input_type", spec.input_type.clone()),
        ("output_type", spec.output_type.clone()),
    ];
    let keys = keys.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    Change::Add { action: spec.name.clone(), keys }
}

fn entrypoint(spec: &ActionSpec) -> String {
    format!("{}::{}", spec.module, spec.item)
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
        changes(&config, &manifest).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_config_that_says_what_the_code_says_stays() {
        assert_eq!(told("  train: {input_type: coco_dataset, method: task}\n"), [""; 0]);
    }

    #[test]
    fn types_and_descriptions_come_from_the_code() {
        assert_eq!(
            told("  fit: {entrypoint: train.Train, output_type: model, description: Learns}\n"),
            [
                "actions.fit.description: Trains.",
                "actions.fit.input_type: coco_dataset",
                "actions.fit without output_type"
            ]
        );
    }

    #[test]
    fn what_has_no_entry_gets_one_and_what_leads_nowhere_is_led() {
        assert_eq!(told("  other: {}\n"), ["actions.train, a new entry"]);
        assert_eq!(
            told("  train: {entrypoint: plugin.fit:Trainer, input_type: coco_dataset}\n"),
            ["actions.train.entrypoint: net::train::Train"]
        );
    }
}
