//! Whether a pipeline can work: everything that is wrong with it, before
//! anything runs.

mod by_name;
mod data;
mod inputs;
mod params;
mod values;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Value, json};
use synapse_sdk::{ErrorKind, PluginError};

use super::condition::{Condition, Operand};
use super::expression::{Expression, Head};
use super::file::listed;
use super::graph::Graph;
use super::model::{Node, Pipeline};
use super::offer::{Offer, Offers};
use crate::config::problems::{Problem, Problems, Severity, render};
use crate::plugin_ref::Resolver;
use crate::run::RayOptions;

/// A pipeline that can work.
pub struct Plan {
    /// As its file has it.
    pub pipeline: Pipeline,
    /// Which node needs which.
    pub graph: Graph,
    /// Of each node, the params that are taken from what has their name.
    pub by_name: Vec<Vec<ByName>>,
    /// Of each node, what it runs.
    pub offers: Vec<Arc<Offer>>,
    /// What the author of the file should look at.
    pub warnings: Vec<Problem>,
    /// The cluster of nodes that run on one.
    pub ray: RayOptions,
}

/// A param that nobody gives, taken from what has its name.
#[derive(Clone, Debug, PartialEq)]
pub struct ByName {
    /// The param.
    pub field: String,
    /// The nodes whose result has such a field, the last one first: the first
    /// that was not skipped counts.
    pub nodes: Vec<usize>,
    /// Whether an input has that name, which counts when no node does.
    pub input: bool,
}

/// Why a pipeline cannot work.
#[derive(Debug)]
pub struct Refused {
    /// Everything that is wrong, and what is questionable.
    pub problems: Vec<Problem>,
    /// Whether a plugin could not be built, so that nobody can say whether the
    /// pipeline fits it.
    pub unbuilt: bool,
}

impl Refused {
    /// Adds what was wrong with the file itself. What the check says of the same
    /// parts follows from that, and is left out.
    pub(super) fn with_those_of_the_file(&mut self, file: Vec<Problem>) {
        let node_of = |problem: &Problem| problem.path.strip_prefix("nodes.").map(first_part);
        let errors = file.iter().filter(|problem| problem.severity == Severity::Error);
        let broken: HashSet<Option<String>> = errors.map(node_of).collect();
        // An input that cannot be read is missing wherever it is used.
        let all_nodes = broken.contains(&None);
        let of_plugin =
            |path: &str| [".plugin", ".action", ".rollback"].iter().any(|end| path.ends_with(end));
        self.problems.retain(|problem| {
            broken.is_empty()
                || of_plugin(&problem.path)
                || (!all_nodes && problem.severity == Severity::Error && !broken.contains(&node_of(problem)))
        });
        self.problems.extend(file);
        self.problems.sort_by_key(|problem| (problem.line, problem.column));
    }

    /// The error that it makes.
    pub fn error(&self, file: &str) -> PluginError {
        let error = invalid(file, &self.problems);
        if self.unbuilt { error.with_kind(ErrorKind::Build) } else { error }
    }
}

fn first_part(path: &str) -> String {
    path.split('.').next().unwrap_or_default().to_owned()
}

/// Checks a pipeline against the plugins it names. `here` says that they will
/// run in this process: their code is loaded then, and else asked in a worker.
///
/// # Errors
/// Every problem, warnings included, if at least one of them is an error.
pub fn check(pipeline: Pipeline, resolver: &mut Resolver<'_>, here: bool) -> Result<Plan, Refused> {
    let mut problems = Problems::default();
    let offers = Offers::find(&pipeline, resolver, here, &mut problems);
    let unbuilt = offers.unbuilt;
    let refused = |problems: Problems| Refused { problems: problems.sorted(), unbuilt };
    let Some(graph) = Graph::of(&pipeline, &mut problems) else { return Err(refused(problems)) };
    let mut checker = Checker {
        pipeline: &pipeline,
        graph: &graph,
        offers: &offers,
        problems: &mut problems,
        giving: HashMap::new(),
    };
    let by_name = checker.nodes();
    checker.whole(&by_name);
    let found: Option<Vec<Arc<Offer>>> = offers.nodes.into_iter().collect();
    match found {
        Some(offers) if !problems.has_errors() => Ok(Plan {
            pipeline,
            graph,
            by_name,
            offers,
            warnings: problems.sorted(),
            ray: RayOptions::default(),
        }),
        _ => Err(refused(problems)),
    }
}

/// The error that a pipeline's problems make, each of them in its details.
pub fn invalid(file: &str, problems: &[Problem]) -> PluginError {
    let details = problems.iter().map(|problem| {
        json!({
            "pointer": format!("{file}:{}:{}", problem.line, problem.column),
            "rule": "pipeline",
            "given": problem.path,
            "allowed": problem.hint,
            "message": problem.to_string(),
        })
    });
    let count = match problems.len() {
        1 => "1 problem".to_owned(),
        more => format!("{more} problems"),
    };
    let all = render(problems, file);
    PluginError::new(ErrorKind::Validation, format!("{file}: {count}\n{}", all.trim_end()))
        .details(details.collect())
}

struct Checker<'a> {
    pipeline: &'a Pipeline,
    graph: &'a Graph,
    offers: &'a Offers,
    problems: &'a mut Problems,
    /// Of fields that were asked for, which nodes give them.
    giving: HashMap<String, Arc<[bool]>>,
}

impl Checker<'_> {
    fn nodes(&mut self) -> Vec<Vec<ByName>> {
        (0..self.pipeline.nodes.len())
            .map(|index| {
                let node = &self.pipeline.nodes[index];
                self.fan_out(node);
                if let Err(error) = node.mode.check_available() {
                    let problem = Problem::error(node.at.mode, path(node, "mode"), error.to_string());
                    self.problems.push(problem.maybe_hint(error.hint_text().map(str::to_owned)));
                }
                let Some(offer) = self.offers.nodes[index].clone() else { return Vec::new() };
                node.params.iter().for_each(|param| self.param(index, param));
                let by_name = if node.by_name { self.by_name(index, &offer) } else { Vec::new() };
                self.required(node, &offer, &by_name);
                self.data_type(index, &by_name);
                by_name
            })
            .collect()
    }

    /// What concerns more than one node.
    fn whole(&mut self, by_name: &[Vec<ByName>]) {
        for (index, node) in self.pipeline.nodes.iter().enumerate() {
            let never = |condition: &Condition| {
                matches!(condition, Condition::Holds(Operand::Literal(Value::Bool(false) | Value::Null)))
            };
            if node.condition.as_ref().is_some_and(never) {
                let later =
                    self.graph.after[index].iter().map(|later| self.pipeline.nodes[*later].name.as_str());
                let later: Vec<&str> = later.collect();
                let also = if later.is_empty() {
                    String::new()
                } else {
                    format!(", nor is what needs it ({})", listed(&later))
                };
                let message = format!("the node is never reached{also}");
                self.problems.push(Problem::warning(node.at.condition, path(node, "if"), message));
            }
        }
        let heads = self.pipeline.nodes.iter().flat_map(Node::heads).flat_map(|(_, _, heads, _)| heads);
        let of_output = self.pipeline.output.iter().flat_map(Expression::references);
        let heads = heads.chain(of_output.flat_map(|reference| &reference.paths).map(|path| &path.head));
        let used: HashSet<&str> = heads
            .filter_map(|head| match head {
                Head::Input(name) => Some(name.as_str()),
                _ => None,
            })
            .chain(by_name.iter().flatten().filter(|found| found.input).map(|found| found.field.as_str()))
            .collect();
        for input in self.pipeline.inputs.iter().filter(|input| !used.contains(input.name.as_str())) {
            let message = "no node uses this input";
            self.problems.push(Problem::warning(input.at, format!("inputs.{}", input.name), message));
        }
    }
}

fn path(node: &Node, part: &str) -> String {
    format!("nodes.{}.{part}", node.name)
}

/// A node as messages name it: `train (train of ../classifier)`.
fn shown(node: &Node) -> String {
    format!("`{}` ({} of {})", node.name, node.action, node.plugin_text)
}
