//! Which node needs which, and in what order they can run.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::expression::Head;
use super::model::Pipeline;
use crate::config::problems::{Problem, Problems};

/// The nodes of a pipeline by their position in its file.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Of each node, those that have to end before it: what it needs and what
    /// it refers to.
    pub before: Vec<Vec<usize>>,
    /// Of each node, those that wait for it.
    pub after: Vec<Vec<usize>>,
    /// All nodes, each after those before it; else in the order of the file.
    pub order: Vec<usize>,
    ancestors: Vec<Vec<u64>>,
}

impl Graph {
    /// The graph of a pipeline. A cycle becomes a problem.
    pub(crate) fn of(pipeline: &Pipeline, problems: &mut Problems) -> Option<Self> {
        let before = edges(pipeline);
        let mut after = vec![Vec::new(); before.len()];
        for (node, nodes) in before.iter().enumerate() {
            nodes.iter().for_each(|earlier| after[*earlier].push(node));
        }
        let order = ordered(&before, &after);
        if order.len() < before.len() {
            problems.push(cycle(pipeline, &before, &order));
            return None;
        }
        let ancestors = ancestors(&before, &order);
        Some(Self { before, after, order, ancestors })
    }

    /// Whether `earlier` always ends before `later` starts.
    pub fn is_before(&self, earlier: usize, later: usize) -> bool {
        self.ancestors[later][earlier / 64] & (1 << (earlier % 64)) != 0
    }

    /// All nodes that end before `node` starts, the last ones first.
    pub fn ancestors_of(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        self.order.iter().rev().copied().filter(move |earlier| self.is_before(*earlier, node))
    }

    /// Of each node, how many lie before it on the longest way.
    pub fn depths(&self) -> Vec<usize> {
        let mut depths = vec![0; self.before.len()];
        for node in &self.order {
            depths[*node] = self.before[*node].iter().map(|earlier| depths[*earlier] + 1).max().unwrap_or(0);
        }
        depths
    }
}

/// Names that do not exist are told elsewhere.
fn edges(pipeline: &Pipeline) -> Vec<Vec<usize>> {
    let names = pipeline.nodes.iter().enumerate().map(|(index, node)| (node.name.as_str(), index));
    let positions: HashMap<&str, usize> = names.collect();
    let of_node = |node: &super::model::Node| -> Vec<usize> {
        let needed = node.needs.iter().map(|(name, _)| name.as_str());
        let heads = node.heads();
        let referred = heads.iter().flat_map(|(_, _, heads, _)| heads).filter_map(|head| match head {
            Head::Node(name) => Some(name.as_str()),
            _ => None,
        });
        let all: BTreeSet<usize> =
            needed.chain(referred).filter_map(|name| positions.get(name).copied()).collect();
        all.into_iter().collect()
    };
    pipeline.nodes.iter().map(of_node).collect()
}

fn ordered(before: &[Vec<usize>], after: &[Vec<usize>]) -> Vec<usize> {
    let mut waits: Vec<usize> = before.iter().map(Vec::len).collect();
    let mut ready: VecDeque<usize> = (0..before.len()).filter(|node| waits[*node] == 0).collect();
    let mut order = Vec::with_capacity(before.len());
    while let Some(node) = ready.pop_front() {
        order.push(node);
        for later in &after[node] {
            waits[*later] -= 1;
            if waits[*later] == 0 {
                ready.push_back(*later);
            }
        }
    }
    order
}

fn ancestors(before: &[Vec<usize>], order: &[usize]) -> Vec<Vec<u64>> {
    let words = before.len().div_ceil(64);
    let mut all = vec![vec![0_u64; words]; before.len()];
    for node in order {
        let mut own = vec![0_u64; words];
        for earlier in &before[*node] {
            own[earlier / 64] |= 1 << (earlier % 64);
            own.iter_mut().zip(&all[*earlier]).for_each(|(word, theirs)| *word |= theirs);
        }
        all[*node] = own;
    }
    all
}

/// Follows the nodes that wait for one another until one comes again.
fn cycle(pipeline: &Pipeline, before: &[Vec<usize>], order: &[usize]) -> Problem {
    let stuck = |node: &usize| !order.contains(node);
    let mut way: Vec<usize> = Vec::new();
    let mut node = (0..before.len()).find(stuck).unwrap_or_default();
    while !way.contains(&node) {
        way.push(node);
        node = before[node].iter().copied().find(stuck).unwrap_or(node);
    }
    let from = way.iter().position(|passed| *passed == node).unwrap_or(0);
    let mut ring: Vec<usize> = way[from..].iter().rev().copied().collect();
    let first = ring.iter().copied().min().unwrap_or(node);
    while ring[0] != first {
        ring.rotate_left(1);
    }
    ring.push(first);
    let names: Vec<&str> = ring.iter().map(|node| pipeline.nodes[*node].name.as_str()).collect();
    let node = &pipeline.nodes[first];
    Problem::error(node.at.node, format!("nodes.{}", node.name), format!("a cycle: {}", names.join(" → ")))
        .hint("each of them waits for the one before it: take one of the edges out")
}
