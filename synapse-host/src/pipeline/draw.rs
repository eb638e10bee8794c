//! A pipeline's graph for people and programs.

use std::fmt::Write;

use serde_json::{Value, json};

use super::check::Plan;
use super::expression::Expression;
use super::model::Node;

/// Characters that lines are made of.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    branch: &'static str,
    last: &'static str,
    through: &'static str,
    dot: &'static str,
    times: &'static str,
}

impl Lines {
    /// Those of a terminal that shows Unicode, or ASCII ones.
    pub fn new(unicode: bool) -> Self {
        match unicode {
            true => Self { branch: "├─ ", last: "└─ ", through: "│  ", dot: "●", times: "×" },
            false => Self { branch: "|- ", last: "`- ", through: "|  ", dot: "*", times: "x" },
        }
    }
}

/// The graph as a tree: a node stands below the last one it waits for, and
/// names the others. Each line comes with the position of its node.
pub fn tree(plan: &Plan, lines: Lines) -> Vec<(usize, String)> {
    let graph = &plan.graph;
    let place: Vec<usize> = {
        let mut place = vec![0; graph.order.len()];
        graph.order.iter().enumerate().for_each(|(at, node)| place[*node] = at);
        place
    };
    let parent = |node: usize| graph.before[node].iter().copied().max_by_key(|earlier| place[*earlier]);
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); graph.order.len()];
    let mut roots = Vec::new();
    for node in &graph.order {
        match parent(*node) {
            Some(parent) => children[parent].push(*node),
            None => roots.push(*node),
        }
    }
    let mut drawn = Vec::new();
    // By hand: a chain of thousands of nodes would exhaust the stack.
    let mut stack: Vec<(usize, String, Option<bool>)> =
        roots.into_iter().rev().map(|node| (node, String::new(), None)).collect();
    while let Some((node, margin, is_last)) = stack.pop() {
        let joint = is_last.map_or("", |last| if last { lines.last } else { lines.branch });
        let others = graph.before[node].iter().filter(|earlier| Some(**earlier) != parent(node));
        let others: Vec<&str> = others.map(|earlier| plan.pipeline.nodes[*earlier].name.as_str()).collect();
        let also =
            if others.is_empty() { String::new() } else { format!("  (after {} too)", others.join(", ")) };
        let dot = lines.dot;
        let label = label(&plan.pipeline.nodes[node], lines.times);
        drawn.push((node, format!("{margin}{joint}{dot} {label}{also}")));
        let below = match is_last {
            None => String::new(),
            Some(true) => format!("{margin}   "),
            Some(false) => format!("{margin}{}", lines.through),
        };
        // One child goes straight on: a chain stays a column.
        let count = children[node].len();
        for (index, child) in children[node].iter().enumerate().rev() {
            stack.push((*child, below.clone(), Some(index + 1 == count)));
        }
    }
    drawn
}

fn label(node: &Node, times: &str) -> String {
    let mut text = format!("{}  {} {}", node.name, node.plugin_text, node.action);
    if let Some(list) = &node.for_each {
        let what = match list {
            Expression::Literal(Value::Array(items)) => items.len().to_string(),
            Expression::Reference(reference) => {
                reference.paths.first().map(ToString::to_string).unwrap_or_default()
            }
            _ => "each".to_owned(),
        };
        let _ = write!(text, "  {times} {what}");
    }
    if node.condition.is_some() {
        text.push_str("  if …");
    }
    text
}

/// The graph as JSON: nodes and edges with what flows along them.
pub fn json(plan: &Plan) -> Value {
    let nodes = plan.pipeline.nodes.iter().zip(&plan.offers).enumerate();
    let nodes: Vec<Value> = nodes
        .map(|(index, (node, offer))| {
            let by_name = plan.by_name[index].iter().map(|found| {
                let nodes: Vec<&str> =
                    found.nodes.iter().map(|node| plan.pipeline.nodes[*node].name.as_str()).collect();
                json!({ "field": found.field, "nodes": nodes, "input": found.input })
            });
            json!({
                "name": node.name,
                "plugin": offer.plugin.config().code,
                "action": node.action,
                "mode": node.mode.as_str(),
                "input_type": offer.input,
                "output_type": offer.output,
                "fan_out": node.for_each.is_some(),
                "conditional": node.condition.is_some(),
                "by_name": by_name.collect::<Vec<_>>(),
            })
        })
        .collect();
    let edges = edges(plan).map(|(from, to)| json!({ "from": from, "to": to }));
    json!({ "name": plan.pipeline.name, "nodes": nodes, "edges": edges.collect::<Vec<_>>() })
}

fn edges(plan: &Plan) -> impl Iterator<Item = (&str, &str)> {
    let name = |node: usize| plan.pipeline.nodes[node].name.as_str();
    let before = plan.graph.before.iter().enumerate();
    before.flat_map(move |(to, before)| before.iter().map(move |from| (name(*from), name(to))))
}

/// The graph in the language of Mermaid.
pub fn mermaid(plan: &Plan) -> String {
    let mut text = "flowchart LR\n".to_owned();
    for (index, node) in plan.pipeline.nodes.iter().enumerate() {
        let code = &plan.offers[index].plugin.config().code;
        let action = node.action.replace('"', "#quot;");
        let (open, close) = match (&node.for_each, &node.condition) {
            (Some(_), _) => ("[[", "]]"),
            (None, Some(_)) => ("{{", "}}"),
            (None, None) => ("[", "]"),
        };
        let _ = writeln!(text, "  n{index}{open}\"{}<br/><small>{code} {action}</small>\"{close}", node.name);
    }
    for (to, before) in plan.graph.before.iter().enumerate() {
        before.iter().for_each(|from| {
            let _ = writeln!(text, "  n{from} --> n{to}");
        });
    }
    text
}

const WIDE: usize = 180;
const HIGH: usize = 52;
const GAP_X: usize = 60;
const GAP_Y: usize = 20;
const MARGIN: usize = 20;
/// What fits into a box, in characters.
const MOST_OF_NAME: usize = 19;
const MOST_OF_ACTION: usize = 27;

/// The graph as a picture: columns by depth, from left to right.
pub fn svg(plan: &Plan) -> String {
    let depths = plan.graph.depths();
    let columns = depths.iter().max().map_or(0, |deepest| deepest + 1);
    let mut heights = vec![0; columns];
    let mut at = vec![(0, 0); depths.len()];
    for node in &plan.graph.order {
        let column = depths[*node];
        at[*node] = (MARGIN + column * (WIDE + GAP_X), MARGIN + heights[column] * (HIGH + GAP_Y));
        heights[column] += 1;
    }
    let width = 2 * MARGIN + columns * (WIDE + GAP_X) - GAP_X.min(columns * GAP_X);
    let rows = heights.iter().max().copied().unwrap_or(0);
    let height = 2 * MARGIN + rows * (HIGH + GAP_Y) - GAP_Y.min(rows * GAP_Y);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <title>{}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        escaped(&plan.pipeline.name)
    );
    for (to, before) in plan.graph.before.iter().enumerate() {
        for from in before {
            let ((x1, y1), (x2, y2)) =
                ((at[*from].0 + WIDE, at[*from].1 + HIGH / 2), (at[to].0, at[to].1 + HIGH / 2));
            let bend = (x2 - x1) / 2;
            let _ = writeln!(
                text,
                "<path d=\"M{x1} {y1} C{} {y1} {} {y2} {x2} {y2}\" fill=\"none\" stroke=\"#8a94a6\" stroke-width=\"1.5\"/>",
                x1 + bend,
                x2 - bend
            );
        }
    }
    for (index, node) in plan.pipeline.nodes.iter().enumerate() {
        let ((x, y), code) = (at[index], &plan.offers[index].plugin.config().code);
        let dashes = if node.condition.is_some() { " stroke-dasharray=\"4 3\"" } else { "" };
        if node.for_each.is_some() {
            let _ = writeln!(
                text,
                "<rect x=\"{}\" y=\"{}\" width=\"{WIDE}\" height=\"{HIGH}\" rx=\"6\" fill=\"#fff\" stroke=\"#b8c0cf\"/>",
                x + 4,
                y + 4
            );
        }
        let name = escaped(&short(&node.name, MOST_OF_NAME));
        let what = escaped(&short(&format!("{code} {}", node.action), MOST_OF_ACTION));
        let _ = writeln!(
            text,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{WIDE}\" height=\"{HIGH}\" rx=\"6\" fill=\"#f4f6fa\" stroke=\"#5b6b86\"{dashes}/>\n\
             <text x=\"{}\" y=\"{}\" font-weight=\"bold\" fill=\"#1c2430\">{name}</text>\n\
             <text x=\"{}\" y=\"{}\" fill=\"#5b6b86\" font-size=\"11\">{what}</text>",
            x + 12,
            y + 22,
            x + 12,
            y + 40
        );
    }
    text.push_str("</svg>\n");
    text
}

fn short(text: &str, most: usize) -> String {
    match text.chars().count() > most {
        false => text.to_owned(),
        true => text.chars().take(most - 1).chain(['…']).collect(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
