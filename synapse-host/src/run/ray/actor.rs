//! The actor that keeps a plugin's worker on a cluster: found by its name, made
//! when it is not there, reached one way or the other.

use std::collections::VecDeque;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use synapse_ray::{Actor, ActorOptions, Address, Client, Error, Exception, Package, Value};
use synapse_sdk::errors::{IncompatiblePlugin, Result, ResultExt};
use synapse_sdk::{ErrorKind, PluginError};
use tokio::runtime::Runtime;

use super::driver::Driver;
use super::natives::natives;
use super::nodes::Nodes;
use super::options::{RayOptions, RayPath};
use super::stopper::Stopper;
use super::tunnel;
use crate::digest::FileState;
use crate::home::Home;
use crate::plugin::Plugin;
use crate::record::sha256_of;
use crate::run::agent::secret_of;
use crate::run::request::{Resources, RunRequest};
use crate::worker::seal::{SECRET, Seal};
use crate::worker::socket::Socket;
use crate::worker_program;

/// The class of the actor; it needs nothing but Ray.
const SHIM: &str = include_str!("shim.py");
const CLASS: &str = "SynapseActor";
/// Methods at once: each way through Ray Client needs two.
const CONCURRENCY: u32 = 64;
/// A worker whose port can be reached answers within this time.
const REACH: Duration = Duration::from_secs(2);
/// After so long a person is told what is waited for, and then now and then.
const SOON: Duration = Duration::from_secs(3);
const AGAIN: Duration = Duration::from_secs(30);
/// How often it is looked whether the run was cancelled.
const LOOK: Duration = Duration::from_millis(50);
/// A cluster takes so long, or a little less, to notice that a node is gone: its actors are only out of reach till then.
const GIVEN_UP: Duration = Duration::from_secs(40);
const PAUSE: Duration = Duration::from_secs(1);
/// Workers whose names are remembered.
const LAST_ONES: usize = 64;
/// How often an actor that ended before its worker had started is made again.
const ATTEMPTS: u32 = 3;
/// How long taking back what was asked for may hold up a run that was cancelled.
const FAREWELL: Duration = Duration::from_millis(500);

/// What tells one worker on a cluster from another. Those of one kind are numbered.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Worker {
    /// The actor's name: its plugin and what it was made of.
    pub(super) name: String,
    pub(super) options: RayOptions,
    resources: Resources,
    pub(super) library: PathBuf,
    pub(super) program: PathBuf,
    /// Native libraries, which travel beside the plugin's.
    pub(super) natives: Vec<PathBuf>,
    pub(super) package: String,
}

/// An actor, and whether this process had it made.
struct Found {
    actor: Actor,
    is_new: bool,
}

/// Where a worker listens, as the actor tells it.
#[derive(Deserialize)]
struct Place {
    address: SocketAddr,
    secret: String,
}

impl Worker {
    /// # Errors
    /// A file that travels cannot be read.
    pub(super) fn of(plugin: &Plugin, request: &RunRequest, number: usize) -> Result<Self> {
        /// The last ones, with the state of their files: a short call takes about as long as finding them out.
        static LAST: Mutex<VecDeque<(Worker, usize, Vec<FileState>)>> = Mutex::new(VecDeque::new());
        let library = std::path::absolute(&plugin.image().path)?;
        let program = worker_program::program()?;
        let resources = Resources { open_files: None, ..request.resources };
        let last = || LAST.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |(worker, its_number, states): &&(Self, usize, Vec<FileState>)| {
            (*its_number, &worker.resources) == (number, &resources)
                && (&worker.library, &worker.program) == (&library, &program)
                && worker.options == request.ray
                && worker.states().is_ok_and(|now| now == *states)
        };
        if let Some((worker, ..)) = last().iter().find(fits) {
            return Ok(worker.clone());
        }
        let before = [state(&library)?, state(&program)?];
        let worker = Self::found_out(plugin, request, number, library, program, resources)?;
        let states = worker.states()?;
        // A file that changed while it was read is looked at again the next time.
        if states.starts_with(&before) {
            let mut last = last();
            last.truncate(LAST_ONES - 1);
            last.push_front((worker.clone(), number, states));
        }
        Ok(worker)
    }

    fn found_out(
        plugin: &Plugin,
        request: &RunRequest,
        number: usize,
        library: PathBuf,
        program: PathBuf,
        resources: Resources,
    ) -> Result<Self> {
        let natives = natives(plugin, &request.plugin)?;
        let mut files = format!("{} {}", digest(&program)?, digest(&library)?);
        for native in &natives {
            files.push_str(&format!(" {} {}", file_name(native), digest(native)?));
        }
        let amounts = (&resources, &request.ray.resources);
        let made_of = format!("{files} {SHIM} {}", serde_json::to_string(&amounts)?);
        let code = &plugin.config().code;
        let name = match number {
            0 => format!("{code}-{}", short(&made_of)),
            _ => format!("{code}-{}-{number}", short(&made_of)),
        };
        Ok(Self {
            name,
            options: request.ray.clone(),
            resources,
            library,
            program,
            natives,
            package: Package::uri(&format!("synapse{}", short(&files))),
        })
    }

    /// The files that travel, as they are now.
    fn states(&self) -> Result<Vec<FileState>> {
        [&self.library, &self.program].into_iter().chain(&self.natives).map(|path| state(path)).collect()
    }

    /// The digest of the plugin's file.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn sha256(&self) -> Result<String> {
        digest(&self.library)
    }

    /// Where the actor writes its worker's address.
    pub(super) fn key(&self) -> String {
        format!("synapse/worker/{}", self.name)
    }

    /// A connection to the worker, which is started when it is not there.
    ///
    /// # Errors
    /// [`Remote`](ErrorKind::Remote) when the cluster or the worker cannot be
    /// reached, or can never grant the resources; [`Cancelled`](ErrorKind::Cancelled)
    /// when the run was.
    pub(super) fn connect(&self, stopper: &Stopper, tell: &dyn Fn(&str)) -> Result<Socket> {
        let address = Address::resolve(&self.options.address).map_err(failure)?;
        let client = wait(stopper, Client::connect(&address))?.map_err(failure)?;
        if self.options.path != RayPath::Client
            && let Some(place) = wait(stopper, self.known_place(&client))??
            && let Ok(socket) = direct(&place)
        {
            return Ok(socket);
        }
        // Nobody is there, or not there any more: the actor knows, if there is one.
        let driver = wait(stopper, Driver::of(&client))??;
        let (mut attempt, begun) = (1, Instant::now());
        loop {
            match self.attempt(&client, &driver, attempt, stopper, tell)? {
                Ok(socket) => return Ok(socket),
                // It was just ending, or its package is not there any more.
                Err(Error::Exception(exception)) if attempt < ATTEMPTS && may_be_made(&exception) => {
                    attempt += 1;
                }
                Err(Error::Exception(exception))
                    if exception.actor_unavailable() && begun.elapsed() < GIVEN_UP =>
                {
                    wait(stopper, async { tokio::time::sleep(PAUSE).await })?;
                }
                Err(error) => return Err(failure(error)),
            }
        }
    }

    /// A connection by way of the actor, which is made when it is not there. The inner error is
    /// what Ray says of the actor.
    fn attempt(
        &self,
        client: &Client,
        driver: &Driver,
        attempt: u32,
        stopper: &Stopper,
        tell: &dyn Fn(&str),
    ) -> Result<synapse_ray::Result<Socket>> {
        let found = wait(stopper, self.actor(client, driver, attempt, tell))??;
        let place = match wait(stopper, self.started(driver, &found.actor, tell)) {
            Ok(Ok(place)) => place,
            Ok(Err(error)) => return Ok(Err(error)),
            Err(cancelled) => {
                // It may wait for its resources, and get them when nobody wants them any more.
                if found.is_new {
                    let farewell = async { tokio::time::timeout(FAREWELL, found.actor.kill()).await };
                    let _ = runtime()?.block_on(farewell);
                }
                return Err(cancelled);
            }
        };
        match self.options.path {
            RayPath::Client => {}
            RayPath::Direct => {
                return direct(&place).map(Ok).map_err(|error| out_of_reach(&place, &error));
            }
            RayPath::Auto => {
                if let Ok(socket) = direct(&place) {
                    return Ok(Ok(socket));
                }
            }
        }
        let stream = match wait(stopper, tunnel::open(driver.clone(), found.actor))? {
            Ok(stream) => stream,
            Err(error) => return Ok(Err(error)),
        };
        let seal = Seal::initiate(&stream, &place.secret()?)?;
        Ok(Ok(Socket::sealed(stream.into(), seal)))
    }

    async fn known_place(&self, client: &Client) -> Result<Option<Place>> {
        let written = client.kv_get(self.key()).await.map_err(failure)?;
        // What cannot be read is as good as nothing.
        Ok(written.and_then(|text| serde_json::from_slice(&text).ok()))
    }

    async fn actor(
        &self,
        client: &Client,
        driver: &Driver,
        attempt: u32,
        tell: &dyn Fn(&str),
    ) -> Result<Found> {
        match driver.named_actor(&self.name).await {
            Ok(actor) => return Ok(Found { actor, is_new: false }),
            Err(Error::NoSuchActor { .. }) => {}
            Err(error) => return Err(failure(error)),
        }
        let (nodes, wanted) = (Nodes::of(driver).await?, self.wanted());
        nodes.check_feasible(&wanted)?;
        nodes.check(client, self).await?;
        tell("starting a worker on Ray");
        client
            .ensure_package(&self.package, || self.pack(None).map_err(Failure))
            .await
            .map_err(|error: Failure| error.0)?;
        let arguments = [
            Value::from(self.key()),
            Value::from(file_name(&self.library)),
            Value::from(self.options.idle.as_secs_f64()),
        ];
        let options = self.actor_options(attempt);
        let actor = driver.create_actor(SHIM, CLASS, &arguments, &options).await.map_err(failure)?;
        Ok(Found { actor, is_new: true })
    }

    fn actor_options(&self, attempt: u32) -> ActorOptions {
        let mut environment = json!({ "working_dir": self.package });
        if attempt > 1 {
            // Nodes remember that an environment could not be made: this is another one.
            environment["env_vars"] = json!({ "SYNAPSE_ATTEMPT": attempt.to_string() });
        }
        let mut options = ActorOptions::new()
            .name(&self.name)
            .detached(true)
            .get_if_exists(true)
            .max_concurrency(CONCURRENCY)
            .runtime_env(&environment);
        for (name, amount) in self.wanted() {
            options = match &*name {
                "CPU" => options.num_cpus(amount),
                "GPU" => options.num_gpus(amount),
                "memory" => options.memory(amount as u64),
                _ => options.resource(name, amount),
            };
        }
        options
    }

    /// Names as Ray has them, and amounts.
    pub(super) fn wanted(&self) -> Vec<(String, f64)> {
        let Resources { cpus, gpus, memory, .. } = self.resources;
        let all = [("CPU", Some(cpus.unwrap_or(1.0))), ("GPU", gpus), ("memory", memory.map(|it| it as f64))];
        let usual = all.into_iter().filter_map(|(name, amount)| Some((name.to_owned(), amount?)));
        usual.chain(self.options.resources.clone()).collect()
    }

    /// Waits for the worker. What Ray waits for meanwhile is told.
    async fn started(
        &self,
        driver: &Driver,
        actor: &Actor,
        tell: &dyn Fn(&str),
    ) -> synapse_ray::Result<Place> {
        let asked = actor.call("place", &[]).await?;
        let answer = driver.get(&asked, None);
        tokio::pin!(answer);
        let mut patience = SOON;
        loop {
            match tokio::time::timeout(patience, &mut answer).await {
                Ok(answer) => {
                    let place = answer.and_then(synapse_ray::Answer::into_bytes)?;
                    return serde_json::from_slice(&place).map_err(|error| Error::Malformed {
                        what: format!("what the actor tells of its worker: {error}"),
                    });
                }
                Err(_) => self.tell_of_waiting(driver, tell).await,
            }
            patience = AGAIN;
        }
    }

    async fn tell_of_waiting(&self, driver: &Driver, tell: &dyn Fn(&str)) {
        let Ok(free) = driver.available_resources().await else { return };
        let missing: Vec<_> = self
            .wanted()
            .into_iter()
            .map(|(name, wanted)| {
                let free = free.get(&name).copied().unwrap_or_default();
                (name, wanted, free)
            })
            .filter(|(_, wanted, free)| wanted > free)
            .map(|(name, wanted, free)| format!("{wanted} {name}, of which {free} are free"))
            .collect();
        if !missing.is_empty() {
            return tell(&format!("waiting for the cluster to have {}", missing.join(", and ")));
        }
        // It may be free in pieces: what single nodes have free is not told.
        let all: Vec<_> =
            self.wanted().into_iter().map(|(name, wanted)| format!("{wanted} {name}")).collect();
        tell(&format!("waiting for Ray to start the worker, which needs {} on one node", all.join(" and ")));
    }

    /// Worker and plugin in one package, and perhaps another file.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn pack(&self, beside: Option<(&str, &[u8])>) -> Result<Vec<u8>> {
        let mut package = Package::new();
        if let Some((name, bytes)) = beside {
            package.add(name, bytes, 0o600).map_err(failure)?;
        }
        let mut files = vec![("synapse-worker".to_owned(), &self.program, 0o755)];
        let libraries = std::iter::once(&self.library).chain(&self.natives);
        files.extend(libraries.map(|path| (file_name(path), path, 0o644)));
        for (name, path, mode) in files {
            let read = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
            package.add(&name, &read, mode).map_err(failure)?;
        }
        package.finish().map_err(failure)
    }
}

impl Place {
    fn secret(&self) -> Result<[u8; SECRET]> {
        secret_of(&self.secret)
            .ok_or_else(|| PluginError::new(ErrorKind::Remote, "the actor's secret cannot be read"))
    }
}

/// Straight to the worker.
fn direct(place: &Place) -> Result<Socket> {
    let stream = TcpStream::connect_timeout(&place.address, REACH)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(REACH))?;
    let seal = Seal::initiate(&stream, &place.secret()?)?;
    stream.set_read_timeout(None)?;
    let socket = Socket::sealed(stream.into(), seal).stay_awake();
    socket.notice_silence()?;
    Ok(socket)
}

fn out_of_reach(place: &Place, error: &PluginError) -> PluginError {
    let message = format!("the worker on Ray cannot be reached at {}: {}", place.address, error.message());
    PluginError::new(ErrorKind::Remote, message)
        .hint("use --ray-path client, which needs the port of Ray Client alone")
}

/// Whether an actor ended in a way that another one need not: it was just ending, or the package
/// it needs was not there any more.
fn may_be_made(exception: &Exception) -> bool {
    let ours = exception.message().contains("SYNAPSE ");
    !ours && (exception.actor_died() || exception.class == "RuntimeEnvSetupError")
}

/// The runtime of everything that speaks to Ray, made when it is first needed.
pub(super) fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let made = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("ray")
        .enable_io()
        .enable_time()
        .build()?;
    Ok(RUNTIME.get_or_init(|| made))
}

/// Waits for work on the runtime, unless the run is cancelled meanwhile.
fn wait<T>(stopper: &Stopper, work: impl Future<Output = T>) -> Result<T> {
    let cancelled = async {
        while !stopper.is_cancelled() {
            tokio::time::sleep(LOOK).await;
        }
    };
    runtime()?.block_on(async {
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = cancelled => Err(PluginError::cancelled()),
        }
    })
}

/// An error of packing, which is ours, or of Ray.
struct Failure(PluginError);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(failure(error))
    }
}

/// Errors of Ray in the terms of a run.
pub(crate) fn failure(error: Error) -> PluginError {
    if let Error::Exception(exception) = &error
        && let Some(why) =
            exception.message().split("SYNAPSE ").last().filter(|_| exception.message().contains("SYNAPSE "))
    {
        return did_not_start(why);
    }
    let remote = PluginError::new(ErrorKind::Remote, error.to_string());
    match error {
        Error::Address { .. } => PluginError::new(ErrorKind::Usage, error.to_string())
            .hint("for example --ray-address ray://127.0.0.1:10001"),
        Error::Unreachable { .. } => {
            remote.hint("start a cluster with `ray start --head`, or name another with --ray-address")
        }
        Error::Unauthenticated { .. } => remote.hint("set RAY_AUTH_TOKEN to the cluster's token"),
        Error::Tls { .. } => remote.hint(
            "RAY_USE_TLS, RAY_TLS_CA_CERT, RAY_TLS_SERVER_CERT and RAY_TLS_SERVER_KEY have to fit those of \
             the cluster's nodes",
        ),
        Error::Https { .. } => remote
            .hint("SSL_CERT_FILE names a file with the certificate of the authority that stands behind it"),
        Error::Refused { message } => {
            remote.details(json!({ "traceback": message })).hint("the cluster's own logs say more")
        }
        Error::Exception(exception) => remote.details(json!({ "traceback": exception.message() })),
        _ => remote,
    }
}

/// The worker's program did not run on its node.
pub(super) fn did_not_start(why: &str) -> PluginError {
    let message = format!("the worker did not start on the node: {}", why.trim());
    if why.contains("GLIBC_")
        || why.contains("Exec format error")
        || why.contains("cannot open shared object")
    {
        return IncompatiblePlugin::new(message)
            .hint(
                "`synapse plugin build --release --glibc VERSION` makes a bundle for older systems; SYNAPSE_WORKER \
                 names a worker that was built so",
            );
    }
    PluginError::new(ErrorKind::Remote, message)
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn state(path: &Path) -> Result<FileState> {
    let facts = fs::metadata(path).with_context(|| format!("reading {}", path.display()))?;
    Ok(FileState::of(&facts))
}

fn digest(path: &Path) -> Result<String> {
    let home = Home::from_env().ok_or_else(|| {
        PluginError::new(ErrorKind::Usage, "there is no home folder").hint("set SYNAPSE_HOME")
    })?;
    sha256_of(&home, path).with_context(|| format!("reading {}", path.display()))
}

pub(super) fn short(text: &str) -> String {
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
