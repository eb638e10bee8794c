//! What is known of values before anything runs: their types.

use serde_json::Value;
use synapse_sdk::schema::types::{self, Field, Types};

use super::{Checker, shown};
use crate::pipeline::expression::{Expression, Head, Path};
use crate::pipeline::model::Node;

/// What is known of a value.
pub(super) struct Known {
    pub(super) types: Types,
}

impl Checker<'_> {
    pub(super) fn known(&self, node: &Node, way: &Path) -> Option<Known> {
        self.follow(node, way).ok().flatten()
    }

    /// ` of the result of …`, for messages.
    pub(super) fn source(&self, way: &Path) -> String {
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
    pub(super) fn follow(&self, node: &Node, way: &Path) -> Result<Option<Known>, (String, Vec<String>)> {
        let start = match &way.head {
            Head::Input(name) => self.of_input(name),
            Head::Index => Some(Known { types: Types::INTEGER }),
            Head::Run(_) => Some(Known { types: Types::TEXT }),
            Head::Item => self.of_item(node),
            Head::Node(name) => return self.of_node(name, &way.rest),
        };
        Ok(start.map(|known| if way.rest.is_empty() { known } else { Known { types: Types::ANY } }))
    }

    pub(super) fn of_input(&self, name: &str) -> Option<Known> {
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

    pub(super) fn of_node(
        &self,
        name: &str,
        rest: &[String],
    ) -> Result<Option<Known>, (String, Vec<String>)> {
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
}
