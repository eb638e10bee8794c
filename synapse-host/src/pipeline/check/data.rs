//! The kinds of data that flow from node to node.

use synapse_sdk::data_type::Compatibility;

use super::{ByName, Checker, shown};
use crate::config::problems::Problem;
use crate::pipeline::expression::{Expression, Head};
use crate::pipeline::model::Node;
use crate::pipeline::offer::name_of;

impl Checker<'_> {
    /// The kind of data that flows into a node. Of the nodes it takes values
    /// from, one has to give what it expects; the others give it side matters.
    pub(super) fn data_type(&mut self, index: usize, by_name: &[ByName]) {
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
}

fn rank(grade: Compatibility) -> u8 {
    match grade {
        Compatibility::Exact => 0,
        Compatibility::Widening => 1,
        Compatibility::Narrowing => 2,
        Compatibility::Mismatch => 3,
    }
}
