//! The lines that show one step on a terminal.

use std::fmt::Write;
use std::time::Duration;

use anstyle::Style;

use super::figures::{countdown, duration};
use super::look::{ACCENT, BAD, DIM, GOOD, Look, PLAIN};
use super::step::{End, Reported, Step};
use super::text::{cut, pad, width};

/// A name longer than this is cut.
const NAME_COLUMNS: usize = 24;
/// Of a mark and the space behind it.
const MARK_COLUMNS: usize = 2;
/// Between two columns.
const GAP: &str = "  ";
/// Of ` 40%`.
const PERCENT_COLUMNS: usize = 4;
/// Of the longest usual time, `12 s so far` or `59:59 left`.
const TIME_COLUMNS: usize = 11;
/// A bar with fewer columns says too little.
const SHORTEST_BAR: usize = 5;
/// Before metrics on a line of their own.
const INDENT: usize = 4;

/// What the lines of all steps have in common, so that they stand in columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    look: Look,
    /// No line is wider.
    columns: usize,
    name: usize,
    /// Zero for no bar.
    bar: usize,
    /// Zero for no count.
    count: usize,
}

/// One line of text in styles, never wider than the layout allows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) width: usize,
}

impl Layout {
    /// Where there is no room for all, the count goes first, then the bar.
    pub(super) fn new(look: Look, columns: usize, steps: &[Step]) -> Self {
        let longest = steps.iter().map(|step| width(&step.name)).max().unwrap_or(0);
        let name = longest.min(NAME_COLUMNS).min(columns / 3);
        let rest =
            columns.saturating_sub(MARK_COLUMNS + name + PERCENT_COLUMNS + TIME_COLUMNS + 2 * GAP.len());
        let counts = steps
            .iter()
            .filter(|step| !step.is_done())
            .filter_map(|step| step.progress.map(count))
            .map(|count| width(&count));
        let count = counts.max().filter(|count| count + SHORTEST_BAR + 2 * GAP.len() <= rest).unwrap_or(0);
        let taken = if count > 0 { count + 2 * GAP.len() } else { GAP.len() };
        let bar = rest.saturating_sub(taken).min(longest_bar(columns));
        Self { look, columns, name, bar: if bar < SHORTEST_BAR { 0 } else { bar }, count }
    }

    fn line(self) -> LineInMaking {
        LineInMaking { layout: self, line: Line { text: String::new(), width: 0 } }
    }
}

struct LineInMaking {
    layout: Layout,
    line: Line,
}

impl LineInMaking {
    fn push(&mut self, style: Style, text: &str) -> &mut Self {
        let look = self.layout.look;
        let text = cut(text, self.columns_left(), look.marks().cut);
        self.line.width += width(&text);
        self.line.text.push_str(&look.paint(style, &text));
        self
    }

    fn columns_left(&self) -> usize {
        self.layout.columns - self.line.width
    }
}

fn longest_bar(columns: usize) -> usize {
    match columns {
        ..50 => 8,
        50..70 => 12,
        70..100 => 20,
        _ => 30,
    }
}

/// The lines of `step` at `now`: what is done and how long it takes, then its
/// metrics, below where there is no room beside.
pub(super) fn step_lines(step: &Step, layout: Layout, now: Duration) -> Vec<Line> {
    let mut line = layout.line();
    push_name(&mut line, step);
    match (step.end, step.progress) {
        (Some(End::Done(at)), _) => push_done(&mut line, at.saturating_sub(step.started)),
        (Some(End::Failed(at)), reported) => {
            push_failed(&mut line, reported, at.saturating_sub(step.started))
        }
        (None, Some(reported)) => push_running(&mut line, step, reported, now),
        (None, None) => {}
    }
    if step.metrics.is_empty() {
        return vec![line.line];
    }
    let metrics = metrics(step, layout.look);
    let room = width(&metrics) + GAP.len() <= line.columns_left();
    // Once below they stay below: a digit more or less must not move them to and fro.
    if room && (step.end.is_some() || !step.metrics_below) {
        line.push(PLAIN, GAP).push(PLAIN, &metrics);
        return vec![line.line];
    }
    let mut below = layout.line();
    below.push(PLAIN, &" ".repeat(INDENT)).push(PLAIN, &metrics);
    vec![line.line, below.line]
}

fn push_name(line: &mut LineInMaking, step: &Step) {
    let marks = line.layout.look.marks();
    let (mark, style) = match step.end {
        Some(End::Done(_)) => (marks.success, GOOD),
        Some(End::Failed(_)) => (marks.failure, BAD),
        None => (" ", PLAIN),
    };
    let columns = line.layout.name;
    let name = pad(&cut(&step.name, columns, marks.cut), columns);
    line.push(style, mark).push(PLAIN, " ").push(PLAIN, &name);
}

fn push_done(line: &mut LineInMaking, took: Duration) {
    line.push(PLAIN, GAP).push(DIM, &duration(took.as_secs_f64()));
}

fn push_failed(line: &mut LineInMaking, reported: Option<Reported>, took: Duration) {
    if let Some(reported) = reported {
        push_share(line, reported);
    }
    line.push(PLAIN, GAP).push(BAD, &format!("stopped after {}", duration(took.as_secs_f64())));
}

fn push_running(line: &mut LineInMaking, step: &Step, reported: Reported, now: Duration) {
    if line.layout.bar > 0 {
        line.push(PLAIN, GAP);
        push_bar(line, reported.progress.percent, line.layout.bar);
    }
    push_share(line, reported);
    let time = match reported.seconds_left(now) {
        Some(seconds) => format!("{} left", countdown(seconds)),
        None => format!("{} so far", countdown(now.saturating_sub(step.started).as_secs_f64())),
    };
    line.push(PLAIN, GAP).push(DIM, &time);
}

fn push_share(line: &mut LineInMaking, reported: Reported) {
    let percent = format!("{:>PERCENT_COLUMNS$}", format!("{}%", reported.progress.percent as u64));
    line.push(PLAIN, GAP).push(PLAIN, &percent);
    let columns = line.layout.count;
    if columns > 0 {
        line.push(PLAIN, GAP).push(PLAIN, &format!("{:>columns$}", count(reported)));
    }
}

/// ` 4/10`, as wide at the step's start as at its end.
fn count(reported: Reported) -> String {
    let total = reported.progress.total.to_string();
    format!("{:>columns$}/{total}", reported.progress.current, columns = total.len())
}

fn push_bar(line: &mut LineInMaking, percent: f64, columns: usize) {
    let marks = line.layout.look.marks();
    let halves = (percent.clamp(0.0, 100.0) / 100.0 * (columns * 2) as f64) as usize;
    let (full, half) = (halves / 2, halves % 2);
    let done = marks.bar_done.repeat(full) + &marks.bar_half.repeat(half);
    line.push(ACCENT, &done).push(DIM, &marks.bar_open.repeat(columns - full - half));
}

fn metrics(step: &Step, look: Look) -> String {
    let mut text = String::new();
    for (name, value) in &step.metrics {
        let between = if text.is_empty() { "" } else { look.marks().between };
        // Writing to a String cannot fail.
        let _ = write!(text, "{between}{name} {value}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use synapse_sdk::events::Progress;

    fn second(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn train(current: u64) -> Step {
        let mut step = Step::new("train", second(0));
        let percent = current as f64 * 10.0;
        let progress = Progress { current, total: 10, percent, time_remaining: Some(72.0), overall: percent };
        step.report(progress, second(5));
        step
    }

    fn with_metrics(mut step: Step) -> Step {
        step.measure(vec![("loss".into(), "0.412".into()), ("accuracy".into(), "0.93".into())]);
        step
    }

    fn shown(step: &Step, columns: usize, unicode: bool) -> Vec<String> {
        let look = Look { color: false, unicode };
        let layout = Layout::new(look, columns, std::slice::from_ref(step));
        let lines = step_lines(step, layout, second(7));
        assert!(lines.iter().all(|line| line.width <= columns), "{lines:?}");
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn a_running_step_has_a_bar_its_share_the_time_left_and_metrics() {
        let step = with_metrics(train(4));
        let expected =
            "  train  ━━━━━━━━━━━━──────────────────   40%   4/10  1:10 left  loss 0.412 · accuracy 0.93";
        assert_eq!(shown(&step, 120, true), [expected]);
    }

    #[test]
    fn metrics_move_below_where_the_line_is_too_narrow() {
        assert_eq!(
            shown(&with_metrics(train(4)), 59, true),
            ["  train  ━━━━╸───────   40%   4/10  1:10 left", "    loss 0.412 · accuracy 0.93"]
        );
    }

    #[test]
    fn lines_are_cut_not_wrapped_even_on_tiny_terminals() {
        assert_eq!(shown(&with_metrics(train(4)), 19, true), ["  train   40%  1:1…", "    loss 0.412 · a…"]);
        for columns in 0..20 {
            shown(&with_metrics(train(4)), columns, true);
        }
    }

    #[test]
    fn where_not_all_has_room_the_count_goes_first_then_the_bar() {
        assert_eq!(shown(&train(4), 41, true), ["  train  ━━────   40%   4/10  1:10 left"]);
        assert_eq!(shown(&train(4), 34, true), ["  train  ━━────   40%  1:10 left"]);
        assert_eq!(shown(&train(4), 30, true), ["  train   40%  1:10 left"]);
    }

    #[test]
    fn without_utf8_it_is_ascii() {
        assert_eq!(shown(&train(5), 60, false), ["  train  ######......   50%   5/10  1:10 left"]);
    }

    #[test]
    fn an_ended_step_tells_how_it_ended_and_how_long_it_took() {
        assert_eq!(shown(&with_metrics(train(10)), 80, true), ["✓ train  5.0 s  loss 0.412 · accuracy 0.93"]);
        let mut failed = train(4);
        failed.finish(false, second(7));
        assert_eq!(shown(&failed, 80, true), ["✗ train   40%   4/10  stopped after 7.0 s"]);
        let mut ended_early = train(4);
        ended_early.finish(true, second(7));
        assert_eq!(shown(&ended_early, 80, true), ["✓ train  7.0 s"]);
    }

    #[test]
    fn a_step_without_an_estimate_shows_the_time_it_has_taken() {
        let mut step = Step::new("load", second(1));
        let progress = Progress { current: 0, total: 5, percent: 0.0, time_remaining: None, overall: 0.0 };
        step.report(progress, second(1));
        assert_eq!(shown(&step, 60, true), ["  load  ────────────    0%  0/5  6.0 s so far"]);
    }
}
