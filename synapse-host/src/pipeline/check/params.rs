//! Params that are given: whether the action takes them, and their types.

use std::sync::Arc;

use serde_json::Value;
use synapse_sdk::schema::Schema;
use synapse_sdk::schema::types::{self, Field, Types};
use synapse_sdk::suggest::nearest;

use super::values::Known;
use super::{Checker, path, shown};
use crate::config::problems::{Place, Problem};
use crate::pipeline::expression::{Expression, Path};
use crate::pipeline::file::listed;
use crate::pipeline::model::{Node, Param};

impl Checker<'_> {
    pub(super) fn fan_out(&mut self, node: &Node) {
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
    pub(super) fn param(&mut self, index: usize, param: &Param) {
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
}
