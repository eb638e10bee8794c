//! Sessions: what a driver in the cluster does for us.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value as Json, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use crate::actor::{Actor, ActorOptions};
use crate::client::Client;
use crate::datapath::{self, Asked};
use crate::error::{Error, Result};
use crate::logs::Logs;
use crate::pickle::{Node, Pickle, Value, class_from_source, dumps, exception};
use crate::proto::{
    ClientTask, Empty, GetRequest, InfoType, InitRequest, PutRequest, ReleaseRequest, Request, Response,
    TaskOptions, TaskTerminate, TaskType, Terminate, TerminateRequest,
};

/// No try to open a session begins later than this.
const ENOUGH: Duration = Duration::from_secs(30);
/// How long the cluster may take for what is no call.
const PATIENCE: Duration = Duration::from_secs(50);

/// How a session is opened.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// Where names of actors are looked up unless they say so themselves.
    pub namespace: String,
    /// How long the cluster waits for us after the connection broke; 30 s
    /// unless set, none for a session that ends with its connection.
    pub grace: Duration,
    /// How often opening is tried: Ray's own proxy fails now and then.
    pub tries: u32,
    /// How long each try may take.
    pub patience: Duration,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            namespace: "default".to_owned(),
            grace: Duration::from_secs(30),
            tries: 6,
            patience: Duration::from_secs(20),
        }
    }
}

/// A session: the cluster runs a driver process for it, which takes one to three
/// seconds to start and ends with the session.
///
/// ```no_run
/// # async fn example() -> Result<(), synapse_ray::Error> {
/// use synapse_ray::{ActorOptions, Address, Client, SessionOptions, Value};
///
/// let client = Client::connect(&Address::resolve("auto")?).await?;
/// let session = client.session(SessionOptions::default()).await?;
/// let source = "class Adder:\n    def add(self, a, b):\n        return a + b\n";
/// let adder = session.create_actor(source, "Adder", &[], &ActorOptions::new().num_cpus(0.5)).await?;
/// let sum = adder.call("add", &[Value::from(40), Value::from(2)]).await?;
/// let sum = session.get(&sum, None).await?;
/// assert_eq!(sum.pickle()?.root(), &synapse_ray::pickle::Node::Int(42));
/// session.close().await
/// # }
/// ```
pub struct Session {
    shared: Arc<Shared>,
    client: Client,
}

pub(crate) struct Shared {
    queue: mpsc::UnboundedSender<Asked>,
    client_id: Arc<str>,
}

/// Something in the cluster's object store, given back when this is dropped.
pub struct ObjectRef {
    id: Bytes,
    shared: Arc<Shared>,
}

impl Drop for ObjectRef {
    fn drop(&mut self) {
        let request = Request::Release(ReleaseRequest { ids: vec![self.id.clone()] });
        // With the session all of its objects go.
        let _ = self.shared.queue.send(Asked { request, reply: None });
    }
}

/// What a call returned, as Python pickled it.
#[derive(Clone, Debug)]
pub struct Answer(Bytes);

impl Answer {
    /// The pickle, taken apart.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn pickle(&self) -> Result<Pickle<'_>> {
        Pickle::read(&self.0)
    }

    /// The answer, which has to be `bytes`.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn into_bytes(self) -> Result<Bytes> {
        let pickle = self.pickle()?;
        match pickle.root() {
            Node::Bytes(bytes) => Ok(self.0.slice_ref(bytes)),
            other => Err(Error::malformed(format!("expected bytes, found {other:?}"))),
        }
    }
}

/// Versions of a cluster's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions {
    /// Of Ray, such as `2.60.0`.
    pub ray: String,
    /// Of Python, such as `3.11.7`.
    pub python: String,
}

impl Client {
    /// Opens a session, trying again when the cluster fails to.
    ///
    /// # Errors
    /// [`Error::Refused`] with the last traceback; the connection's own.
    pub async fn session(&self, options: SessionOptions) -> Result<Session> {
        let kwargs = json!({ "namespace": options.namespace }).to_string();
        let init = InitRequest {
            job_config: Bytes::new(),
            ray_init_kwargs: kwargs,
            reconnect_grace_period: i32::try_from(options.grace.as_secs()).unwrap_or(i32::MAX),
        };
        let mut tries = options.tries.max(1);
        let mut pause = Duration::from_millis(100);
        let begun = Instant::now();
        loop {
            tries -= 1;
            pause *= 2;
            // Every try is another client: of a failed one the cluster may keep something.
            let client = self.anew().await?;
            let init = Request::Init(init.clone());
            match datapath::open(&client, init, options.grace, options.patience).await {
                Ok(queue) => {
                    let shared = Arc::new(Shared { queue, client_id: Arc::clone(&client.id) });
                    return Ok(Session { shared, client });
                }
                Err(
                    error @ (Error::Unauthenticated { .. } | Error::Malformed { .. } | Error::Tls { .. }),
                ) => return Err(error),
                Err(error) if tries == 0 || begun.elapsed() > ENOUGH => return Err(error),
                Err(_) => tokio::time::sleep(pause).await,
            }
        }
    }
}

impl Session {
    /// Puts a value into the object store.
    ///
    /// # Errors
    /// An exception in the cluster; the connection's own.
    pub async fn put(&self, value: &Value) -> Result<ObjectRef> {
        self.put_pickle(dumps(value)).await
    }

    async fn put_pickle(&self, pickle: Vec<u8>) -> Result<ObjectRef> {
        let total_size = i64::try_from(pickle.len()).unwrap_or(i64::MAX);
        let put = PutRequest { data: pickle.into(), total_chunks: 1, total_size, ..PutRequest::default() };
        match self.shared.ask(Request::Put(put)).await? {
            Response::Put(put) if put.valid => Ok(self.shared.object(put.id)),
            Response::Put(put) => Err(raised(&put.error)),
            _ => Err(Error::malformed("another answer than the one to put")),
        }
    }

    /// Makes an actor of a class that `source` defines, with `arguments`. Names of the source are
    /// looked up on the worker only when its methods run.
    ///
    /// The actor's process may still be starting when this returns.
    ///
    /// # Errors
    /// An exception in the cluster, such as one the source raises.
    pub async fn create_actor(
        &self,
        source: &str,
        class: &str,
        arguments: &[Value],
        options: &ActorOptions,
    ) -> Result<Actor> {
        let class = self.put_pickle(class_from_source(source, class)).await?;
        let task = ClientTask {
            payload_id: class.id.clone(),
            options: Some(TaskOptions { pickled_options: dumps(&options.to_value()).into() }),
            ..self.shared.task(TaskType::Actor, arguments)
        };
        let id = soon("an actor", self.shared.schedule(task)).await?;
        Ok(Actor::new(id, Arc::clone(&self.shared)))
    }

    /// The actor of a name in the session's namespace.
    ///
    /// # Errors
    /// [`Error::NoSuchActor`]; the connection's own.
    pub async fn named_actor(&self, name: &str) -> Result<Actor> {
        let task = ClientTask { name: name.to_owned(), ..self.shared.task(TaskType::NamedActor, &[]) };
        match soon("an actor's name", self.shared.schedule(task)).await {
            Ok(id) => Ok(Actor::new(id, Arc::clone(&self.shared))),
            Err(Error::Exception(exception)) if exception.class == "ValueError" => {
                Err(Error::NoSuchActor { name: name.to_owned() })
            }
            Err(error) => Err(error),
        }
    }

    /// Waits for what a call returns, no longer than `patience`.
    ///
    /// # Errors
    /// [`Error::Exception`] when the call raised one or its actor is gone;
    /// [`Error::TimedOut`].
    pub async fn get(&self, object: &ObjectRef, patience: Option<Duration>) -> Result<Answer> {
        let get = GetRequest { ids: vec![object.id.clone()], asynchronous: true, ..GetRequest::default() };
        let asking = self.shared.ask(Request::Get(get));
        let response = match patience {
            Some(after) => timeout(after, asking)
                .await
                .map_err(|_| Error::TimedOut { what: "the result of a call".to_owned(), after })??,
            None => asking.await?,
        };
        let Response::Get(got) = response else {
            return Err(Error::malformed("another answer than the one to get"));
        };
        if !got.valid {
            return Err(raised(&got.error));
        }
        // Short answers may be exceptions: as values they look alike.
        let raised = is_rays_exception(&got.data).then(|| Pickle::read(&got.data).ok());
        match raised.flatten().as_ref().and_then(exception) {
            Some(exception) => Err(Error::Exception(exception)),
            None => Ok(Answer(got.data)),
        }
    }

    /// Tells the cluster that nobody needs what a call would return. A method
    /// that runs goes on; one that waits for its turn never runs.
    ///
    /// # Errors
    /// The connection's own.
    pub async fn cancel(&self, object: &ObjectRef) -> Result<()> {
        let task = TaskTerminate { id: object.id.clone(), force: false, recursive: true };
        self.shared.terminate(Terminate::Task(task)).await
    }

    /// All resources of the cluster, by name; `CPU` and `GPU` in processors,
    /// `memory` in bytes.
    ///
    /// # Errors
    /// The call fails.
    pub async fn cluster_resources(&self) -> Result<BTreeMap<String, f64>> {
        self.client.resources(InfoType::ClusterResources).await
    }

    /// The resources that are free now.
    ///
    /// # Errors
    /// The call fails.
    pub async fn available_resources(&self) -> Result<BTreeMap<String, f64>> {
        self.client.resources(InfoType::AvailableResources).await
    }

    /// The cluster's nodes as Ray describes them, in JSON.
    ///
    /// # Errors
    /// The call fails.
    pub async fn nodes(&self) -> Result<Json> {
        self.client.json(InfoType::Nodes).await
    }

    /// Versions of the head.
    ///
    /// # Errors
    /// The connection's own.
    pub async fn versions(&self) -> Result<Versions> {
        match self.shared.ask(Request::ConnectionInfo(Empty {})).await? {
            Response::ConnectionInfo(info) => {
                Ok(Versions { ray: info.ray_version, python: info.python_version })
            }
            _ => Err(Error::malformed("another answer than the one to connection info")),
        }
    }

    /// What tasks and actors of this session print.
    ///
    /// # Errors
    /// The connection's own.
    pub async fn logs(&self) -> Result<Logs> {
        Logs::open(&self.client).await
    }

    /// Whether it can still be used: not when its connection ended and could not be
    /// taken up again.
    pub fn is_open(&self) -> bool {
        !self.shared.queue.is_closed()
    }

    /// Ends the session, and with it its driver and what that holds.
    ///
    /// # Errors
    /// The connection's own; the cluster then ends the session by itself, after its grace time.
    pub async fn close(self) -> Result<()> {
        soon("the end of the session", self.shared.ask(Request::ConnectionCleanup(Empty {}))).await.map(drop)
    }
}

impl Shared {
    pub(crate) fn object(self: &Arc<Self>, id: Bytes) -> ObjectRef {
        ObjectRef { id, shared: Arc::clone(self) }
    }

    pub(crate) async fn ask(&self, request: Request) -> Result<Response> {
        let (reply, answer) = oneshot::channel();
        let ended = || Error::closed("the session has ended");
        self.queue.send(Asked { request, reply: Some(reply) }).map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }

    pub(crate) fn task(&self, kind: TaskType, arguments: &[Value]) -> ClientTask {
        ClientTask {
            r#type: kind as i32,
            client_id: self.client_id.to_string(),
            data: crate::pickle::call_data(arguments).into(),
            total_chunks: 1,
            ..ClientTask::default()
        }
    }

    /// Starts a task; gives the id of what it returns.
    pub(crate) async fn schedule(&self, task: ClientTask) -> Result<Bytes> {
        match self.ask(Request::Task(task)).await? {
            Response::TaskTicket(ticket) if ticket.valid => {
                let first = ticket.return_ids.into_iter().next();
                first.ok_or_else(|| Error::malformed("a ticket for nothing"))
            }
            Response::TaskTicket(ticket) => Err(raised(&ticket.error)),
            _ => Err(Error::malformed("another answer than the one to a task")),
        }
    }

    pub(crate) async fn terminate(&self, what: Terminate) -> Result<()> {
        let request = TerminateRequest { client_id: self.client_id.to_string(), what: Some(what) };
        self.ask(Request::Terminate(request)).await.map(drop)
    }
}

/// Waits for an answer that does not depend on what runs in the cluster.
async fn soon<T>(what: &str, answer: impl Future<Output = Result<T>>) -> Result<T> {
    let late = |_| Error::TimedOut { what: what.to_owned(), after: PATIENCE };
    timeout(PATIENCE, answer).await.map_err(late)?
}

/// The error that a pickled exception stands for.
fn raised(pickle: &[u8]) -> Error {
    match Pickle::read(pickle).map(|pickle| exception(&pickle)) {
        Ok(Some(exception)) => Error::Exception(exception),
        _ => Error::malformed("an exception that is none"),
    }
}

/// Whether a pickle begins as those of Ray's exceptions do. The usual answer,
/// which may be long, is then not looked at any further.
fn is_rays_exception(pickle: &[u8]) -> bool {
    let head = &pickle[..pickle.len().min(64)];
    let name = b"ray.exceptions";
    head.windows(name.len()).any(|window| window == name)
}
