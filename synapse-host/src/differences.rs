//! Where a config and the code it is of differ.

use synapse_sdk::abi::identity::ListedAction;
use synapse_sdk::manifest::{ActionSpec, Manifest};
use synapse_sdk::suggest::nearest;

use crate::config::edit::{Change, place_of};
use crate::config::{ActionConfig, PluginConfig, Problem, Severity};
use crate::plugin::offered;
use crate::sync;

/// Every difference between a config, read from `text`, and the code it is of,
/// from the top of the config down; what the config does not mention comes last.
/// Each stands at the key it is about.
///
/// The code decides about data types and descriptions, the config about names
/// and methods: what the other says has no effect.
pub fn between(config: &PluginConfig, text: &str, manifest: &Manifest) -> Vec<Problem> {
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
    let written = sync::changes(config, manifest);
    found.into_iter().map(|difference| difference.problem(text, &written)).collect()
}

/// A difference that was found, not yet placed in the text.
struct Difference {
    action: String,
    key: Option<&'static str>,
    message: String,
    hint: String,
}

impl Difference {
    fn problem(self, text: &str, written: &[Change]) -> Problem {
        let (line, column) = place_of(text, &self.action, self.key);
        let key = self.key.map(|key| format!(".{key}")).unwrap_or_default();
        // `update-config` knows what the code has.
        let hint = match written.iter().find(|change| self.is_settled_by(change)) {
            Some(change) => format!("`synapse plugin update-config` {}; {}", deed(change), self.hint),
            None => self.hint,
        };
        Problem {
            severity: Severity::Error,
            line,
            column,
            path: format!("actions.{}{key}", self.action),
            message: self.message,
            hint: Some(hint),
        }
    }

    fn is_settled_by(&self, change: &Change) -> bool {
        let key = match change {
            Change::Set { key, .. } | Change::Remove { key, .. } => Some(*key),
            Change::Add { .. } => None,
        };
        change.action() == self.action && key == self.key
    }
}

fn deed(change: &Change) -> String {
    match change {
        Change::Set { value, .. } => format!("writes `{value}` here"),
        Change::Remove { .. } => "takes the line out".to_owned(),
        Change::Add { .. } => "adds it".to_owned(),
    }
}

fn leads_nowhere(entry: &ActionConfig, manifest: &Manifest) -> Difference {
    let (key, wanted, message) = match &entry.entrypoint {
        Some(entrypoint) => {
            let message = format!("there is no `{entrypoint}` in the code");
            (Some("entrypoint"), entrypoint.segments().join("::"), message)
        }
        None => (None, entry.name.clone(), "there is no action of that name in the code".to_owned()),
    };
    Difference { action: entry.name.clone(), key, message, hint: what_there_is(&wanted, manifest) }
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

fn without_entry(spec: &ActionSpec) -> Difference {
    Difference {
        action: spec.name.clone(),
        key: None,
        message: "this is an action of the code and has no entry".to_owned(),
        hint: format!("by hand: `{}: {{entrypoint: \"{}::{}\"}}`", spec.name, spec.module, spec.item),
    }
}

fn declared_otherwise(entry: &ActionConfig, spec: &ActionSpec) -> Vec<Difference> {
    let method = entry.method.map(|method| method.as_str());
    let of_code = spec.method.map(|method| method.as_str());
    let description = Some(entry.description.as_str()).filter(|text| !text.is_empty());
    let summary = Some(spec.description.as_str()).filter(|text| !text.is_empty());
    let rows = [
        ("input_type", entry.input_type.as_deref(), spec.input_type.as_deref()),
        ("output_type", entry.output_type.as_deref(), spec.output_type.as_deref()),
        ("description", description, summary),
        ("method", method, of_code),
    ];
    let differing = rows.into_iter().filter_map(|(key, config, code)| {
        let config = config?;
        let is_type = key.ends_with("_type");
        let message = match code {
            Some(code) if code == config => return None,
            Some(code) => format!("`{config}` here, `{code}` in the code"),
            None if is_type => format!("`{config}` here, and nothing in the code"),
            None => return None,
        };
        let hint = match key {
            "method" => "the config decides: remove one of them, or make them equal",
            _ => "the code decides",
        };
        Some(Difference { action: entry.name.clone(), key: Some(key), message, hint: hint.to_owned() })
    });
    differing.collect()
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
        let problems = between(&config, &text, &manifest);
        problems.iter().map(|problem| format!("{}:{}: {problem}", problem.line, problem.column)).collect()
    }

    #[test]
    fn a_config_that_says_what_the_code_says_differs_nowhere() {
        assert_eq!(told("  train: {}\n"), [""; 0]);
        let same = "  train: {entrypoint: \"train::Train\", method: job, input_type: coco_dataset, \
                    description: Trains.}\n";
        assert_eq!(told(same), [""; 0]);
    }

    #[test]
    fn every_difference_is_told_at_its_key() {
        let other = "  test: {}\n  train:\n    method: task\n    input_type: dataset\n    output_type: model\n    \
                     description: Learns.\n";
        assert_eq!(
            told(other),
            [
                "6:3: actions.test: there is no action of that name in the code\n  \
                 hint: the code has net::train::Train",
                "9:5: actions.train.input_type: `dataset` here, `coco_dataset` in the code\n  \
                 hint: `synapse plugin update-config` writes `coco_dataset` here; the code decides",
                "10:5: actions.train.output_type: `model` here, and nothing in the code\n  \
                 hint: `synapse plugin update-config` takes the line out; the code decides",
                "11:5: actions.train.description: `Learns.` here, `Trains.` in the code\n  \
                 hint: `synapse plugin update-config` writes `Trains.` here; the code decides",
                "8:5: actions.train.method: `task` here, `job` in the code\n  \
                 hint: the config decides: remove one of them, or make them equal",
            ]
        );
    }

    #[test]
    fn an_entrypoint_that_leads_nowhere_and_an_action_without_an_entry_are_told() {
        assert_eq!(
            told("  fit:\n    entrypoint: \"net::train::Tarin\"\n"),
            [
                "7:5: actions.fit.entrypoint: there is no `net::train::Tarin` in the code\n  \
                 hint: did you mean `net::train::Train`?",
                "5:1: actions.train: this is an action of the code and has no entry\n  \
                 hint: `synapse plugin update-config` adds it; by hand: \
                 `train: {entrypoint: \"net::train::Train\"}`",
            ]
        );
        assert_eq!(
            told("  train: {entrypoint: plugin.Trainer}\n"),
            ["6:11: actions.train.entrypoint: there is no `plugin::Trainer` in the code\n  \
              hint: `synapse plugin update-config` writes `net::train::Train` here; the code has \
              net::train::Train"]
        );
    }
}
