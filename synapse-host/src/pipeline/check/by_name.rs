//! Params that nobody gives, and what has their name.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;
use synapse_sdk::schema::types::{self, Field, Types};

use super::{ByName, Checker, path, shown};
use crate::config::problems::Problem;
use crate::pipeline::model::Node;
use crate::pipeline::offer::Offer;

impl Checker<'_> {
    /// Params that nobody gives and that something of their name could.
    pub(super) fn by_name(&mut self, index: usize, offer: &Offer) -> Vec<ByName> {
        let node = &self.pipeline.nodes[index];
        let given: HashSet<&str> = node.params.iter().map(|param| param.name.as_str()).collect();
        let schema = offer.params();
        let names = types::field_names(schema, schema);
        let open = names.into_iter().filter(|name| !given.contains(name));
        let mut found = Vec::new();
        for field in open {
            let giving = self.giving(field);
            let nodes: Vec<usize> =
                self.graph.ancestors_of(index).filter(|earlier| giving[*earlier]).collect();
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

    /// Of each node, whether its result has that field: looked up once, whoever
    /// asks for it.
    fn giving(&mut self, field: &str) -> Arc<[bool]> {
        if let Some(known) = self.giving.get(field) {
            return Arc::clone(known);
        }
        let nodes = 0..self.pipeline.nodes.len();
        let found: Arc<[bool]> = nodes.map(|node| self.gives(node, field)).collect();
        self.giving.insert(field.to_owned(), Arc::clone(&found));
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
        // What the same action gives is of the same type.
        let mut seen: Vec<*const Offer> = Vec::new();
        let mut is_new = |node: &&usize| {
            let offer = self.offers.nodes[**node].as_ref().map_or(std::ptr::null(), Arc::as_ptr);
            let new = !seen.contains(&offer);
            if new {
                seen.push(offer);
            }
            new
        };
        let nodes: Vec<&usize> = nodes.iter().filter(|node| is_new(node)).collect();
        let wrong =
            nodes.into_iter().filter_map(of_node).chain(of_input()).find(|(_, types)| !types.may_be(wanted));
        if let Some((who, types)) = wrong {
            let message = format!("`{field}` of {} takes {wanted}, but {who} {types}", shown(node));
            let hint = format!("give it: `params: {{{field}: …}}`, or `by_name: false`");
            self.problems.push(Problem::error(node.at.node, path(node, "params"), message).hint(hint));
        }
    }

    pub(super) fn required(&mut self, node: &Node, offer: &Offer, by_name: &[ByName]) {
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
}
