//! The context every action is given.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use serde::Serialize;
use serde_json::{Value, json};

use crate::env::Env;
use crate::errors::{ErrorKind, PluginError, Result, ResultExt as _, ValidationError};
use crate::events::{Event, EventBody, IntoLevel, Level};
use crate::params::CheckContext;
use crate::progress::ProgressBook;
use crate::services::{AgentClient, Checkpoint, Client, RunInfo, SHARED_DIR, Services};
use crate::watch::Watch;

/// What an action gets from whoever runs it: a way to report, its variables,
/// its state, and clients.
///
/// Code is the same wherever it runs: in a test, in the host's process, in a
/// worker, on a cluster.
///
/// ```
/// use synapse_sdk::prelude::*;
///
/// fn train(epochs: u32, ctx: &Context) -> Result<f64> {
///     let mut loss = 1.0;
///     for epoch in 1..=epochs {
///         loss *= 0.9;
///         ctx.set_metrics(json!({ "epoch": epoch, "loss": loss }), "train")?;
///         ctx.set_progress(epoch, epochs, "train")?; // also ends a cancelled run
///     }
///     ctx.log_message(format!("trained to a loss of {loss:.3}"), "success");
///     Ok(loss)
/// }
/// ```
pub struct Context {
    services: Arc<dyn Services>,
    info: OnceLock<RunInfo>,
    /// Shared with the contexts of a pipeline's steps; made when it is needed.
    progress: OnceLock<Arc<Mutex<ProgressBook>>>,
    /// Keys of state that nobody needs once the call has succeeded.
    passing: Mutex<Vec<&'static str>>,
    watch: Watch,
}

impl Context {
    /// A context over `services`. Hosts and tests make one; actions are given one.
    pub fn new(services: Arc<dyn Services>) -> Self {
        Self {
            services,
            info: OnceLock::new(),
            progress: OnceLock::new(),
            passing: Mutex::default(),
            watch: Watch::default(),
        }
    }

    /// The variables of the run; the same in every mode.
    pub fn env(&self) -> &Env {
        &self.info().env
    }

    /// The job this run belongs to.
    pub fn job_id(&self) -> Option<&str> {
        self.info().job_id.as_deref()
    }

    /// The model to start from, when the run was given one.
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        self.info().checkpoint.as_ref()
    }

    /// How often this job was tried, this time included; from 1.
    pub fn attempt(&self) -> u32 {
        self.info().attempt.max(1)
    }

    /// What checks of params may ask.
    pub(crate) fn check_context(&self) -> CheckContext<'_> {
        CheckContext::of_run(&*self.services)
    }

    /// The backend.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported), saying what to do, when this
    /// run has none.
    pub fn client(&self) -> Result<&dyn Client> {
        self.services.client().ok_or_else(|| {
            PluginError::new(ErrorKind::Unsupported, "this run has no backend client").hint(
                "run it with `--mode remote`; in a test, give the executor a mock: \
                 `LocalExecutor::new().client(…)`",
            )
        })
    }

    /// The agent of the cluster.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported), saying what to do, when this
    /// run has none.
    pub fn agent_client(&self) -> Result<&dyn AgentClient> {
        self.services.agent_client().ok_or_else(|| {
            PluginError::new(ErrorKind::Unsupported, "this run has no agent client").hint(
                "run it on a cluster with `--mode task` or `--mode job`; in a test, give the \
                 executor a mock: `LocalExecutor::new().agent_client(…)`",
            )
        })
    }

    /// Plain messages by level: `ctx.logger().warning("few rows")`.
    pub fn logger(&self) -> Logger<'_> {
        Logger { context: self }
    }

    /// Reports that `current` of `total` units of `step` are done. `None` or `()`
    /// as the step means the run as a whole.
    ///
    /// Percent and time remaining follow per step. The run's progress never
    /// falls, and is 100 once the run has succeeded.
    ///
    /// # Errors
    /// [`Cancelled`](ErrorKind::Cancelled) when the run was cancelled: pass it
    /// on with `?` and loops that report progress can be stopped.
    /// [`Validation`](ErrorKind::Validation) when `total` is 0 or `current`
    /// lies outside `0..=total`.
    pub fn set_progress<'a>(
        &self,
        current: impl Count,
        total: impl Count,
        step: impl IntoStep<'a>,
    ) -> Result<()> {
        let step = step.into_step();
        let (current, total) = (current.count()?, total.count()?);
        let mut book = self.book().lock().unwrap_or_else(PoisonError::into_inner);
        let progress = book.report(step.unwrap_or_default(), current, total, Instant::now())?;
        // Emitted under the lock, so that reports leave in the order they were made.
        self.services.emit(Event::now(step, EventBody::Progress(progress)));
        drop(book);
        self.check_cancelled()
    }

    /// The run has succeeded, so all of it is done.
    pub(crate) fn finish_progress(&self) {
        let Some(book) = self.progress.get() else { return };
        let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((step, progress)) = book.finish() {
            let step = Some(step).filter(|step| !step.is_empty());
            self.services.emit(Event::now(step, EventBody::Progress(progress)));
        }
    }

    /// Declares the steps that will report, with their shares of the run in
    /// any unit: `ctx.plan_steps(&[("dataset", 20.0), ("train", 80.0)])`.
    /// Without a plan each new step takes half of what is left.
    pub fn plan_steps(&self, shares: &[(&str, f64)]) {
        self.book().lock().unwrap_or_else(PoisonError::into_inner).plan(shares);
    }

    /// Records measured values of a step: `json!({"loss": 0.5})` or any map or
    /// struct. Later values of a name replace earlier ones in the run's metrics.
    ///
    /// # Errors
    /// [`Validation`](ErrorKind::Validation) when `values` is no JSON object.
    pub fn set_metrics<'a>(&self, values: impl Serialize, step: impl IntoStep<'a>) -> Result<()> {
        let values = serde_json::to_string(&values)?;
        if !values.starts_with('{') {
            return Err(ValidationError::new(format!(
                "metrics are a map from names to values, not {values}"
            ))
            .hint("for example `json!({\"loss\": 0.5})`"));
        }
        self.services.emit(Event::now(step.into_step(), EventBody::Metrics { values: values.into() }));
        Ok(())
    }

    /// As [`set_metrics`](Self::set_metrics) for numbers, without the detour by
    /// way of a value: a training calls it for every step.
    pub(crate) fn set_number_metrics(&self, values: &[(&str, f64)], step: &str) -> Result<()> {
        let mut text = Vec::with_capacity(64);
        for (name, value) in values {
            text.push(if text.is_empty() { b'{' } else { b',' });
            serde_json::to_writer(&mut text, name)?;
            text.push(b':');
            serde_json::to_writer(&mut text, value)?;
        }
        text.push(b'}');
        let values = String::from_utf8(text)?;
        self.services.emit(Event::now(Some(step), EventBody::Metrics { values: values.into() }));
        Ok(())
    }

    /// Tells the user something. The level is a [`Level`], its word such as
    /// `"warning"`, or `()` for [`Level::Info`].
    pub fn log_message(&self, message: impl AsRef<str>, level: impl IntoLevel) {
        let level = level.into_level().unwrap_or_else(|unknown| {
            self.log_dev_event(unknown.to_string(), ());
            Level::Info
        });
        let text = message.as_ref().into();
        self.services.emit(Event::now(None, EventBody::Message { level, text }));
    }

    /// Logs a named event with data, and a file that belongs to it.
    pub fn log<'a>(&self, event: &str, data: impl Serialize, file: impl Into<Option<&'a Path>>) {
        self.log_at(Level::Info, event, data, file.into());
    }

    /// Logs something for developers.
    pub fn log_dev_event(&self, message: impl AsRef<str>, data: impl Serialize) {
        let message = message.as_ref();
        self.log_at(Level::Debug, "dev_event", DevEvent { message, data }, None);
    }

    /// Logs one value of a series: `ctx.log_metric("train", "epoch_1", 1, json!({"loss": 0.5}))`.
    pub fn log_metric(&self, category: &str, key: &str, value: impl Serialize, metrics: impl Serialize) {
        let data = Metric { category, key, value, metrics };
        self.log_at(Level::Info, "metric", data, None);
    }

    /// Logs a picture. `more` is an object whose entries are added to the event.
    pub fn log_visualization(
        &self,
        category: &str,
        group: &str,
        index: u64,
        image: impl AsRef<Path>,
        more: Value,
    ) {
        let mut data = json!({ "category": category, "group": group, "index": index });
        if let (Value::Object(data), Value::Object(more)) = (&mut data, more) {
            data.extend(more);
        }
        self.log_at(Level::Info, "visualization", data, Some(image.as_ref()));
    }

    /// Tells the user that the plugin has finished.
    pub fn end_log(&self) {
        self.log_message("The plugin has finished.", Level::Success);
    }

    /// Whether the run, or a step whose time is over, should stop.
    /// [`set_progress`](Self::set_progress) and
    /// [`check_cancelled`](Self::check_cancelled) make an error of it.
    pub fn is_cancelled(&self) -> bool {
        !self.watch.is_shielded() && (self.services.is_cancelled() || self.watch.is_over())
    }

    /// Ends a cancelled run, for loops that report no progress.
    ///
    /// # Errors
    /// [`Cancelled`](ErrorKind::Cancelled) when the run was cancelled;
    /// [`TimedOut`](ErrorKind::TimedOut) when the time of a
    /// [step](crate::steps::Step::time_limit) is over.
    pub fn check_cancelled(&self) -> Result<()> {
        if !self.is_cancelled() {
            return Ok(());
        }
        // A run that ends goes before a step that does.
        if self.services.is_cancelled() {
            return Err(PluginError::cancelled());
        }
        Err(PluginError::new(ErrorKind::TimedOut, "the time of the step is over"))
    }

    /// Until the guard goes, the work is told to stop once `end` has come.
    pub(crate) fn limit(&self, end: Instant) -> impl Drop {
        self.watch.limit(end)
    }

    /// Until the guard goes, nothing tells the work to stop.
    pub(crate) fn shield(&self) -> impl Drop {
        self.watch.shield()
    }

    /// A folder of this run's own. A later attempt of the same job finds the
    /// same folder, with what was left in it.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn work_dir(&self) -> Result<PathBuf> {
        self.services.work_dir()
    }

    /// A folder that this action shares with the other nodes of its pipeline:
    /// `datasets`, `models`, `artifacts`, `logs` or `checkpoints`, or any other
    /// name. Where the action is no node of one, it lies in its
    /// [work folder](Self::work_dir).
    ///
    /// # Errors
    /// [`Validation`](ErrorKind::Validation) when `name` is no plain name;
    /// the folder cannot be made.
    pub fn shared_dir(&self, name: &str) -> Result<PathBuf> {
        if !matches!(Path::new(name).components().next(), Some(Component::Normal(part)) if part == name) {
            return Err(ValidationError::new(format!("`{name}` is no name of a shared folder"))
                .hint("write a plain name, such as `models`"));
        }
        let shared = match self.env().get(SHARED_DIR) {
            Some(folder) => PathBuf::from(folder),
            None => self.work_dir()?,
        };
        let folder = shared.join(name);
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        Ok(folder)
    }

    /// Keeps `bytes` for a later attempt of this job, replacing what `key` held.
    ///
    /// # Errors
    /// `key` has other characters than letters, digits, `.`, `_` and `-`, or
    /// the bytes cannot be written.
    pub fn save_state(&self, key: &str, bytes: impl AsRef<[u8]>) -> Result<()> {
        self.services.save_state(key, bytes.as_ref())
    }

    /// What this job last saved under `key`, in this attempt or an earlier one.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn load_state(&self, key: &str) -> Result<Option<Vec<u8>>> {
        self.services.load_state(key)
    }

    /// For contexts of parts of the run.
    pub(crate) fn services(&self) -> &Arc<dyn Services> {
        &self.services
    }

    /// The progress of the run, for contexts of parts of it.
    pub(crate) fn progress_book(&self) -> Arc<Mutex<ProgressBook>> {
        Arc::clone(self.book())
    }

    fn book(&self) -> &Arc<Mutex<ProgressBook>> {
        self.progress.get_or_init(Arc::default)
    }

    /// State that goes when the call succeeds, and not before: until then a kill
    /// would cost what it says.
    pub(crate) fn forget_when_done(&self, keys: &[&'static str]) {
        self.passing.lock().unwrap_or_else(PoisonError::into_inner).extend(keys);
    }

    /// The call has succeeded. State that cannot be removed only makes a later
    /// attempt go on where this one ended.
    pub(crate) fn forget(&self) {
        for key in std::mem::take(&mut *self.passing.lock().unwrap_or_else(PoisonError::into_inner)) {
            let _ = self.services.save_state(key, &[]);
        }
    }

    fn info(&self) -> &RunInfo {
        self.info.get_or_init(|| {
            self.services.info().unwrap_or_else(|error| {
                self.log_message(format!("the host did not describe this run: {error}"), Level::Error);
                RunInfo::default()
            })
        })
    }

    fn log_at(&self, level: Level, name: &str, data: impl Serialize, file: Option<&Path>) {
        let data = serde_json::to_string(&data)
            .unwrap_or_else(|error| json!({ "unserialisable": error.to_string() }).to_string());
        let file = file.map(Path::to_string_lossy);
        let body = EventBody::Log { name: name.into(), level, data: data.into(), file };
        self.services.emit(Event::now(None, body));
    }
}

#[derive(Serialize)]
struct DevEvent<'a, T> {
    message: &'a str,
    data: T,
}

#[derive(Serialize)]
struct Metric<'a, V, M> {
    category: &'a str,
    key: &'a str,
    value: V,
    metrics: M,
}

/// Plain messages by level.
#[derive(Clone, Copy)]
pub struct Logger<'a> {
    context: &'a Context,
}

macro_rules! logger_levels {
    ($($method:ident => $level:ident),*) => {
        impl Logger<'_> {$(
            #[doc = concat!("A message of level [`Level::", stringify!($level), "`].")]
            pub fn $method(&self, message: impl AsRef<str>) {
                self.context.log_message(message, Level::$level);
            }
        )*}
    };
}

logger_levels!(debug => Debug, info => Info, success => Success, warning => Warning,
               danger => Danger, error => Error, critical => Critical);

/// What may stand where a step is asked for: its name, or nothing (`None` or
/// `()`), which means the run as a whole.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no step",
    label = "expected a step",
    note = "write the step's name, such as `\"train\"`, or `()` for the run as a whole"
)]
pub trait IntoStep<'a> {
    /// The step's name.
    fn into_step(self) -> Option<&'a str>;
}

#[diagnostic::do_not_recommend]
impl<'a> IntoStep<'a> for &'a str {
    fn into_step(self) -> Option<&'a str> {
        Some(self)
    }
}

#[diagnostic::do_not_recommend]
impl<'a> IntoStep<'a> for &'a String {
    fn into_step(self) -> Option<&'a str> {
        Some(self)
    }
}

#[diagnostic::do_not_recommend]
impl<'a> IntoStep<'a> for Option<&'a str> {
    fn into_step(self) -> Option<&'a str> {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<'a> IntoStep<'a> for () {
    fn into_step(self) -> Option<&'a str> {
        None
    }
}

/// A number of units: any integer that is not negative.
#[diagnostic::on_unimplemented(
    message = "progress counts in whole numbers, not in `{Self}`",
    label = "expected an integer",
    note = "write `ctx.set_progress(epoch, epochs, \"train\")`, as many of as many, in any integer type"
)]
pub trait Count {
    /// The number.
    ///
    /// # Errors
    /// It is negative.
    fn count(self) -> Result<u64>;
}

macro_rules! counts {
    ($($integer:ty),*) => {$(
        #[diagnostic::do_not_recommend]
        impl Count for $integer {
            fn count(self) -> Result<u64> {
                u64::try_from(self).map_err(|_| ValidationError::new(format!("progress cannot be {self}")))
            }
        }
    )*};
}

counts!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);
