//! What a plugin's code says of itself, held against itself and against what
//! was written down of it.

use synapse_sdk::abi::identity::ListedAction;
use synapse_sdk::manifest::Manifest;

use super::reason::Reason;

/// What is wrong with a description by itself: names that stand for two things.
pub fn described(manifest: &Manifest) -> Vec<Reason> {
    let listed: Vec<ListedAction> = manifest.actions.iter().map(ListedAction::from).collect();
    let mut reasons = two_actions(&listed);
    reasons.extend(two_data_types(manifest));
    reasons
}

/// The ids that more than one data type has.
pub(super) fn two_data_types(manifest: &Manifest) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let types = &manifest.data_types;
    for (index, data_type) in types.iter().enumerate() {
        let reason = Reason::TwoDataTypes { id: data_type.id.clone() };
        if types[..index].iter().any(|other| other.id == data_type.id) && !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons
}

/// The names that more than one action has.
pub(crate) fn two_actions(actions: &[ListedAction]) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for (index, action) in actions.iter().enumerate() {
        let same: Vec<&ListedAction> = actions.iter().filter(|other| other.name == action.name).collect();
        let first = actions.iter().position(|other| other.name == action.name) == Some(index);
        if first && same.len() > 1 {
            let items = same.iter().map(|action| format!("{}::{}", action.module, action.item)).collect();
            reasons.push(Reason::TwoActions { name: action.name.clone(), items });
        }
    }
    reasons
}

/// What a plugin's file lists and its code does not have: then the one is not of
/// the other. Actions that the code has besides are no reason against it.
pub fn unregistered(listed: &[ListedAction], manifest: &Manifest) -> Option<Reason> {
    let has = |name: &str| manifest.actions.iter().any(|action| action.name == name);
    let missing: Vec<&str> =
        listed.iter().map(|action| action.name.as_str()).filter(|name| !has(name)).collect();
    let differs = || format!("it lists {}, and the code has no such action", missing.join(", "));
    (!missing.is_empty()).then(|| Reason::Manifest { differs: differs() })
}

/// Where a stored manifest differs from what the code says now.
pub fn differs(stored: &Manifest, now: &Manifest) -> Option<Reason> {
    let differs = difference(stored, now)?;
    Some(Reason::Manifest { differs })
}

fn difference(stored: &Manifest, now: &Manifest) -> Option<String> {
    if stored == now {
        return None;
    }
    if stored.sdk != now.sdk {
        return Some(format!("it names SDK {}, and the code was built with {}", stored.sdk, now.sdk));
    }
    let names = |manifest: &Manifest| {
        let names: Vec<&str> = manifest.actions.iter().map(|action| action.name.as_str()).collect();
        names.join(", ")
    };
    let (known, found) = (names(stored), names(now));
    if known != found {
        return Some(format!("it lists the actions {known}, and the code has {found}"));
    }
    let changed = stored.actions.iter().zip(&now.actions).find(|(stored, now)| stored != now);
    Some(match changed {
        Some((stored, now)) if stored.params != now.params => {
            format!("the params of `{}` have another schema", now.name)
        }
        Some((stored, now)) if stored.result != now.result => {
            format!("the result of `{}` has another schema", now.name)
        }
        Some((_, now)) => format!("`{}` is declared otherwise", now.name),
        None => "the data types are others".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn manifest(changes: &[(&str, Value)]) -> Manifest {
        let mut document = json!({
            "sdk": "0.1.0",
            "actions": [
                { "name": "test", "item": "Test", "module": "net::test", "params": {}, "result": {} },
                { "name": "train", "item": "Train", "module": "net::train", "params": {}, "result": {} },
            ],
            "data_types": [{ "id": "coco", "parent": "dataset" }, { "id": "dataset" }],
        });
        for (pointer, value) in changes {
            *document.pointer_mut(pointer).expect("a place") = value.clone();
        }
        serde_json::from_value(document).expect("a manifest")
    }

    #[test]
    fn names_that_stand_for_two_things_are_told_once_each() {
        assert_eq!(described(&manifest(&[])), []);
        let twice = manifest(&[("/actions/1/name", json!("test")), ("/data_types/1/id", json!("coco"))]);
        let told: Vec<String> = described(&twice).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "two of its actions are named `test`: net::test::Test and net::train::Train",
                "two of its data types have the id `coco`",
            ]
        );
    }

    #[test]
    fn what_the_file_lists_the_code_has() {
        let code = manifest(&[]);
        let listed = |changes: &[(&str, Value)]| {
            manifest(changes).actions.iter().map(ListedAction::from).collect::<Vec<_>>()
        };
        assert_eq!(unregistered(&listed(&[]), &code), None);
        assert_eq!(unregistered(&listed(&[])[..1], &code), None);
        let reason = unregistered(&listed(&[("/actions/1/name", json!("tune"))]), &code);
        let text = reason.map(|reason| reason.to_string());
        let expected = "its manifest is not of this code: it lists tune, and the code has no such action";
        assert_eq!(text.as_deref(), Some(expected));
    }

    #[test]
    fn a_manifest_of_other_code_is_told_by_what_differs() {
        let told = |changes: &[(&str, Value)]| difference(&manifest(&[]), &manifest(changes));
        assert_eq!(told(&[]), None);
        let texts = [
            (("/sdk", json!("0.2.0")), "it names SDK 0.1.0, and the code was built with 0.2.0"),
            (
                ("/actions/1/name", json!("tune")),
                "it lists the actions test, train, and the code has test, tune",
            ),
            (("/actions/1/params", json!({ "type": "object" })), "the params of `train` have another schema"),
            (("/actions/0/result", json!(true)), "the result of `test` has another schema"),
            (("/actions/0/module", json!("net")), "`test` is declared otherwise"),
            (("/data_types/1/id", json!("data")), "the data types are others"),
        ];
        for (change, text) in texts {
            assert_eq!(told(&[change]).as_deref(), Some(text));
        }
    }
}
