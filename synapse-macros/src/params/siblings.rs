//! What fields of one struct or variant ask of each other.

use syn::ext::IdentExt;

use super::field::Plan;
use crate::names::known;
use crate::sink::Sink;

/// Gives for each field the names in JSON of those that its `if` names.
pub(super) fn check(plans: &[Plan], sink: &mut Sink) -> Vec<Vec<String>> {
    names_clash(plans, sink);
    plans.iter().map(|plan| condition_fields(plan, plans, sink)).collect()
}

fn names_clash(plans: &[Plan], sink: &mut Sink) {
    let mut taken: Vec<String> = Vec::new();
    let unwritten = plans.iter().filter(|plan| plan.args.rename.is_none() && !plan.facts.flattened);
    taken.extend(unwritten.map(|plan| plan.json.clone()));
    for plan in plans {
        for name in plan.args.rename.iter().chain(&plan.args.aliases) {
            if taken.contains(&name.value()) {
                sink.add(name, "this name is taken by another field, or said twice");
            }
            taken.push(name.value());
        }
    }
}

fn condition_fields(plan: &Plan, plans: &[Plan], sink: &mut Sink) -> Vec<String> {
    let flattened = plans.iter().any(|plan| plan.facts.flattened);
    let mut names = Vec::new();
    for condition in &plan.args.hints.conditions {
        let word = condition.field.get_ident().map(IdentExt::unraw).map(|name| name.to_string());
        let word = word.unwrap_or_default();
        let is_named = |other: &&Plan| {
            other.json == word || other.ident.as_ref().is_some_and(|name| name.unraw() == word)
        };
        match plans.iter().find(is_named) {
            Some(field) if field.json == plan.json => {
                sink.add(&condition.field, "a field cannot be shown because of itself");
            }
            Some(field) => names.push(field.json.clone()),
            // It may be a field of the type that is flattened in.
            None if flattened => names.push(word),
            None => {
                let fields: Vec<&str> = plans
                    .iter()
                    .filter(|other| other.json != plan.json)
                    .map(|other| other.json.as_str())
                    .collect();
                let near = if fields.is_empty() { String::new() } else { known(&word, &fields) };
                sink.add(&condition.field, format!("no such field beside this one{near}"));
            }
        }
    }
    names
}
