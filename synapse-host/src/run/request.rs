//! What a run is asked for.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use synapse_sdk::errors::Result;
use synapse_sdk::services::Checkpoint;
use synapse_sdk::words::words;
use synapse_sdk::{Env, ErrorKind, PluginError};

use super::folder::SharedFolder;
use super::ray::RayOptions;
use crate::author::Profile;
use crate::plugin_ref::PluginRef;

words! {
    /// Where an action runs.
    Mode {
        /// In this process.
        Local = "local",
        /// In a worker process of its own.
        Isolated = "isolated",
        /// As a Ray task.
        Task = "task",
        /// As a Ray job.
        Job = "job",
        /// As a Ray Serve application; not started by a run.
        Serve = "serve",
        /// Where the backend decides.
        Remote = "remote",
    }
}

impl Mode {
    /// Whether this version can run it and wait for its result.
    ///
    /// # Errors
    /// [`Usage`](ErrorKind::Usage), naming the mode and what to do instead.
    pub fn check_available(self) -> Result<()> {
        let hint = match self {
            Self::Local | Self::Isolated | Self::Task | Self::Job => return Ok(()),
            Self::Serve => "an endpoint is deployed, not run: `synapse serve deploy PLUGIN ACTION`",
            Self::Remote => "use `--mode local`",
        };
        let message = match self {
            Self::Serve => "mode `serve` cannot be used to run an action".to_owned(),
            mode => format!("mode `{mode}` is not available in this version of synapse"),
        };
        Err(PluginError::new(ErrorKind::Usage, message).hint(hint))
    }
}

/// What a run may use. Runs in this process share what it has; a worker is kept
/// to it as far as the system can.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    /// Processor cores. A worker is kept to so many whole ones, rounded up, and where the system allows a bound of processor
    /// time to exactly so much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<f64>,
    /// Graphics processors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpus: Option<f64>,
    /// Bytes of memory that can be written to: in a worker, allocations beyond
    /// fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Files that a worker may have open at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_files: Option<u64>,
}

impl Resources {
    /// The processors, where they are no whole number.
    pub(crate) fn cpus_in_part(&self) -> Option<f64> {
        self.cpus.filter(|cpus| cpus.fract() != 0.0)
    }
}

/// What a run is asked for. As JSON, which records keep, it leaves out what they
/// keep apart: params and variables.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunRequest {
    pub(crate) plugin: PluginRef,
    pub(crate) action: String,
    #[serde(skip, default = "no_params")]
    pub(crate) params: Arc<str>,
    pub(crate) mode: Mode,
    #[serde(default)]
    pub(crate) resources: Resources,
    #[serde(skip)]
    pub(crate) env: Env,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timeout: Option<Duration>,
    #[serde(default = "usual_grace")]
    pub(crate) grace: Duration,
    #[serde(skip)]
    pub(crate) record: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) job_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checkpoint: Option<Checkpoint>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) state_dir: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) store: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) config: Option<PathBuf>,
    #[serde(default)]
    pub(crate) profile: Profile,
    #[serde(default)]
    pub(crate) strict_result: bool,
    #[serde(default, skip_serializing_if = "is_usual")]
    pub(crate) ray: RayOptions,
    /// The folder that the nodes of its pipeline share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) folder: Option<SharedFolder>,
}

fn is_usual(ray: &RayOptions) -> bool {
    *ray == RayOptions::default()
}

fn no_params() -> Arc<str> {
    "{}".into()
}

fn usual_grace() -> Duration {
    Duration::from_secs(5)
}

fn absolute(path: &mut PathBuf) {
    // An empty path leads nowhere either way.
    if let Ok(absolute) = std::path::absolute(&*path) {
        *path = absolute;
    }
}

impl RunRequest {
    /// A local run of an action with empty params. The plugin is a folder, a
    /// library file, or a plugin's code.
    pub fn new(plugin: impl Into<PluginRef>, action: impl Into<String>) -> Self {
        Self {
            plugin: plugin.into(),
            action: action.into(),
            params: no_params(),
            mode: Mode::Local,
            resources: Resources::default(),
            env: Env::new(),
            timeout: None,
            grace: usual_grace(),
            record: false,
            job_id: None,
            checkpoint: None,
            state_dir: None,
            store: None,
            config: None,
            profile: Profile::Dev,
            strict_result: false,
            ray: RayOptions::default(),
            folder: None,
        }
    }

    /// The folder that the nodes of its pipeline share.
    #[must_use]
    pub(crate) fn folder(mut self, folder: Option<SharedFolder>) -> Self {
        self.folder = folder;
        self
    }

    /// The same request wherever it is made again: its paths are absolute.
    #[must_use]
    pub(crate) fn absolute(mut self) -> Self {
        if let PluginRef::Path(path) = &mut self.plugin {
            absolute(path);
        }
        let checkpoint = self.checkpoint.as_mut().map(|checkpoint| &mut checkpoint.path);
        let paths = [checkpoint, self.state_dir.as_mut(), self.store.as_mut(), self.config.as_mut()];
        paths.into_iter().flatten().for_each(absolute);
        self
    }

    /// Params, as anything that serialises to a JSON object.
    ///
    /// # Panics
    /// When `params` cannot be written as JSON, such as a map with keys that
    /// are no text.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a fault of the caller's code, not of its data")]
    pub fn params(self, params: &impl Serialize) -> Self {
        let text = serde_json::to_string(params).expect("params can be written as JSON");
        self.params_json(text)
    }

    /// Params as JSON text.
    #[must_use]
    pub fn params_json(mut self, params: impl Into<Arc<str>>) -> Self {
        self.params = params.into();
        self
    }

    /// Where to run.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// What the run may use.
    #[must_use]
    pub fn resources(mut self, resources: Resources) -> Self {
        self.resources = resources;
        self
    }

    /// Variables for this run; they go before those of config.yaml and of
    /// the process.
    #[must_use]
    pub fn env(mut self, env: impl Into<Env>) -> Self {
        self.env = env.into();
        self
    }

    /// After this long the run is cancelled, and given up after a grace time.
    /// The time is looked at while somebody takes the run's events or waits
    /// for its end.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How long a run that should stop may take to do so; 5 s unless set.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Leaves a record of the run in the home folder.
    #[must_use]
    pub fn record(mut self, record: bool) -> Self {
        self.record = record;
        self
    }

    /// The job this run belongs to. Runs of one job share their state.
    #[must_use]
    pub fn job_id(mut self, job_id: impl Into<String>) -> Self {
        self.job_id = Some(job_id.into());
        self
    }

    /// The model to start from.
    #[must_use]
    pub fn checkpoint(mut self, checkpoint: Checkpoint) -> Self {
        self.checkpoint = Some(checkpoint);
        self
    }

    /// Where the run keeps state and work files.
    #[must_use]
    pub fn state_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.state_dir = Some(folder.into());
        self
    }

    /// The folder that keeps datasets and models as long as no backend is
    /// connected; `store` in the home folder unless set.
    #[must_use]
    pub fn store(mut self, folder: impl Into<PathBuf>) -> Self {
        self.store = Some(folder.into());
        self
    }

    /// A config in place of the plugin's own.
    #[must_use]
    pub fn config(mut self, path: impl Into<PathBuf>) -> Self {
        self.config = Some(path.into());
        self
    }

    /// How a folder is built; [`Profile::Dev`] unless set.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// The cluster, for mode `task`.
    #[must_use]
    pub fn ray(mut self, options: RayOptions) -> Self {
        self.ray = options;
        self
    }

    /// Whether a result that breaks its schema fails the run, also of actions
    /// that only warn.
    #[must_use]
    pub fn strict_result(mut self, strict: bool) -> Self {
        self.strict_result = strict;
        self
    }
}
