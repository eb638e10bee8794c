//! What is shown while a pipeline runs: on a terminal its nodes, redrawn in
//! place; elsewhere a line for each thing that happens.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use synapse_sdk::events::{Event, EventBody, Level};

use super::super::output::look::{ACCENT, BAD, BOLD, DIM, GOOD, Look, PLAIN, WARN};
use super::super::output::{Output, Shown, duration, table};
use super::super::run_action::Signals;
use crate::pipeline::{Lines, News, NodeStatus, Plan, Report, Task, Watcher, tree};

/// Between two frames.
const FRAME: Duration = Duration::from_millis(100);

/// See the module.
pub(super) struct Board<'a> {
    output: &'a mut Output,
    signals: &'a Signals,
    nodes: Vec<Row>,
    /// The nodes as they are drawn, with what stands before their names.
    order: Vec<(usize, String)>,
    drawn: usize,
    last: Option<Instant>,
    begun: Instant,
    told_to_stop: bool,
}

/// A node on the board.
struct Row {
    name: String,
    status: Option<NodeStatus>,
    begun: Option<Instant>,
    elapsed: Duration,
    percent: HashMap<Option<usize>, f64>,
    message: String,
    items: Option<usize>,
    items_done: usize,
    attempt: u32,
}

impl<'a> Board<'a> {
    pub(super) fn new(plan: &Plan, output: &'a mut Output, signals: &'a Signals) -> Self {
        let nodes = plan.pipeline.nodes.iter().map(|node| Row {
            name: node.name.clone(),
            status: None,
            begun: None,
            elapsed: Duration::ZERO,
            percent: HashMap::new(),
            message: String::new(),
            items: None,
            items_done: 0,
            attempt: 1,
        });
        let nodes: Vec<Row> = nodes.collect();
        let lines = Lines::new(output.stderr_look().unicode);
        let margin = |(node, line): (usize, String)| {
            let name = &plan.pipeline.nodes[node].name;
            let end = line.find(&format!("{name}  ")).unwrap_or(0);
            (node, line[..end].trim_end_matches(['●', '*', ' ']).to_owned())
        };
        let order = tree(plan, lines).into_iter().map(margin).collect();
        let begun = Instant::now();
        Self { output, signals, nodes, order, drawn: 0, last: None, begun, told_to_stop: false }
    }

    /// The last frame, and a table of what happened.
    pub(super) fn finish(&mut self, report: &Report) {
        if self.output.shown() == Shown::Live {
            self.erase();
        }
        if matches!(self.output.shown(), Shown::Live | Shown::Plain) {
            let text = summary(report, self.output.stderr_look(), self.columns());
            self.output.tell(&text);
        }
    }

    fn columns(&self) -> Option<usize> {
        match self.output.shown() {
            Shown::Live => Some(size().0),
            _ => None,
        }
    }

    fn take(&mut self, news: News) {
        match self.output.shown() {
            Shown::Hidden => {}
            Shown::Json => self.json(&news),
            Shown::Plain => self.plain(&news),
            Shown::Live => self.above(&news),
        }
        self.note(news);
    }

    /// What the board remembers.
    fn note(&mut self, news: News) {
        match news {
            News::Started { task, attempt } => {
                let row = &mut self.nodes[task.0];
                row.begun.get_or_insert_with(Instant::now);
                row.attempt = row.attempt.max(attempt);
            }
            News::Said { task, events } => {
                let row = &mut self.nodes[task.0];
                for event in events {
                    match event.body {
                        EventBody::Progress(progress) => drop(row.percent.insert(task.1, progress.overall)),
                        EventBody::Message { text, .. } => {
                            row.message = text.lines().next().unwrap_or_default().to_owned();
                        }
                        _ => {}
                    }
                }
            }
            News::Items { node, count } => self.nodes[node].items = Some(count),
            News::Item { task, .. } => {
                let row = &mut self.nodes[task.0];
                row.items_done += 1;
                row.percent.remove(&task.1);
            }
            News::Again { task, error } => self.nodes[task.0].message = format!("again after: {error}"),
            News::Ended { node, status, elapsed } => {
                let row = &mut self.nodes[node];
                (row.status, row.elapsed) = (Some(status), elapsed);
            }
            News::RolledBack { .. } => {}
        }
    }

    fn label(&self, task: Task) -> String {
        let name = &self.nodes[task.0].name;
        task.1.map_or_else(|| name.clone(), |item| format!("{name}[{item}]"))
    }

    /// A line for each thing.
    fn plain(&mut self, news: &News) {
        let text = match news {
            News::Started { task, attempt: 1 } => format!("{} started", self.label(*task)),
            News::Started { task, attempt } => format!("{} started, attempt {attempt}", self.label(*task)),
            News::Said { task, events } => {
                let label = self.label(*task);
                for (level, text) in messages(events) {
                    let level = if level >= Level::Warning { format!("{level}: ") } else { String::new() };
                    self.output.note(&format!("{label}: {level}{text}"));
                }
                return;
            }
            News::Again { task, error } => {
                format!("{} failed and is tried again: {error}", self.label(*task))
            }
            News::Item { task, failed } => {
                format!("{} {}", self.label(*task), if *failed { "failed" } else { "done" })
            }
            News::Items { node, count } => format!("{} runs for {count} elements", self.nodes[*node].name),
            News::Ended { node, status, elapsed } => {
                let time = if elapsed.is_zero() {
                    String::new()
                } else {
                    format!(" in {}", duration(elapsed.as_secs_f64()))
                };
                format!("{} {}{time}", self.nodes[*node].name, words(*status))
            }
            News::RolledBack { node, error: None } => format!("{} rolled back", self.nodes[*node].name),
            News::RolledBack { node, error: Some(error) } => {
                format!("{} not rolled back: {error}", self.nodes[*node].name)
            }
        };
        self.output.note(&text);
    }

    /// Of a live board, what stays above it: what may be wrong.
    fn above(&mut self, news: &News) {
        let text = match news {
            News::Said { task, events } => {
                let label = self.label(*task);
                let bad = messages(events).filter(|(level, _)| *level >= Level::Warning);
                bad.map(|(level, text)| format!("{label}: {level}: {text}\n")).collect::<String>()
            }
            News::Again { task, error } => {
                format!("{} failed and is tried again: {error}\n", self.label(*task))
            }
            News::RolledBack { .. } => return self.plain_above(news),
            _ => return,
        };
        if !text.is_empty() {
            self.erase();
            let look = self.output.stderr_look();
            self.output.tell(
                &text
                    .lines()
                    .map(|line| look.paint(WARN, super::super::output::one_line(line)).to_string() + "\n")
                    .collect::<String>(),
            );
        }
    }

    fn plain_above(&mut self, news: &News) {
        self.erase();
        self.plain(news);
    }

    /// One line of JSON for each thing; what nodes say keeps its form, with the
    /// node beside it.
    fn json(&mut self, news: &News) {
        let data = match news {
            News::Said { task, events } => {
                let label = self.label(*task);
                for event in events {
                    let Ok(Value::Object(mut line)) = serde_json::to_value(event) else { continue };
                    line.insert("node".to_owned(), label.clone().into());
                    self.output.tell(&format!("{}\n", Value::Object(line)));
                }
                return;
            }
            News::Started { task, attempt } => {
                json!({ "node": self.label(*task), "status": "started", "attempt": attempt })
            }
            News::Again { task, error } => {
                json!({ "node": self.label(*task), "status": "again", "error": error })
            }
            News::Item { task, failed } => {
                json!({ "node": self.label(*task), "status": if *failed { "failed" } else { "succeeded" } })
            }
            News::Items { node, count } => {
                json!({ "node": self.nodes[*node].name, "status": "elements", "count": count })
            }
            News::Ended { node, status, elapsed } => {
                json!({ "node": self.nodes[*node].name, "status": status.as_str(), "ms": elapsed.as_secs_f64() * 1e3 })
            }
            News::RolledBack { node, error } => {
                json!({ "node": self.nodes[*node].name, "status": "rolled_back", "error": error })
            }
        };
        let data = data.to_string().into();
        let body = EventBody::Log { name: "node".into(), level: Level::Info, data, file: None };
        self.output.event(&Event::now(None, body));
    }

    fn erase(&mut self) {
        if self.drawn > 0 {
            self.output.tell(&format!("\r\x1b[{}A\x1b[J", self.drawn));
            self.drawn = 0;
        }
    }

    fn draw(&mut self) {
        if self.last.is_some_and(|last| last.elapsed() < FRAME) {
            return;
        }
        self.last = Some(Instant::now());
        let (columns, rows) = size();
        let lines = self.lines(columns.saturating_sub(1), rows.saturating_sub(1).max(2));
        let mut text = String::new();
        if self.drawn > 0 {
            let _ = write!(text, "\r\x1b[{}A", self.drawn);
        }
        for line in &lines {
            text.push_str(line);
            text.push_str("\x1b[K\n");
        }
        if lines.len() < self.drawn {
            text.push_str("\x1b[J");
        }
        self.drawn = lines.len();
        self.output.tell(&text);
    }

    fn lines(&self, columns: usize, rows: usize) -> Vec<String> {
        let look = self.output.stderr_look();
        let wide = self
            .order
            .iter()
            .map(|(node, margin)| margin.chars().count() + self.nodes[*node].name.len())
            .max();
        let wide = wide.unwrap_or(0).min(40) + 2;
        let fits = self.order.len() < rows;
        // Where not all fit, those that run are of interest.
        let shown = self.order.iter().filter(|(node, _)| {
            let row = &self.nodes[*node];
            fits || (row.begun.is_some() && row.status.is_none())
                || row.status.is_some_and(|status| !status.is_good())
        });
        let mut lines: Vec<String> = shown
            .take(rows - 1)
            .map(|(node, margin)| self.nodes[*node].line(if fits { margin } else { "" }, wide, columns, look))
            .collect();
        let done = self.nodes.iter().filter(|row| row.status.is_some()).count();
        let running = self.nodes.iter().filter(|row| row.begun.is_some() && row.status.is_none()).count();
        let text = format!(
            "{done} of {} nodes{}{running} running{}{}",
            self.nodes.len(),
            look.marks().between,
            look.marks().between,
            duration(self.begun.elapsed().as_secs_f64())
        );
        lines.push(look.paint(DIM, text).to_string());
        lines
    }
}

impl Row {
    fn line(&self, margin: &str, wide: usize, columns: usize, look: Look) -> String {
        const BAR: usize = 16;
        let (mark, style) = match self.status {
            Some(status) => mark_of(status, look),
            None if self.begun.is_some() => (if look.unicode { "●" } else { ">" }, ACCENT),
            None => (if look.unicode { "○" } else { "." }, DIM),
        };
        let state = match (self.status, self.begun, self.items) {
            (Some(status), ..) => words(status).to_owned(),
            (None, Some(_), Some(items)) => format!("{} of {items}", self.items_done),
            (None, Some(_), None) => {
                self.percent.get(&None).map_or_else(String::new, |percent| format!("{percent:.0} %"))
            }
            (None, None, _) => String::new(),
        };
        let time = match (self.status, self.begun) {
            (Some(_), _) if self.elapsed.is_zero() => String::new(),
            (Some(_), _) => duration(self.elapsed.as_secs_f64()),
            (None, Some(begun)) => duration(begun.elapsed().as_secs_f64()),
            (None, None) => String::new(),
        };
        let margin_wide = margin.chars().count();
        let name_wide = wide.saturating_sub(margin_wide);
        let Some(room) = columns.checked_sub(margin_wide + 2 + name_wide + 1 + 10 + 1 + 9 + 2) else {
            // A line that wraps could not be drawn over.
            let name: String = self.name.chars().take(columns.saturating_sub(margin_wide + 2)).collect();
            return format!("{}{} {name}", look.paint(DIM, margin), look.paint(style, mark));
        };
        let bar_wide = BAR.min(room);
        let bar = match (self.status, self.begun) {
            (None, Some(_)) => bar(look, self.part(), bar_wide),
            _ => " ".repeat(bar_wide),
        };
        let message =
            if self.status.is_none() { super::super::output::one_line(&self.message) } else { String::new() };
        let message: String = message.chars().take(room - bar_wide).collect();
        format!(
            "{}{} {:name_wide$}{} {:<10} {:>9}  {}",
            look.paint(DIM, margin),
            look.paint(style, mark),
            self.name,
            look.paint(ACCENT, bar),
            state,
            time,
            look.paint(DIM, message)
        )
    }

    /// How much of it is done, from 0 to 1.
    fn part(&self) -> f64 {
        let running: f64 = self.percent.values().sum::<f64>() / 100.0;
        match self.items {
            Some(items) => (self.items_done as f64 + running) / items.max(1) as f64,
            None => running,
        }
    }
}

impl Watcher for Board<'_> {
    fn news(&mut self, news: Vec<News>) {
        for one in news {
            self.take(one);
        }
        if self.signals.count() > 0 && !self.told_to_stop {
            self.told_to_stop = true;
            self.erase();
            self.output.note("stopping; once more ends it at once");
        }
        if self.output.shown() == Shown::Live {
            self.draw();
        }
    }

    fn stop(&self) -> usize {
        self.signals.count()
    }
}

fn bar(look: Look, part: f64, wide: usize) -> String {
    let done = ((part.clamp(0.0, 1.0) * wide as f64).round() as usize).min(wide);
    let marks = look.marks();
    format!("{}{}", marks.bar_done.repeat(done), marks.bar_open.repeat(wide - done))
}

fn messages<'e>(events: &'e [Event<'static>]) -> impl Iterator<Item = (Level, &'e str)> {
    events.iter().filter_map(|event| match &event.body {
        EventBody::Message { level, text } => Some((*level, &**text)),
        _ => None,
    })
}

fn words(status: NodeStatus) -> &'static str {
    match status {
        NodeStatus::Succeeded => "done",
        NodeStatus::Cached => "cached",
        NodeStatus::Kept => "kept",
        NodeStatus::Skipped => "skipped",
        NodeStatus::Failed => "failed",
        NodeStatus::TimedOut => "timed out",
        NodeStatus::Crashed => "crashed",
        NodeStatus::Cancelled => "cancelled",
        NodeStatus::NotRun => "not run",
    }
}

fn mark_of(status: NodeStatus, look: Look) -> (&'static str, anstyle::Style) {
    let marks = look.marks();
    match status {
        NodeStatus::Succeeded | NodeStatus::Cached | NodeStatus::Kept => (marks.success, GOOD),
        NodeStatus::Skipped | NodeStatus::NotRun => ("-", DIM),
        NodeStatus::Cancelled => (marks.warning, WARN),
        NodeStatus::Failed | NodeStatus::TimedOut | NodeStatus::Crashed => (marks.failure, BAD),
    }
}

/// Columns and rows of the terminal behind stderr.
fn size() -> (usize, usize) {
    match terminal_size::terminal_size_of(std::io::stderr()) {
        Some((columns, rows)) => (columns.0.into(), rows.0.into()),
        None => (80, 24),
    }
}

/// The table at the end.
fn summary(report: &Report, look: Look, columns: Option<usize>) -> String {
    const MOST: usize = 60;
    let notable = |status: NodeStatus| !status.is_good();
    let all = report.nodes.len();
    let rows: Vec<(NodeStatus, Vec<String>)> = report
        .nodes
        .iter()
        .filter(|node| all <= MOST || notable(node.status))
        .take(MOST)
        .map(|node| {
            let (mark, _) = mark_of(node.status, look);
            let time =
                if node.elapsed.is_zero() { String::new() } else { duration(node.elapsed.as_secs_f64()) };
            let mut notes = Vec::new();
            notes.extend(node.items.map(|items| format!("{items} elements")));
            notes.extend((node.attempts > 1).then(|| format!("attempt {}", node.attempts)));
            notes.extend(node.rolled_back.then(|| "rolled back".to_owned()));
            notes.extend(node.error.as_ref().map(ToString::to_string));
            let row =
                vec![format!("{mark} {}", node.name), words(node.status).to_owned(), time, notes.join(", ")];
            (node.status, row)
        })
        .collect();
    let cells: Vec<Vec<String>> = rows.iter().map(|(_, row)| row.clone()).collect();
    let text = table(&["  NODE", "STATUS", "TIME", ""], &cells, columns);
    let mut painted = String::new();
    for (index, line) in text.lines().enumerate() {
        let style = match index.checked_sub(1).and_then(|index| rows.get(index)) {
            None => DIM,
            Some((status, _)) if *status == NodeStatus::Succeeded => PLAIN,
            Some((status, _)) => mark_of(*status, look).1,
        };
        let _ = writeln!(painted, "{}", look.paint(style, line));
    }
    if all > rows.len() {
        let _ = writeln!(painted, "  and {} more that are fine", all - rows.len());
    }
    let (mark, style) = match report.status {
        crate::record::Status::Succeeded => (look.marks().success, GOOD),
        _ => (look.marks().failure, BAD),
    };
    let _ = writeln!(
        painted,
        "{} {} {} in {}{}",
        look.paint(style, mark),
        look.paint(BOLD, &report.name),
        report.status.as_str().replace('_', " "),
        duration(report.elapsed.as_secs_f64()),
        look.paint(DIM, format!("{}run {}", look.marks().between, report.id))
    );
    painted
}
