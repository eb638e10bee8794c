//! Rows in the hands of one worker, and what came of them.

use std::fmt::Write;
use std::time::{Duration, Instant};

use serde::de::IgnoredAny;
use synapse_sdk::errors::Result;
use synapse_sdk::{ErrorKind, PluginError};

use super::base::Base;
use super::chunk::{Row, Span};
use super::flow::Flow;

/// Results are handed over after this time, rows that have not begun by then
/// given back.
const HAND_OVER: Duration = Duration::from_millis(25);

/// What all rows of a map have in common.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) base: Base,
    pub(super) retries: u32,
    /// What the input is called in errors.
    pub(super) input: Option<String>,
}

impl Common {
    /// Whether a row that failed on its `attempt`, counted from 1, is to be
    /// tried again.
    pub(super) fn tries_again(&self, error: &PluginError, attempt: u32) -> bool {
        let pointless = [ErrorKind::Validation, ErrorKind::Usage, ErrorKind::Cancelled];
        attempt <= self.retries && !pointless.contains(&error.kind())
    }
}

/// Rows in the hands of one worker.
pub(super) struct Claim<'a> {
    flow: &'a Flow,
    common: &'a Common,
    span: Span,
    begun: usize,
    part: Part,
    since: Instant,
    /// When the first of the rows in `part` ended.
    first_end: Instant,
    /// Params of a row that were put together here.
    params: Vec<u8>,
}

/// A row to be run.
pub(super) struct RowCall<'a> {
    /// Counted from 0 over the whole input.
    pub(super) number: u64,
    /// Params as JSON, or why there are none: then the row ends with that.
    pub(super) params: Result<&'a [u8]>,
}

/// What came of rows that follow one another.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(super) first: u64,
    pub(super) rows: usize,
    /// Of the input.
    pub(super) bytes: usize,
    /// `{"row":0,"result":…}` or `{"row":0,"error":…}`, a line each.
    pub(crate) lines: String,
    pub(crate) done: Vec<Done>,
}

/// A row in the lines of a part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    pub(crate) row: u64,
    pub(crate) failed: bool,
    /// Where its result or error lies.
    start: usize,
    end: usize,
}

impl<'a> Claim<'a> {
    pub(super) fn new(flow: &'a Flow, common: &'a Common, span: Span) -> Self {
        let part = Part { first: span.first, ..Part::default() };
        let since = Instant::now();
        Self { flow, common, span, begun: 0, part, since, first_end: since, params: Vec::new() }
    }

    pub(super) fn common(&self) -> &'a Common {
        self.common
    }

    /// The next row to begin. `None` when there are no more, or it is time to
    /// hand over.
    pub(super) fn next(&mut self) -> Option<RowCall<'_>> {
        let late = self.begun > 0 && self.since.elapsed() >= HAND_OVER;
        if self.begun == self.span.len() || late || self.flow.is_stopped() {
            return None;
        }
        let row = self.span.row(self.begun);
        self.begun += 1;
        let params = params(row, &self.span, self.common, &mut self.params);
        Some(RowCall { number: row.number, params })
    }

    /// Notes how the first of the rows ended that have begun and not ended.
    pub(super) fn end(&mut self, result: Result<&[u8], &PluginError>) {
        let row = self.span.row(self.part.rows);
        if self.part.rows == 0 {
            self.first_end = Instant::now();
        }
        match result {
            // It was told to stop: another time it may succeed.
            Err(error) if error.kind() == ErrorKind::Cancelled && self.flow.is_stopped() => {
                self.part.leave_out(row);
            }
            Ok(result) => match std::str::from_utf8(result) {
                Ok(result) => self.part.succeeded(row, result),
                Err(_) => self.part.failed(row, &not_utf8()),
            },
            Err(error) if error.kind() == ErrorKind::Usage => {
                let malformed = malformed(row, self.span.text(row), self.common);
                self.part.failed(row, malformed.as_ref().unwrap_or(error));
            }
            Err(error) => self.part.failed(row, error),
        }
    }

    /// Gives the last `count` rows back that have begun and not ended: they
    /// have not begun after all. What has ended is handed over already now.
    pub(super) fn give_back(&mut self, count: usize) {
        self.begun = self.begun.saturating_sub(count).max(self.part.rows);
        let rest = self.span.split_off(self.begun);
        let Some(under_way) = self.span.split_off(self.part.rows) else {
            return self.flow.hand_over_early(Part::default(), rest);
        };
        self.begun -= self.part.rows;
        self.span = under_way;
        let part = std::mem::replace(&mut self.part, Part { first: self.span.first, ..Part::default() });
        self.flow.hand_over_early(part, rest);
    }

    /// How many rows have ended, and in which time.
    pub(super) fn pace(&self) -> (usize, Duration) {
        (self.part.rows, self.since.elapsed())
    }

    /// As [`pace`](Self::pace), but for the first row: that took the way to its worker too.
    pub(super) fn pace_behind_first(&self) -> (usize, Duration) {
        (self.part.rows.saturating_sub(1), self.first_end.elapsed())
    }

    /// Gives results, and rows that have not begun, to the flow.
    pub(super) fn hand_over(mut self) {
        let rest = self.span.split_off(self.begun);
        self.flow.hand_over(self.part, rest);
    }
}

impl Part {
    /// What becomes of a single row that did not end.
    pub(super) fn of_lost(span: &Span, error: &PluginError) -> Self {
        let mut part = Self { first: span.first, ..Self::default() };
        part.failed(span.row(0), error);
        part
    }

    /// The result of a row, or its error.
    pub(crate) fn text(&self, done: &Done) -> &str {
        &self.lines[done.start..done.end]
    }

    fn succeeded(&mut self, row: &Row, result: &str) {
        // Between the tokens of JSON a space is as good as a line break, and
        // within them there is none.
        if result.contains(['\n', '\r']) {
            return self.push(row, "result", &result.replace(['\n', '\r'], " "));
        }
        self.push(row, "result", result);
    }

    fn failed(&mut self, row: &Row, error: &PluginError) {
        let mut error = error.to_json();
        if let Some(fields) = error.as_object_mut() {
            fields.remove("backtrace");
        }
        self.push(row, "error", &error.to_string());
    }

    fn push(&mut self, row: &Row, what: &str, text: &str) {
        // Writing to a String cannot fail.
        let _ = write!(self.lines, "{{\"row\":{},\"{what}\":", row.number);
        let start = self.lines.len();
        self.lines.push_str(text);
        let end = self.lines.len();
        self.lines.push_str("}\n");
        self.done.push(Done { row: row.number, failed: what == "error", start, end });
        self.leave_out(row);
    }

    /// Counts a row that leaves no line.
    fn leave_out(&mut self, row: &Row) {
        self.rows += 1;
        self.bytes += row.size();
    }
}

fn params<'a>(row: &Row, span: &'a Span, common: &Common, laid: &'a mut Vec<u8>) -> Result<&'a [u8]> {
    if let Err(error) = &row.content {
        return Err(PluginError::new(error.kind(), place(row.line, common) + error.message())
            .hint(error.hint_text().unwrap_or(SHAPE)));
    }
    let text = span.text(row);
    if text.first() != Some(&b'{') {
        return Err(malformed(row, text, common).unwrap_or_else(|| no_object(row, common)));
    }
    if common.base.is_empty() {
        return Ok(text);
    }
    match common.base.lay_under(text, laid) {
        Ok(()) => Ok(laid),
        Err(error) => Err(not_json(row, common, &error)),
    }
}

/// `rows.jsonl:3: `, or nothing for rows that come from no file.
fn place(line: u64, common: &Common) -> String {
    common.input.as_ref().map(|name| format!("{name}:{line}: ")).unwrap_or_default()
}

/// Why the text of a row is not JSON, if that is so.
fn malformed(row: &Row, text: &[u8], common: &Common) -> Option<PluginError> {
    serde_json::from_slice::<IgnoredAny>(text).err().map(|error| not_json(row, common, &error))
}

fn not_json(row: &Row, common: &Common, error: &serde_json::Error) -> PluginError {
    let text = error.to_string();
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    let line = row.line + (error.line() as u64).saturating_sub(1);
    let message = format!("{}the row is not JSON: {what}, column {}", place(line, common), error.column());
    PluginError::new(ErrorKind::Usage, message).hint(SHAPE)
}

fn no_object(row: &Row, common: &Common) -> PluginError {
    let message = format!("{}the row is no JSON object", place(row.line, common));
    PluginError::new(ErrorKind::Usage, message).hint(SHAPE)
}

fn not_utf8() -> PluginError {
    PluginError::new(ErrorKind::Execution, "the plugin's result is not UTF-8")
}

const SHAPE: &str = "a row is one JSON object of params: on a line of its own, or in one JSON list";
