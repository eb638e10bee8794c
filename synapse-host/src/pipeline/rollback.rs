//! Undoes finished nodes, the last one first.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};
use synapse_sdk::errors::Result;
use synapse_sdk::schema::types;
use synapse_sdk::{Env, ErrorKind, PluginError};

use super::check::Plan;
use super::engine::{End, News, Watcher, env_of, run_values};
use super::expression::{Head, Scope};
use super::journal::Line;
use super::model::Node;
use super::report::NodeStatus;
use crate::run::{RunRequest, SharedFolder, execute};

/// Nodes that were undone, and those that could not be with why.
type Outcome = (BTreeSet<usize>, Vec<(String, PluginError)>);

/// What belongs to the run as a whole.
pub(super) struct OfRun<'a> {
    pub(super) id: &'a str,
    pub(super) folder: &'a Path,
    pub(super) shared: Option<&'a SharedFolder>,
    /// Variables of all nodes.
    pub(super) env: &'a Env,
}

pub(super) fn roll_back(
    plan: &Plan,
    inputs: &Map<String, Value>,
    end: &mut End,
    of_run: &OfRun<'_>,
    watcher: &mut dyn Watcher,
) -> Outcome {
    let run = run_values(of_run.id, Some(of_run.folder));
    let (mut undone, mut errors) = Outcome::default();
    let mut order: Vec<usize> = (0..end.nodes.len()).collect();
    order.sort_by_key(|node| std::cmp::Reverse(end.nodes[*node].place));
    for index in order {
        let node = &plan.pipeline.nodes[index];
        // What was taken from an earlier run was done by that one.
        let has_run = matches!(end.nodes[index].status, NodeStatus::Succeeded | NodeStatus::Kept);
        let (true, Some((action, _)), Some(result)) = (has_run, &node.rollback, &end.results[index]) else {
            continue;
        };
        let scope = Finished { plan, inputs, run: &run, results: &end.results };
        let outcome = undo(plan, index, action, result, &scope, of_run);
        let error = outcome.as_ref().err().map(ToString::to_string);
        watcher.news(vec![News::RolledBack { node: index, error }]);
        match outcome {
            Ok(()) => {
                undone.insert(index);
                if let Some(journal) = &mut end.journal {
                    // Where it cannot be noted the node is undone all the same.
                    let _ = journal.write(&Line::RolledBack { n: node.name.clone() });
                }
            }
            Err(error) => errors.push((node.name.clone(), error)),
        }
    }
    (undone, errors)
}

fn undo(
    plan: &Plan,
    index: usize,
    action: &str,
    result: &Value,
    scope: &Finished<'_>,
    of_run: &OfRun<'_>,
) -> Result<()> {
    let node = &plan.pipeline.nodes[index];
    let plugin = &plan.offers[index].plugin;
    let registered = plugin.registered_name(action)?;
    let manifest = plugin.image().manifest()?;
    let spec = manifest.actions.iter().find(|spec| spec.name == registered);
    let schema = spec.map(|spec| &spec.params).ok_or_else(|| {
        PluginError::new(ErrorKind::ActionNotFound, format!("the plugin does not describe `{action}`"))
    })?;
    let known = types::field_names(schema, schema);
    let once = |item: Option<(&Value, usize)>, result: &Value| -> Result<()> {
        let params = params(node, &known, result, item, scope);
        let request = RunRequest::new(node.plugin.clone(), action)
            .ray(plan.ray.clone())
            .folder(of_run.shared.cloned())
            .params(&params)
            .mode(node.mode)
            .resources(node.resources)
            .env(env_of(node, of_run.env))
            .state_dir(of_run.folder.join("nodes").join(format!("{}~rollback", node.name)));
        execute(plugin, &request).map(drop)
    };
    let list = node.for_each.as_ref().map(|list| list.evaluate(scope));
    match (list, result) {
        (Some(Ok(Value::Array(list))), Value::Array(results)) => {
            let mut both = list.iter().zip(results).enumerate().rev();
            both.try_for_each(|(number, (item, result))| once(Some((item, number)), result))
        }
        _ => once(None, result),
    }
}

/// What the node was given and what it gave, as far as the action takes it.
fn params(
    node: &Node,
    known: &[&str],
    result: &Value,
    item: Option<(&Value, usize)>,
    scope: &Finished<'_>,
) -> Map<String, Value> {
    let number = item.map(|(_, number)| Value::from(number));
    let scope = WithItem { finished: scope, item: item.map(|(item, _)| item), number };
    let mut all: Map<String, Value> = scope.finished.inputs.clone();
    all.extend(
        node.params.iter().filter_map(|param| Some((param.name.clone(), param.value.evaluate(&scope).ok()?))),
    );
    if let Value::Object(fields) = result {
        all.extend(fields.clone());
    }
    all.retain(|name, _| known.contains(&name.as_str()));
    all
}

struct Finished<'a> {
    plan: &'a Plan,
    inputs: &'a Map<String, Value>,
    run: &'a Map<String, Value>,
    results: &'a [Option<Arc<Value>>],
}

impl Scope for Finished<'_> {
    fn value(&self, head: &Head) -> Option<&Value> {
        match head {
            Head::Input(name) => self.inputs.get(name),
            Head::Run(name) => self.run.get(name),
            Head::Node(name) => self.results[self.plan.pipeline.position(name)?].as_deref(),
            _ => None,
        }
    }
}

struct WithItem<'a> {
    finished: &'a Finished<'a>,
    item: Option<&'a Value>,
    number: Option<Value>,
}

impl Scope for WithItem<'_> {
    fn value(&self, head: &Head) -> Option<&Value> {
        match head {
            Head::Item => self.item,
            Head::Index => self.number.as_ref(),
            other => self.finished.value(other),
        }
    }
}
