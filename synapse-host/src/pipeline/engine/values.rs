//! What nodes are run with: values of inputs and of what has ended.

use std::sync::Arc;

use serde_json::{Map, Value};
use synapse_sdk::errors::{Result, ResultExt};
use synapse_sdk::{ErrorKind, PluginError};

use super::{Engine, Outcome};
use crate::pipeline::check::Plan;
use crate::pipeline::expression::{Head, NoValue, Scope};
use crate::pipeline::model::Node;

/// The list of a fan-out, a node without one, or none that is to run.
pub(super) enum Start {
    Once,
    Each(Vec<Value>),
    Skip,
}

impl Engine {
    pub(super) fn start_of(&self, index: usize) -> Result<Start> {
        let node = self.node(index);
        let scope = self.scope(None);
        let before = &self.plan.graph.before[index];
        let skipped = |node: &usize| matches!(self.outcomes[*node].get(), Some(Outcome::Skipped));
        if !before.is_empty() && before.iter().all(skipped) {
            return Ok(Start::Skip);
        }
        if let Some(condition) = &node.condition {
            match condition.holds(&scope) {
                Ok(true) => {}
                Ok(false) | Err(NoValue::Skipped(_)) => return Ok(Start::Skip),
                Err(NoValue::Missing(what)) => return Err(missing(node, "if", &what)),
            }
        }
        let Some(list) = &node.for_each else { return Ok(Start::Once) };
        match list.evaluate(&scope) {
            Ok(Value::Array(items)) => Ok(Start::Each(items)),
            Ok(other) => {
                let message = format!("`for_each` of node `{}` is no list, but {other}", node.name);
                Err(PluginError::new(ErrorKind::Validation, message))
            }
            Err(NoValue::Skipped(_)) => Ok(Start::Skip),
            Err(NoValue::Missing(what)) => Err(missing(node, "for_each", &what)),
        }
    }

    fn scope<'a>(&'a self, item: Option<(&'a Value, &'a Value)>) -> TaskScope<'a> {
        TaskScope { engine: self, item }
    }

    /// The params of a task as JSON. A reference to what was skipped is an
    /// error of kind [`Cancelled`](ErrorKind::Cancelled) without a message.
    pub(super) fn params(&self, index: usize, item: Option<(&Value, usize)>) -> Result<String> {
        let node = self.node(index);
        let number = item.map(|(_, item)| Value::from(item));
        let scope = self.scope(item.map(|(item, _)| item).zip(number.as_ref()));
        let mut params = Map::new();
        for found in &self.plan.by_name[index] {
            let of_node = |earlier: &usize| match self.outcomes[*earlier].get() {
                Some(Outcome::Value(value)) => value.get(&found.field).cloned(),
                _ => None,
            };
            let of_input = || self.inputs.get(&found.field).filter(|_| found.input).cloned();
            if let Some(value) = found.nodes.iter().find_map(of_node).or_else(of_input) {
                params.insert(found.field.clone(), value);
            }
        }
        for param in &node.params {
            match param.value.evaluate(&scope) {
                Ok(value) => drop(params.insert(param.name.clone(), value)),
                Err(NoValue::Skipped(_)) => return Err(PluginError::new(ErrorKind::Cancelled, "")),
                Err(NoValue::Missing(what)) => {
                    return Err(missing(node, &format!("params.{}", param.name), &what));
                }
            }
        }
        serde_json::to_string(&Value::Object(params)).context("params as JSON")
    }
}

/// What references of a task are resolved in.
struct TaskScope<'a> {
    engine: &'a Engine,
    item: Option<(&'a Value, &'a Value)>,
}

impl Scope for TaskScope<'_> {
    fn value(&self, head: &Head) -> Option<&Value> {
        match head {
            Head::Input(name) => self.engine.inputs.get(name),
            Head::Run(name) => self.engine.run.get(name),
            Head::Item => self.item.map(|(item, _)| item),
            Head::Index => self.item.map(|(_, index)| index),
            Head::Node(name) => match self.engine.outcomes[*self.engine.names.get(name)?].get()? {
                Outcome::Value(value) => Some(value),
                Outcome::Skipped => None,
            },
        }
    }
}

fn missing(node: &Node, part: &str, what: &str) -> PluginError {
    let message =
        format!("`{part}` of node `{}` refers to `${{{what}}}`, which is not in the result", node.name);
    PluginError::new(ErrorKind::Validation, message)
}

/// What a pipeline gives: its `output`, else the results of nodes that no other
/// waits for.
pub(crate) fn output(plan: &Plan, inputs: &Map<String, Value>, results: &[Option<Arc<Value>>]) -> Value {
    struct Whole<'a>(&'a Plan, &'a Map<String, Value>, &'a [Option<Arc<Value>>]);
    impl Scope for Whole<'_> {
        fn value(&self, head: &Head) -> Option<&Value> {
            match head {
                Head::Input(name) => self.1.get(name),
                Head::Node(name) => self.2[self.0.pipeline.position(name)?].as_deref(),
                _ => None,
            }
        }
    }
    if let Some(output) = &plan.pipeline.output {
        return output.evaluate(&Whole(plan, inputs, results)).unwrap_or_default();
    }
    let last = plan.graph.after.iter().enumerate().filter(|(_, after)| after.is_empty());
    let last = last.filter_map(|(index, _)| {
        Some((plan.pipeline.nodes[index].name.clone(), (**results[index].as_ref()?).clone()))
    });
    Value::Object(last.collect())
}
