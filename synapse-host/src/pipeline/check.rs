//! Whether a pipeline can work: everything that is wrong with it, before
//! anything runs.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Value, json};
use synapse_sdk::data_type::Compatibility;
use synapse_sdk::schema::Schema;
use synapse_sdk::suggest::nearest;
use synapse_sdk::{ErrorKind, PluginError};

use super::condition::{Condition, Operand};
use super::expression::{Expression, Head, Path};
use super::file::listed;
use super::graph::Graph;
use super::model::{InputType, Node, Param, Pipeline};
use super::offer::{Offer, Offers, name_of};
use crate::config::problems::{Place, Problem, Problems, render};
use crate::plugin_ref::Resolver;
use synapse_sdk::schema::types::{self, Field, Types};

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

/// Checks a pipeline against the plugins it names. `here` says that they will
/// run in this process: their code is loaded then, and else asked in a worker.
///
/// # Errors
/// Every problem, warnings included, if at least one of them is an error.
pub fn check(pipeline: Pipeline, resolver: &mut Resolver<'_>, here: bool) -> Result<Plan, Vec<Problem>> {
    let mut problems = Problems::default();
    let offers = Offers::find(&pipeline, resolver, here, &mut problems);
    let Some(graph) = Graph::of(&pipeline, &mut problems) else { return Err(problems.sorted()) };
    let mut checker =
        Checker { pipeline: &pipeline, graph: &graph, offers: &offers, problems: &mut problems };
    let by_name = checker.nodes();
    checker.whole(&by_name);
    let found: Option<Vec<Arc<Offer>>> = offers.nodes.into_iter().collect();
    match found {
        Some(offers) if !problems.has_errors() => {
            Ok(Plan { pipeline, graph, by_name, offers, warnings: problems.sorted() })
        }
        _ => Err(problems.sorted()),
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
}

/// What is known of a value.
struct Known {
    types: Types,
}

impl<'a> Checker<'a> {
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

    fn fan_out(&mut self, node: &Node) {
        let Some(list) = &node.for_each else { return };
        let at = node.at.for_each;
        match list {
            Expression::Literal(Value::Array(items)) if items.is_empty() => {
                let message = "the list is empty: the node gives an empty list";
                self.problems.push(Problem::warning(at, path(node, "for_each"), message));
            }
            Expression::Literal(Value::Array(_)) | Expression::List(_) => {}
            Expression::Reference(reference) => {
                for way in &reference.paths {
                    if let Some(known) = self.known(node, way)
                        && !known.types.can_be_list()
                    {
                        let message = format!("`${{{way}}}` is no list, but {}", known.types);
                        self.problems.push(Problem::error(at, path(node, "for_each"), message));
                    }
                }
            }
            _ => {
                let problem = Problem::error(at, path(node, "for_each"), "expected a list");
                self.problems.push(problem.hint("for example `for_each: [1, 2, 3]` or `${inputs.seeds}`"));
            }
        }
    }

    /// A param that is given: whether the action takes it, and its type.
    fn param(&mut self, index: usize, param: &Param) {
        let node = &self.pipeline.nodes[index];
        let Some(offer) = &self.offers.nodes[index] else { return };
        let offer = Arc::clone(offer);
        let schema = offer.params();
        let place = path(node, &format!("params.{}", param.name));
        let expected = match types::field(schema, schema, &param.name) {
            Field::Known(expected) => expected,
            Field::Open => return self.resolvable(node, param, &place),
            Field::Missing => {
                let names = types::field_names(schema, schema);
                let hint = match nearest(&param.name, names.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("it takes {}", listed(&names)),
                };
                let message = format!("action {} takes no `{}`", shown(node), param.name);
                return self.problems.push(Problem::error(param.name_at, place, message).hint(hint));
            }
        };
        if let Some(value) = param.value.literal() {
            return self.literal(param, value, schema, expected, place);
        }
        let wanted = Types::of_schema(schema, expected);
        match &param.value {
            Expression::Reference(reference) => {
                for way in &reference.paths {
                    let Some(known) = self.resolved(node, way, param.at, &place) else { continue };
                    if !known.types.may_be(wanted) {
                        let message = format!(
                            "`{}` of {} takes {wanted}, but `${{{way}}}`{} is {}",
                            param.name,
                            shown(node),
                            self.source(way),
                            known.types
                        );
                        self.problems.push(Problem::error(param.at, place.clone(), message));
                    }
                }
            }
            _ => {
                self.resolvable(node, param, &place);
                let given = match &param.value {
                    Expression::Text(_) => Types::TEXT,
                    Expression::List(_) => Types::ARRAY,
                    _ => Types::named("object"),
                };
                if !given.may_be(wanted) {
                    let message = format!("`{}` of {} takes {wanted}, not {given}", param.name, shown(node));
                    self.problems.push(Problem::error(param.at, place, message));
                }
            }
        }
    }

    fn literal(&mut self, param: &Param, value: &Value, root: &Value, expected: &Value, place: String) {
        let mut schema = expected.clone();
        if let (Value::Object(schema), Some(defs)) = (&mut schema, root.get("$defs")) {
            schema.insert("$defs".to_owned(), defs.clone());
        }
        // What the SDK cannot read is checked when the action is called.
        let Ok(schema) = Schema::compile(&schema) else { return };
        for violation in schema.check(value) {
            let pointer = violation.pointer.replace('/', ".");
            let message = format!("{}{}", violation.message, if pointer.is_empty() { "" } else { " within" });
            self.problems.push(Problem::error(param.at, format!("{place}{pointer}"), message));
        }
    }

    /// That all a param refers to is there.
    fn resolvable(&mut self, node: &Node, param: &Param, place: &str) {
        for way in param.value.references().into_iter().flat_map(|reference| &reference.paths) {
            self.resolved(node, way, param.at, place);
        }
    }

    /// What is known of `way`; a field that is not there is a problem.
    fn resolved(&mut self, node: &Node, way: &Path, at: Place, place: &str) -> Option<Known> {
        match self.follow(node, way) {
            Ok(known) => known,
            Err((field, names)) => {
                let hint = match nearest(&field, names.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if names.is_empty() => "it has no fields".to_owned(),
                    None => {
                        format!("it has {}", listed(&names.iter().map(String::as_str).collect::<Vec<_>>()))
                    }
                };
                let message = format!("`${{{way}}}`: there is no `{field}`{}", self.source(way));
                self.problems.push(Problem::error(at, place.to_owned(), message).hint(hint));
                None
            }
        }
    }

    fn known(&self, node: &Node, way: &Path) -> Option<Known> {
        self.follow(node, way).ok().flatten()
    }

    /// ` of the result of …`, for messages.
    fn source(&self, way: &Path) -> String {
        match &way.head {
            Head::Node(name) => match self.pipeline.node(name) {
                Some(node) => format!(" in the result of {}", shown(node)),
                None => String::new(),
            },
            _ => String::new(),
        }
    }

    /// What is known of a reference's value; `None` when nothing is, an error
    /// with the fields there are when there is no such field.
    fn follow(&self, node: &Node, way: &Path) -> Result<Option<Known>, (String, Vec<String>)> {
        let start = match &way.head {
            Head::Input(name) => self.of_input(name),
            Head::Index => Some(Known { types: Types::INTEGER }),
            Head::Run(_) => Some(Known { types: Types::TEXT }),
            Head::Item => self.of_item(node),
            Head::Node(name) => return self.of_node(name, &way.rest),
        };
        Ok(start.map(|known| if way.rest.is_empty() { known } else { Known { types: Types::ANY } }))
    }

    fn of_input(&self, name: &str) -> Option<Known> {
        let kind = self.pipeline.inputs.iter().find(|input| input.name == name)?.kind?;
        Some(Known { types: Types::named(kind.as_str()) })
    }

    fn of_item(&self, node: &Node) -> Option<Known> {
        let list = node.for_each.as_ref()?;
        match list {
            Expression::Literal(Value::Array(items)) => {
                let types = items.first().map(Types::of_value)?;
                let same = items.iter().all(|item| Types::of_value(item) == types);
                same.then_some(Known { types })
            }
            Expression::Reference(reference) => match &reference.paths[..] {
                [Path { head: Head::Input(name), rest }] if rest.is_empty() => {
                    let default =
                        self.pipeline.inputs.iter().find(|input| input.name == *name)?.default.as_ref()?;
                    let items = default.as_array()?;
                    let types = items.first().map(Types::of_value)?;
                    let same = items.iter().all(|item| Types::of_value(item) == types);
                    same.then_some(Known { types })
                }
                _ => None,
            },
            _ => None,
        }
    }

    fn of_node(&self, name: &str, rest: &[String]) -> Result<Option<Known>, (String, Vec<String>)> {
        let Some(index) = self.pipeline.position(name) else { return Ok(None) };
        let Some(offer) = &self.offers.nodes[index] else { return Ok(None) };
        let root = offer.result();
        let (mut schema, mut lists) = (root, usize::from(self.pipeline.nodes[index].for_each.is_some()));
        for part in rest {
            if part.parse::<usize>().is_ok() {
                if lists > 0 {
                    lists -= 1;
                    continue;
                }
                match types::items(root, schema) {
                    Some(items) => schema = items,
                    None => return Ok(None),
                }
                continue;
            }
            match types::field(root, schema, part) {
                Field::Known(inner) => schema = inner,
                Field::Open => return Ok(None),
                Field::Missing => {
                    // A field of a list is the list of that field.
                    if let Some(items) = types::items(root, schema)
                        && let Field::Known(inner) = types::field(root, items, part)
                    {
                        (schema, lists) = (inner, lists + 1);
                        continue;
                    }
                    let names = types::field_names(root, schema);
                    return Err((part.clone(), names.into_iter().map(str::to_owned).collect()));
                }
            }
        }
        let types = if lists > 0 { Types::ARRAY } else { Types::of_schema(root, schema) };
        Ok(Some(Known { types }))
    }

    /// Params that nobody gives and that something of their name could.
    fn by_name(&mut self, index: usize, offer: &Offer) -> Vec<ByName> {
        let node = &self.pipeline.nodes[index];
        let given: HashSet<&str> = node.params.iter().map(|param| param.name.as_str()).collect();
        let schema = offer.params();
        let names = types::field_names(schema, schema);
        let open = names.into_iter().filter(|name| !given.contains(name));
        let mut found = Vec::new();
        for field in open {
            let nodes: Vec<usize> =
                self.graph.ancestors_of(index).filter(|earlier| self.gives(*earlier, field)).collect();
            let input = self.pipeline.inputs.iter().any(|input| input.name == field);
            if nodes.is_empty() && !input {
                continue;
            }
            self.which(node, field, &nodes);
            if let Some(last) = nodes.first()
                && input
            {
                let message = format!(
                    "`{field}` of {} comes from {}, in place of the input of that name",
                    shown(node),
                    shown(&self.pipeline.nodes[*last])
                );
                let hint = format!("say which is meant: `params: {{{field}: ${{inputs.{field}}}}}`");
                self.problems.push(Problem::warning(node.at.node, path(node, "params"), message).hint(hint));
            }
            self.by_name_type(node, schema, field, &nodes, input);
            found.push(ByName { field: field.to_owned(), nodes, input });
        }
        found
    }

    fn gives(&self, node: usize, field: &str) -> bool {
        // Of a fan-out there is no one result that has a field.
        let one = self.pipeline.nodes[node].for_each.is_none();
        let Some(offer) = self.offers.nodes[node].as_ref().filter(|_| one) else { return false };
        matches!(types::field(offer.result(), offer.result(), field), Field::Known(_))
    }

    /// Of two nodes that run in no order neither is the last.
    fn which(&mut self, node: &Node, field: &str, nodes: &[usize]) {
        let [last, others @ ..] = nodes else { return };
        let Some(other) = others.iter().find(|other| !self.graph.is_before(**other, *last)) else { return };
        if self.is_conditional(*last) && self.is_conditional(*other) {
            return;
        }
        let (last, other) = (&self.pipeline.nodes[*last], &self.pipeline.nodes[*other]);
        let message =
            format!("`{field}` of {} is given by {} and by {}", shown(node), shown(other), shown(last));
        let hint = format!("say which is meant: `params: {{{field}: ${{{}.{field}}}}}`", last.name);
        self.problems.push(Problem::error(node.at.node, path(node, "params"), message).hint(hint));
    }

    fn is_conditional(&self, node: usize) -> bool {
        let has = |node: usize| self.pipeline.nodes[node].condition.is_some();
        has(node) || self.graph.ancestors_of(node).any(has)
    }

    fn by_name_type(&mut self, node: &Node, schema: &Value, field: &str, nodes: &[usize], input: bool) {
        let Field::Known(expected) = types::field(schema, schema, field) else { return };
        let wanted = Types::of_schema(schema, expected);
        let of_node = |earlier: &usize| {
            let earlier = &self.pipeline.nodes[*earlier];
            let known = self.of_node(&earlier.name, std::slice::from_ref(&field.to_owned())).ok()??;
            Some((format!("{} gives", shown(earlier)), known.types))
        };
        let of_input = || {
            let known = self.of_input(field).filter(|_| input && nodes.is_empty())?;
            Some((format!("the input `{field}` is"), known.types))
        };
        let wrong =
            nodes.iter().filter_map(of_node).chain(of_input()).find(|(_, types)| !types.may_be(wanted));
        if let Some((who, types)) = wrong {
            let message = format!("`{field}` of {} takes {wanted}, but {who} {types}", shown(node));
            let hint = format!("give it: `params: {{{field}: …}}`, or `by_name: false`");
            self.problems.push(Problem::error(node.at.node, path(node, "params"), message).hint(hint));
        }
    }

    fn required(&mut self, node: &Node, offer: &Offer, by_name: &[ByName]) {
        let schema = offer.params();
        for name in types::required(schema, schema) {
            let is_it = |given: &str| {
                given == name
                    || matches!((types::field(schema, schema, given), types::field(schema, schema, name)),
                    (Field::Known(one), Field::Known(other)) if std::ptr::eq(one, other))
            };
            if by_name.iter().any(|found| found.field == name)
                || node.params.iter().any(|param| is_it(&param.name))
            {
                continue;
            }
            let kind = match types::field(schema, schema, name) {
                Field::Known(field) => format!(" ({})", Types::of_schema(schema, field)),
                _ => String::new(),
            };
            let message = format!("{} needs `{name}`{kind}, which nothing gives", shown(node));
            let hint = format!(
                "add `params: {{{name}: …}}`, or an input `{name}`, or let it need a node whose result has it"
            );
            self.problems.push(Problem::error(node.at.node, path(node, "params"), message).hint(hint));
        }
    }

    /// The kind of data that flows into a node. Of the nodes it takes values
    /// from, one has to give what it expects; the others give it side matters.
    fn data_type(&mut self, index: usize, by_name: &[ByName]) {
        let node = &self.pipeline.nodes[index];
        let Some(expected) = self.offers.nodes[index].as_ref().and_then(|offer| offer.input.clone()) else {
            return;
        };
        let referred =
            node.params.iter().flat_map(|param| param.value.references()).flat_map(|one| &one.paths);
        let referred = referred.chain(
            node.for_each.iter().flat_map(Expression::references).flat_map(|reference| &reference.paths),
        );
        let referred = referred.filter_map(|way| match &way.head {
            Head::Node(name) => self.pipeline.position(name),
            _ => None,
        });
        let mut sources: Vec<usize> =
            referred.chain(by_name.iter().filter_map(|found| found.nodes.first().copied())).collect();
        sources.sort_unstable();
        sources.dedup();
        let graded = sources.iter().filter_map(|source| {
            let given = self.offers.nodes[*source].as_ref()?.output.as_deref()?;
            Some((self.offers.types.fits(given, &expected), *source, given))
        });
        let Some((grade, source, given)) = graded.min_by_key(|(grade, ..)| rank(*grade)) else { return };
        let source = &self.pipeline.nodes[source];
        let (message, hint) = match grade {
            Compatibility::Exact | Compatibility::Widening => return,
            Compatibility::Narrowing if node.narrow => return,
            Compatibility::Narrowing => (
                format!(
                    "{} expects `{expected}`, and {} gives `{given}`, which is more general",
                    shown(node),
                    shown(source)
                ),
                "if it is of that kind here, say so: `narrow: true`".to_owned(),
            ),
            Compatibility::Mismatch => (
                format!("{} expects `{expected}`, but {} gives `{given}`", shown(node), shown(source)),
                self.bridge(given, &expected, source, node),
            ),
        };
        self.problems.push(Problem::error(node.at.node, format!("nodes.{}", node.name), message).hint(hint));
    }

    /// An action that makes of `given` what is `expected`.
    fn bridge(&self, given: &str, expected: &str, from: &Node, to: &Node) -> String {
        let sound = |grade: Compatibility| matches!(grade, Compatibility::Exact | Compatibility::Widening);
        let found = self.offers.all.iter().find(|offer| {
            let (Some(input), Some(output)) = (&offer.input, &offer.output) else { return false };
            sound(self.offers.types.fits(given, input)) && sound(self.offers.types.fits(output, expected))
        });
        match found {
            Some(offer) => {
                let (action, code) = (name_of(offer), &offer.plugin.config().code);
                let named = self.pipeline.nodes.iter().find(|node| node.plugin_text.ends_with(code.as_str()));
                let plugin = named.map_or(code.as_str(), |node| node.plugin_text.as_str());
                format!(
                    "action `{action}` of `{code}` converts it: put `{action}: {{plugin: {plugin}, action: {action}}}` \
                     between `{}` and `{}`",
                    from.name, to.name
                )
            }
            None => format!("put an action between them that makes `{expected}` of `{given}`"),
        }
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

fn rank(grade: Compatibility) -> u8 {
    match grade {
        Compatibility::Exact => 0,
        Compatibility::Widening => 1,
        Compatibility::Narrowing => 2,
        Compatibility::Mismatch => 3,
    }
}

fn path(node: &Node, part: &str) -> String {
    format!("nodes.{}.{part}", node.name)
}

/// A node as messages name it: `train (train of ../classifier)`.
fn shown(node: &Node) -> String {
    format!("`{}` ({} of {})", node.name, node.action, node.plugin_text)
}

impl Plan {
    /// The values of the inputs: those given, else their defaults.
    ///
    /// # Errors
    /// [`Validation`](ErrorKind::Validation) with every input that is missing,
    /// unknown or of the wrong type.
    pub fn inputs(
        &self,
        given: &serde_json::Map<String, Value>,
    ) -> Result<serde_json::Map<String, Value>, PluginError> {
        let mut all = serde_json::Map::new();
        let mut wrong = Vec::new();
        let mut note = |name: &str, rule: &str, given: &Value, allowed: Value, message: String| {
            let pointer = format!("/{name}");
            wrong.push(json!({ "pointer": pointer, "rule": rule, "given": given, "allowed": allowed, "message": message }));
        };
        for input in &self.pipeline.inputs {
            match given.get(&input.name).or(input.default.as_ref()) {
                Some(value) => {
                    if let Some(kind) = input.kind.filter(|kind| !kind.admits(value)) {
                        note(
                            &input.name,
                            "type",
                            value,
                            kind.as_str().into(),
                            format!("expected {kind}, not {value}"),
                        );
                    }
                    all.insert(input.name.clone(), value.clone());
                }
                None => {
                    let message = format!("the input is missing: give it with -P {}=…", input.name);
                    note(&input.name, "required", &Value::Null, Value::Null, message);
                }
            }
        }
        let names: Vec<&str> = self.pipeline.inputs.iter().map(|input| input.name.as_str()).collect();
        for (name, value) in given.iter().filter(|(name, _)| !names.contains(&name.as_str())) {
            let near = nearest(name, names.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
            let message = format!("the pipeline has no such input{}", near.unwrap_or_default());
            note(name, "additionalProperties", value, json!(names), message);
        }
        if wrong.is_empty() {
            return Ok(all);
        }
        let lines = wrong.iter().map(|one| {
            format!(
                "\n{}: {}",
                one["pointer"].as_str().unwrap_or_default(),
                one["message"].as_str().unwrap_or_default()
            )
        });
        let message = format!(
            "inputs of `{}`: {} violations{}",
            self.pipeline.name,
            wrong.len(),
            lines.collect::<String>()
        );
        Err(PluginError::new(ErrorKind::Validation, message).details(Value::Array(wrong)))
    }

    /// A JSON Schema of the inputs.
    pub fn inputs_schema(&self) -> Value {
        let of =
            |kind: Option<InputType>| kind.map_or_else(|| json!({}), |kind| json!({ "type": kind.as_str() }));
        let properties = self.pipeline.inputs.iter().map(|input| (input.name.clone(), of(input.kind)));
        json!({ "type": "object", "properties": properties.collect::<serde_json::Map<_, _>>() })
    }
}
