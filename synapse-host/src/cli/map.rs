//! `synapse plugin map`.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde_json::{Value, json};
use synapse_sdk::errors::Result;
use synapse_sdk::events::{Event, Level};
use synapse_sdk::{Env, ErrorKind, PluginError};

use super::completions::targets_and_actions;
use super::output::{Output, RowsShown};
use super::params::ParamsArgs;
use super::ray::RayArgs;
use super::run_action::{
    ResourceArgs, Signals, export, isolated_if_it_must, params_schema, warn_of_resources,
};
use super::target::{TargetArgs, target_and_action};
use super::{Common, crash};
use crate::map::{
    Base, Cancel, JsonRows, MapRequest, Part, Progress, Results, Sink, Summary, check_available, run,
};
use crate::plugin::Plugin;
use crate::run::{Mode, RayOptions, RunRequest};
use crate::stdout;

/// Run an action for each row of a file.
///
/// A row is a JSON object of params: one on each line of the input, or the
/// elements of one JSON list. Results are added to a file as JSON lines,
/// {"row": 0, "result": …} or {"row": 0, "error": {…}}; rows count from 0 and
/// blank lines are none. The same command run again goes on where it was
/// stopped: rows with a result are left out, rows that failed are tried again.
/// A line that is not JSON is a row that failed.
///
/// Of what rows report, messages and log entries of level warning and above
/// are shown, with --verbose all of them; progress and metrics are not.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct MapArgs {
    /// The action, after the plugin (a folder, a .so file or a code) unless
    /// --path or --plugin names it
    #[arg(value_names = ["TARGET", "ACTION"], num_args = 1..=2, required = true)]
    #[arg(add = ArgValueCompleter::new(targets_and_actions))]
    names: Vec<String>,
    #[command(flatten)]
    target: TargetArgs,
    /// A file with rows; `-` reads standard input
    #[arg(short, long, value_name = "FILE")]
    inputs: String,
    /// The file that results are added to
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Begin anew, whatever the file of results holds
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    params: ParamsArgs,
    /// How many rows run at once [default: one for each processor core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: Option<u16>,
    /// How often a row that failed is tried again, unless its params were refused
    #[arg(long, value_name = "N", default_value_t = 0)]
    retries: u32,
    /// Write results as they come: a slow row holds up no others
    #[arg(long)]
    unordered: bool,
    /// Stop a row after this long, such as `90s` or `2h`
    #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME")]
    timeout: Option<Duration>,
    /// How long a row that should stop may take to do so
    #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME", default_value = "5s")]
    grace: Duration,
    /// Run rows in worker processes: a crash costs its row only
    #[arg(long)]
    isolated: bool,
    /// Where rows run: local, isolated or task
    #[arg(short, long, default_value = "local")]
    mode: Mode,
    #[command(flatten)]
    ray: RayArgs,
    /// How many workers on the cluster to use at most [default: --concurrency]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    ray_workers: Option<u16>,
    #[command(flatten)]
    resources: ResourceArgs,
    /// Fail rows whose result breaks its schema, instead of warning
    #[arg(long)]
    strict_result: bool,
}

const EXAMPLES: &str = "\
Examples:
  synapse plugin map predict --path examples/classifier --inputs rows.jsonl --out results.jsonl
  synapse plugin map examples/greet greet --inputs names.json --out greetings.jsonl -P formal=true
  produce-rows | synapse plugin map predict -p classifier --inputs - --out results.jsonl
  synapse plugin map predict --inputs rows.jsonl --out results.jsonl --retries 2 --timeout 30s --unordered
  synapse plugin map predict --inputs rows.jsonl --out results.jsonl --isolated --concurrency 4 --memory 2GB
  synapse plugin map predict --inputs rows.jsonl --out results.jsonl --mode task --ray-address ray://head:10001";

impl MapArgs {
    pub(crate) fn execute(self, common: &Common, output: &mut Output) -> Result<()> {
        let mode = if self.isolated { Mode::Isolated } else { self.mode };
        check_available(mode)?;
        let (target, action) = target_and_action(&self.names, "map")?;
        if self.inputs == "-" && self.params.takes_stdin() {
            let message = "--inputs - and --params-file - cannot both read standard input";
            return Err(PluginError::new(ErrorKind::Usage, message).hint("give one of them as a file"));
        }
        // Standard output is for the summary: what the plugin prints goes elsewhere.
        let answer = stdout::set_aside()?;
        crash::watch(common.json);
        let plugin = self.target.resolve(target, common, output)?;
        let mode = isolated_if_it_must(mode, &plugin, output);
        warn_of_resources(mode, self.resources.resources(), output);
        let registered = plugin.registered_name(&action)?;
        let params = self.params.read(|| params_schema(&plugin, registered))?;
        Base::read(&params)?;
        let input = self.open_input()?;
        let (results, done) = Results::open(&self.out, self.overwrite, input.as_ref())?;
        let size = input.as_ref().and_then(size);
        let rows = JsonRows::new(reader(input), if self.inputs == "-" { "stdin" } else { &self.inputs });
        export(&Env::new(), &plugin);
        let request = self.request(&plugin, &action, params, mode, common);
        let signals = Signals::install()?;
        let mut terminal = Terminal {
            results,
            output,
            signals: &signals,
            cancel: request.canceller(),
            heard: 0,
            errors: 0,
            meter: Meter::new(size),
        };
        let summary = run(&plugin, &request, Box::new(rows), done, &mut terminal)?;
        terminal.show_last();
        stdout::put_back(&answer)?;
        output.finish_events(summary.stopped.is_none());
        output.value(&document(&summary, &plugin, &action, mode, &self.out), "map")?;
        self.verdict(summary, &signals)
    }

    fn open_input(&self) -> Result<Option<File>> {
        if self.inputs == "-" {
            return Ok(None);
        }
        let failed = |error: std::io::Error| {
            PluginError::new(ErrorKind::of_io(&error), format!("--inputs {}: {error}", self.inputs))
        };
        let file = File::open(&self.inputs).map_err(failed)?;
        if file.metadata().map_err(failed)?.is_dir() {
            let message = format!("--inputs {}: is a folder, not a file with rows", self.inputs);
            return Err(PluginError::new(ErrorKind::Usage, message));
        }
        Ok(Some(file))
    }

    fn request(
        &self,
        plugin: &Plugin,
        action: &str,
        params: String,
        mode: Mode,
        common: &Common,
    ) -> MapRequest {
        let mut run = RunRequest::new(plugin.image().path.clone(), action)
            .params_json(params)
            .mode(mode)
            .resources(self.resources.resources())
            .grace(self.grace)
            .ray(RayOptions { workers: self.ray_workers.map(usize::from), ..self.ray.options() })
            .strict_result(self.strict_result);
        if let Some(timeout) = self.timeout {
            run = run.timeout(timeout);
        }
        let mut request = MapRequest::new(run).retries(self.retries).all_events(common.verbose);
        if let Some(concurrency) = self.concurrency {
            request = request.concurrency(concurrency.into());
        }
        if self.unordered { request.unordered() } else { request }
    }

    /// What ends the command other than well.
    fn verdict(&self, summary: Summary, signals: &Signals) -> Result<()> {
        let (out, rows) = (self.out.display(), summary.rows());
        match summary.stopped {
            Some(error) if error.kind() == ErrorKind::Cancelled => Err(signals.explain(
                error.hint(format!("what was done is in {out}; the same command goes on from there")),
            )),
            Some(error) => Err(error),
            None if summary.failed == 0 => Ok(()),
            None => {
                let message = format!("{} of {rows} rows failed", summary.failed);
                Err(PluginError::new(ErrorKind::PluginRun, message)
                    .hint(format!("their errors are in {out}; the same command tries them again")))
            }
        }
    }
}

fn size(input: &File) -> Option<u64> {
    let metadata = input.metadata().ok()?;
    metadata.is_file().then_some(metadata.len())
}

fn reader(input: Option<File>) -> Box<dyn Read + Send> {
    match input {
        Some(file) => Box::new(file),
        None => Box::new(std::io::stdin()),
    }
}

/// The document that a map prints.
fn document(summary: &Summary, plugin: &Plugin, action: &str, mode: Mode, out: &std::path::Path) -> Value {
    let status = match &summary.stopped {
        Some(error) if error.kind() == ErrorKind::Cancelled => "cancelled",
        None if summary.failed == 0 => "succeeded",
        _ => "failed",
    };
    let seconds = summary.elapsed.as_secs_f64();
    let run = (summary.succeeded + summary.failed) as f64;
    let rate = if seconds > 0.0 { run / seconds } else { 0.0 };
    json!({
        "map": {
            "plugin": plugin.config().code,
            "action": action,
            "mode": mode.as_str(),
            "status": status,
            "rows": summary.rows(),
            "succeeded": summary.succeeded,
            "failed": summary.failed,
            "skipped": summary.skipped,
            "seconds": (seconds * 1e6).round() / 1e6,
            "rate": (rate * 10.0).round() / 10.0,
            "out": out.display().to_string(),
        }
    })
}

/// So many errors of rows are shown; all are in the file of results.
const ERRORS_SHOWN: usize = 5;

/// Writes results to their file and tells whoever looks on.
struct Terminal<'a> {
    results: Results,
    output: &'a mut Output,
    signals: &'a Signals,
    cancel: Cancel,
    /// Signals that were acted upon.
    heard: usize,
    errors: usize,
    meter: Meter,
}

impl Terminal<'_> {
    fn show(&mut self, progress: Progress) {
        self.output.rows(&self.meter.shown(progress));
    }

    /// What took no time needs no bar: the summary says it all.
    fn show_last(&mut self) {
        if self.meter.shown.is_some() {
            self.show(self.meter.last);
        }
    }

    fn error(&mut self, row: u64, error: &PluginError) {
        self.errors += 1;
        if self.errors <= ERRORS_SHOWN {
            self.output.row_event(row, &Event::message(Level::Error, &error.to_string()));
        } else if self.errors == ERRORS_SHOWN + 1 {
            self.output.note("further errors of rows are only in the file of results");
        }
    }
}

impl Sink for Terminal<'_> {
    fn part(&mut self, part: &Part) -> Result<()> {
        self.results.add(part)?;
        for done in part.done.iter().filter(|done| done.failed) {
            if self.errors > ERRORS_SHOWN {
                break;
            }
            self.error(done.row, &PluginError::from_json(part.text(done).as_bytes()));
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.results.flush()
    }

    fn event(&mut self, row: Option<u64>, event: &Event<'_>) {
        match row {
            Some(row) => self.output.row_event(row, event),
            None => self.output.event(event),
        }
    }

    fn progress(&mut self, progress: Progress) {
        if self.signals.count() > self.heard {
            if self.heard == 0 {
                self.output.note("stopping; once more ends it at once");
            }
            self.heard += 1;
            self.cancel.cancel();
        }
        let interval = self.output.rows_interval(self.meter.size.is_some());
        if self.meter.take(progress, interval) {
            self.show(progress);
        }
    }
}

/// Tells rate and time left from the last seconds.
struct Meter {
    /// Bytes of the input, where that is known.
    size: Option<u64>,
    last: Progress,
    shown: Option<Instant>,
    samples: VecDeque<(Instant, Progress)>,
}

/// What is longer ago does not count.
const MEMORY: Duration = Duration::from_secs(10);
const SAMPLE: Duration = Duration::from_millis(250);

impl Meter {
    fn new(size: Option<u64>) -> Self {
        let samples = VecDeque::from([(Instant::now(), Progress::default())]);
        Self { size, last: Progress::default(), shown: None, samples }
    }

    /// True when it is time to show something.
    fn take(&mut self, progress: Progress, interval: Duration) -> bool {
        let now = Instant::now();
        self.last = progress;
        if self.samples.back().is_none_or(|(at, _)| now - *at >= SAMPLE) {
            self.samples.push_back((now, progress));
        }
        while self.samples.len() > 2 && self.samples.get(1).is_some_and(|(at, _)| now - *at >= MEMORY) {
            self.samples.pop_front();
        }
        let since = self.shown.or(self.samples.front().map(|(at, _)| *at));
        let due = since.is_none_or(|since| now - since >= interval);
        if due {
            self.shown = Some(now);
        }
        due
    }

    fn shown(&self, progress: Progress) -> RowsShown {
        let rows = progress.rows();
        let share = self.share(progress);
        let (since, before) = self.samples.front().copied().unwrap_or((Instant::now(), progress));
        let seconds = since.elapsed().as_secs_f64().max(1e-6);
        let run = |progress: Progress| progress.succeeded + progress.failed;
        let pace = (share.unwrap_or(0.0) - self.share(before).unwrap_or(0.0)) / seconds;
        let estimated = share.filter(|share| *share > 0.0).map(|share| (rows as f64 / share) as u64);
        RowsShown {
            rows,
            failed: progress.failed,
            rate: (run(progress) - run(before)) as f64 / seconds,
            total: progress.total.or(estimated.map(|total| total.max(rows + 1))),
            share: share.unwrap_or(0.0),
            left: share.filter(|_| pace > 0.0).map(|share| (1.0 - share) / pace),
        }
    }

    /// By rows once their number is known, else by bytes.
    fn share(&self, progress: Progress) -> Option<f64> {
        match (progress.total, self.size) {
            (Some(total), _) => Some(progress.rows() as f64 / total.max(1) as f64),
            (None, Some(size)) => Some(progress.bytes as f64 / size.max(1) as f64),
            (None, None) => None,
        }
    }
}
