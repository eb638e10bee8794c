//! What a terminal shows: lines that scroll away, and below them the steps of
//! the run, redrawn in place.
//!
//! A screen only makes text; it knows no clock and no device.

use std::fmt::Write;
use std::time::Duration;

use synapse_sdk::events::{Event, EventBody, Level};

use super::bar::{Layout, Line, step_lines};
use super::look::{DIM, Look, PLAIN};
use super::step::{Step, metric_pairs, step_name, words};
use super::text::{clean, cut};

/// Between two frames.
pub(super) const FRAME: Duration = Duration::from_millis(100);

/// Columns and rows of a terminal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

/// See the module. Times count from the start of the output.
#[derive(Debug)]
pub(super) struct Screen {
    look: Look,
    debug: bool,
    size: Size,
    steps: Vec<Step>,
    /// Lines to be written above the steps.
    above: String,
    /// The steps as the terminal shows them now.
    drawn: Vec<Line>,
    last_frame: Option<Duration>,
    urgent: bool,
}

impl Screen {
    pub(super) fn new(look: Look, debug: bool, size: Size) -> Self {
        let (steps, above, drawn) = Default::default();
        Self { look, debug, size, steps, above, drawn, last_frame: None, urgent: false }
    }

    pub(super) fn has_steps(&self) -> bool {
        !self.steps.is_empty()
    }

    /// Takes in an event; it shows with the next [`frame`](Self::frame).
    pub(super) fn event(&mut self, event: &Event<'_>, now: Duration) {
        match &event.body {
            EventBody::Progress(progress) => self.step(step_name(event), now).report(*progress, now),
            EventBody::Metrics { values } => self.step(step_name(event), now).measure(metric_pairs(values)),
            _ => self.words(event),
        }
    }

    pub(super) fn note(&mut self, text: &str) {
        let text = clean(text);
        for line in text.trim_end_matches('\n').split('\n') {
            self.above.push_str(&(self.look.paint(DIM, line) + "\n"));
        }
    }

    /// Ends all steps: those that were not done are done now, or failed.
    pub(super) fn finish(&mut self, success: bool, now: Duration) {
        self.steps.iter_mut().for_each(|step| step.finish(success, now));
    }

    /// Leaves the steps where they stand; later output comes below them.
    pub(super) fn release(&mut self) {
        self.steps.clear();
        self.drawn.clear();
    }

    /// Whether a frame is worth its cost: the last one is some time ago, there
    /// are no steps to draw, or something must be seen whatever happens next.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        let waited = self.last_frame.is_none_or(|last| now.saturating_sub(last) >= FRAME);
        waited || self.urgent || !self.has_steps()
    }

    /// What to write to bring the terminal, now of `size`, up to date; empty
    /// when it is.
    pub(super) fn frame(&mut self, size: Size, now: Duration) -> String {
        self.last_frame = Some(now);
        self.urgent = false;
        if size.columns != self.size.columns {
            self.steps.iter_mut().for_each(|step| step.metrics_below = false);
        }
        let lines = self.lines(size, now);
        if self.above.is_empty() && lines == self.drawn && size == self.size {
            return String::new();
        }
        let mut out = back_to_top(&self.drawn, size);
        let redraw = !self.above.is_empty() || size != self.size;
        if redraw && !self.drawn.is_empty() {
            out.push_str("\x1b[J");
        }
        out.push_str(&std::mem::take(&mut self.above));
        for line in &lines {
            out.push_str(&line.text);
            out.push_str("\x1b[K\n");
        }
        if lines.len() < self.drawn.len() {
            out.push_str("\x1b[J");
        }
        self.drawn = lines;
        self.size = size;
        out
    }

    fn step(&mut self, name: &str, now: Duration) -> &mut Step {
        let known = self.steps.iter().position(|step| step.key == name);
        let index = known.unwrap_or_else(|| {
            self.steps.push(Step::new(name, now));
            self.steps.len() - 1
        });
        &mut self.steps[index]
    }

    fn words(&mut self, event: &Event<'_>) {
        let Some((level, text)) = words(event, self.debug) else { return };
        self.urgent |= level >= Level::Error;
        if matches!(event.body, EventBody::Log { .. }) && level < Level::Warning {
            let line = cut(&text, usable(self.size), self.look.marks().cut);
            return self.above.push_str(&(self.look.paint(DIM, line) + "\n"));
        }
        let (mark, style) = self.look.of_level(level);
        let mut margin = format!("{} ", self.look.paint(style, mark));
        for line in clean(&text).trim_end_matches('\n').split('\n') {
            let line = self.look.paint(if level == Level::Info { PLAIN } else { style }, line);
            self.above.push_str(&(margin + &line + "\n"));
            margin = "  ".to_owned();
        }
    }

    /// The lines of all steps. Steps for which the terminal has no room scroll
    /// away once they have ended; of those that run the latest are shown.
    fn lines(&mut self, size: Size, now: Duration) -> Vec<Line> {
        let layout = Layout::new(self.look, usable(size), &self.steps);
        let room = size.rows.saturating_sub(1).max(1);
        let mut blocks: Vec<_> = self.steps.iter().map(|step| step_lines(step, layout, now)).collect();
        for (step, block) in self.steps.iter_mut().zip(&blocks) {
            step.metrics_below = block.len() > 1;
        }
        while blocks.iter().map(Vec::len).sum::<usize>() > room {
            let Some(ended) = self.steps.iter().position(|step| step.end.is_some()) else { break };
            self.steps.remove(ended);
            for line in blocks.remove(ended) {
                self.above.push_str(&(line.text + "\n"));
            }
        }
        let mut lines = blocks.concat();
        lines.split_off(lines.len().saturating_sub(room))
    }
}

/// The last column stays free: behind a full line some terminals wrap early.
fn usable(size: Size) -> usize {
    size.columns.saturating_sub(1)
}

/// To the first line of `drawn`. A terminal that has become narrower has
/// wrapped the lines that no longer fit.
fn back_to_top(drawn: &[Line], size: Size) -> String {
    let rows: usize = drawn.iter().map(|line| line.width.div_ceil(size.columns.max(1)).max(1)).sum();
    let mut out = String::new();
    if rows > 0 {
        // Writing to a String cannot fail.
        let _ = write!(out, "\r\x1b[{rows}A");
    }
    out
}
