//! What a person or a program sees of a command: events, notes and errors on
//! stderr, the result on stdout.
//!
//! On a terminal the steps of a run are bars that are redrawn in place;
//! elsewhere events are lines of a log; with `--json` each event is one line
//! of JSON, and the result one document.

mod bar;
mod error_text;
mod figures;
mod live;
pub(crate) mod look;
mod plain;
mod result_text;
mod rows;
mod screen;
mod sink;
mod step;
mod table;
mod text;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod screen_tests;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

use std::io::IsTerminal;

use anstream::{AutoStream, ColorChoice};
use serde_json::{Value, json};
use synapse_sdk::errors::{ErrorKind, PluginError, Result};
use synapse_sdk::events::{Event, EventBody, Level};

pub(crate) use figures::{duration, size};
use live::Live;
use look::{DIM, GOOD, Look};
use plain::Plain;
pub(crate) use rows::RowsShown;
use sink::Sink;
pub(crate) use table::table;
pub(crate) use text::one_line;

/// When to write in colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// On terminals that can, unless `NO_COLOR` is set; `CLICOLOR_FORCE` means
    /// elsewhere as well.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What the options of the command line say about output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutputOptions {
    /// JSON instead of text, on both streams.
    pub(crate) json: bool,
    /// Nothing on stderr but errors.
    pub(crate) quiet: bool,
    /// Debug messages, log entries and backtraces are shown.
    pub(crate) debug: bool,
    /// When to write in colour.
    pub(crate) color: Color,
}

impl Default for OutputOptions {
    fn default() -> Self {
        Self { json: false, quiet: false, debug: true, color: Color::Auto }
    }
}

/// Writes what a command has to say. See the module.
#[derive(Debug)]
pub(crate) struct Output {
    options: OutputOptions,
    stdout: Device,
    stderr: Device,
    events: Events,
}

/// One stream and what stands behind it.
#[derive(Debug)]
struct Device {
    sink: Sink,
    look: Look,
    terminal: bool,
}

/// How events are shown, for who shows more than these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Not at all.
    Hidden,
    /// As lines of JSON.
    Json,
    /// As lines of a log.
    Plain,
    /// On a terminal, in place.
    Live,
}

/// How events are shown.
#[derive(Debug)]
enum Events {
    Hidden,
    Json,
    Plain(Plain),
    Live(Live),
}

impl Output {
    /// Looks at both streams and the environment to decide how to write.
    pub(crate) fn new(options: OutputOptions) -> Self {
        let unicode = look::utf8_locale();
        let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
        let color = |auto: ColorChoice| match options.color {
            Color::Auto => auto != ColorChoice::Never,
            Color::Always => true,
            Color::Never => false,
        };
        let stdout = Device {
            look: Look { color: color(AutoStream::choice(&stdout)), unicode },
            terminal: stdout.is_terminal(),
            sink: Sink::Stdout,
        };
        let stderr = Device {
            look: Look { color: color(AutoStream::choice(&stderr)), unicode },
            // A dumb terminal cannot move its cursor.
            terminal: stderr.is_terminal() && std::env::var_os("TERM").is_some_and(|term| term != "dumb"),
            sink: Sink::Stderr,
        };
        Self::on(stdout, stderr, options)
    }

    fn on(stdout: Device, stderr: Device, options: OutputOptions) -> Self {
        let events = match options {
            OutputOptions { quiet: true, .. } => Events::Hidden,
            OutputOptions { json: true, .. } => Events::Json,
            _ if stderr.terminal => Events::Live(Live::new(stderr.look, options.debug, stderr.sink.clone())),
            _ => Events::Plain(Plain::new(stderr.look, options.debug)),
        };
        Self { options, stdout, stderr, events }
    }

    /// Shows an event of a run. On a terminal and in a log progress is thinned;
    /// how far a step came is always shown in the end.
    pub(crate) fn event(&mut self, event: &Event<'_>) {
        match &mut self.events {
            Events::Hidden => {}
            Events::Json => self.stderr.sink.tell(&event_line(event)),
            Events::Plain(plain) => self.stderr.tell(&plain.event(event)),
            Events::Live(live) => live.event(event),
        }
    }

    /// Tells in passing what is being done, such as `compiled in 0.4 s`. With
    /// `--json` it is a log entry named `note`.
    pub(crate) fn note(&mut self, text: &str) {
        match &mut self.events {
            Events::Hidden => {}
            Events::Json => self.stderr.sink.tell(&event_line(&note_event(text))),
            Events::Plain(plain) => self.stderr.sink.tell(&plain.note(note_event(text).time, text)),
            Events::Live(live) => live.note(text),
        }
    }

    /// Ends the bars: on success all are done, otherwise those that are not
    /// stay where they are, marked as failed. Nothing happens the second time.
    pub(crate) fn finish_events(&mut self, success: bool) {
        match &mut self.events {
            Events::Hidden | Events::Json => {}
            Events::Plain(plain) => self.stderr.tell(&plain.finish()),
            Events::Live(live) => live.finish(success),
        }
    }

    /// Writes the result of a run,
    /// `{"run": {"id", "action", "ms", …}, "result": …, "metrics": …}`: with
    /// `--json` the document, otherwise its `result` as text on stdout and a
    /// closing line on stderr.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) when stdout takes no more. It is no error that its
    /// reader has closed it.
    pub(crate) fn result(&mut self, document: &Value) -> Result<()> {
        self.finish_events(true);
        self.value(document, "result")?;
        if !self.options.json && !self.options.quiet {
            self.stderr.sink.tell(&closing_line(&document["run"], self.stderr.look));
        }
        Ok(())
    }

    /// Writes with `--json` the document, otherwise its `field` as text.
    ///
    /// # Errors
    /// As [`result`](Self::result).
    pub(crate) fn value(&mut self, document: &Value, field: &str) -> Result<()> {
        let look = self.stdout.look;
        self.document(document, |_| result_text::human(&document[field], look))
    }

    /// Writes what a command found out: with `--json` the document, on one line
    /// unless a person looks at it, otherwise the text that `human` makes of
    /// it. `human` is given the columns of the terminal, or `None` on a pipe:
    /// `|columns| table(&["ID", "STATUS"], &rows, columns)`.
    ///
    /// # Errors
    /// As [`result`](Self::result).
    pub(crate) fn document(
        &mut self,
        document: &Value,
        human: impl FnOnce(Option<usize>) -> String,
    ) -> Result<()> {
        let text = match self.options.json {
            true if self.stdout.terminal => format!("{document:#}\n"),
            true => format!("{document}\n"),
            false => human(self.stdout.columns()),
        };
        self.stdout.sink.write(&text).map_err(|error| {
            PluginError::new(ErrorKind::Io, format!("the result could not be written to stdout: {error}"))
        })
    }

    /// Whether results are JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.options.json
    }

    /// How events are shown.
    pub(crate) fn shown(&self) -> Shown {
        match self.events {
            Events::Hidden => Shown::Hidden,
            Events::Json => Shown::Json,
            Events::Plain(_) => Shown::Plain,
            Events::Live(_) => Shown::Live,
        }
    }

    /// What may be written to stderr.
    pub(crate) fn stderr_look(&self) -> Look {
        self.stderr.look
    }

    /// Writes text to stderr as it stands.
    pub(crate) fn tell(&self, text: &str) {
        self.stderr.tell(text);
    }

    /// What may be written to stdout.
    pub(crate) fn look(&self) -> Look {
        self.stdout.look
    }

    /// Writes an error to stderr, with `--json` as its last line. Steps that
    /// are still shown have failed.
    pub(crate) fn error(&mut self, error: &PluginError) {
        self.finish_events(false);
        let text = match self.options.json {
            true => error_text::json_line(error, self.options.debug),
            false => error_text::human(error, self.options.debug, self.stderr.look),
        };
        self.stderr.sink.tell(&text);
    }
}

impl Device {
    fn tell(&self, text: &str) {
        if !text.is_empty() {
            self.sink.tell(text);
        }
    }

    fn columns(&self) -> Option<usize> {
        let size = terminal_size::terminal_size_of(std::io::stdout()).filter(|_| self.terminal)?;
        Some(size.0.0.into())
    }
}

fn event_line(event: &Event<'_>) -> String {
    // Events are maps with string keys, which always serialise.
    serde_json::to_string(event).map(|line| line + "\n").unwrap_or_default()
}

fn note_event(text: &str) -> Event<'static> {
    let data = json!({ "content": text }).to_string().into();
    Event::now(None, EventBody::Log { name: "note".into(), level: Level::Info, data, file: None })
}

/// `✓ train finished in 1.2 s · run 20261122-120000-a1b2`, or `· job` and its name.
fn closing_line(run: &Value, look: Look) -> String {
    let field = |name: &str| run[name].as_str().map(text::one_line);
    let marks = look.marks();
    let action = field("action").unwrap_or_else(|| "run".to_owned());
    let how = match run["ms"].as_f64() {
        Some(millis) => format!("finished in {}", duration(millis / 1000.0)),
        None => "finished".to_owned(),
    };
    // A job that was followed to its end has no record here.
    let name = field("job_id").map(|id| format!("job {id}")).or(field("id").map(|id| format!("run {id}")));
    let id = name.map(|name| format!("{}{name}", marks.between)).unwrap_or_default();
    format!("{} {action} {how}{}\n", look.paint(GOOD, marks.success), look.paint(DIM, id))
}
