//! Ray Serve: applications that answer over HTTP.
//!
//! The interface is declarative: what is put is all there shall be. So a change is made by reading what there
//! is, and putting it back with the change; the configs of other applications go back byte for byte.
//! Nothing in the interface keeps two who do so at the same moment apart: the later one wins.

use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Dashboard;
use super::http::{Body, Door};
use super::logs::LogStream;
use crate::client::ConnectOptions;
use crate::error::{Error, Result};

const PATH: &str = "/api/serve/applications/";
/// The first application starts Ray Serve.
const PATIENCE: Duration = Duration::from_secs(120);

/// What Ray Serve is and does.
#[derive(Debug, Deserialize)]
#[non_exhaustive]
pub struct Serve {
    proxy_location: Option<Box<RawValue>>,
    http_options: Option<Box<RawValue>>,
    grpc_options: Option<Box<RawValue>>,
    target_capacity: Option<Box<RawValue>>,
    /// The applications, by their names.
    #[serde(default)]
    pub applications: BTreeMap<String, Application>,
}

/// An application.
#[derive(Debug, Deserialize)]
#[non_exhaustive]
pub struct Application {
    /// The path that leads to it; none leads to one that is being deleted.
    pub route_prefix: Option<String>,
    /// How far it is.
    pub status: ApplicationStatus,
    /// What Ray says of that; of one that could not be deployed a traceback.
    #[serde(default)]
    pub message: String,
    /// Who deployed it.
    pub source: Option<ServeSource>,
    /// When it was deployed, in seconds since 1970.
    pub last_deployed_time_s: Option<f64>,
    /// Its parts, by their names.
    #[serde(default)]
    pub deployments: BTreeMap<String, ServeDeployment>,
    /// What was put, as it was; none of one that a program of Python deployed.
    #[serde(rename = "deployed_app_config")]
    pub config: Option<Box<RawValue>>,
}

/// A part of an application.
#[derive(Debug, Deserialize)]
#[non_exhaustive]
pub struct ServeDeployment {
    /// `HEALTHY`, `UPDATING`, …
    pub status: String,
    /// What Ray says of that.
    #[serde(default)]
    pub message: String,
    /// How many replicas there should be.
    pub target_num_replicas: Option<u32>,
    /// Those there are.
    #[serde(default)]
    pub replicas: Vec<Replica>,
}

/// A process that answers.
#[derive(Debug, Deserialize)]
#[non_exhaustive]
pub struct Replica {
    /// Its name.
    pub replica_id: String,
    /// `RUNNING`, `STARTING`, …
    pub state: String,
    /// Its process there.
    pub pid: Option<u32>,
    /// The address of its node.
    pub node_ip: Option<String>,
}

/// How far an application is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum ApplicationStatus {
    /// It has not been begun with.
    NotStarted,
    /// Its replicas are being started, or changed.
    Deploying,
    /// It answers.
    Running,
    /// It could not be deployed.
    DeployFailed,
    /// It answered, and replicas of it do not any more.
    Unhealthy,
    /// It is being deleted.
    Deleting,
    /// A status that this crate does not know.
    #[serde(other)]
    Other,
}

/// Who deployed an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ServeSource {
    /// Whoever put its config.
    Declarative,
    /// A program of Python.
    Imperative,
    /// Somebody that this crate does not know.
    #[serde(other)]
    Other,
}

/// What is to be changed.
#[derive(Clone, Debug)]
pub enum ServeChange {
    /// An application is added, or takes the place of the one that has its name.
    Put(serde_json::Value),
    /// The application of this name is deleted.
    Delete(String),
}

impl ServeChange {
    fn name(&self) -> &str {
        match self {
            Self::Put(config) => config["name"].as_str().unwrap_or_default(),
            Self::Delete(name) => name,
        }
    }
}

/// Where the proxies listen.
#[derive(Deserialize)]
struct HttpOptions {
    port: Option<u16>,
    #[serde(default)]
    root_path: String,
}

/// All there shall be.
#[derive(Serialize)]
struct Wanted<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy_location: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_options: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grpc_options: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_capacity: Option<&'a RawValue>,
    applications: Vec<Config<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Config<'a> {
    Kept(&'a RawValue),
    Ours(&'a serde_json::Value),
}

impl Serve {
    /// The port of the proxies, and the path before all others.
    pub fn http(&self) -> (u16, String) {
        let read = |options: &RawValue| serde_json::from_str::<HttpOptions>(options.get()).ok();
        match self.http_options.as_deref().and_then(read) {
            Some(options) => {
                (options.port.unwrap_or(8000), options.root_path.trim_end_matches('/').to_owned())
            }
            None => (8000, String::new()),
        }
    }

    /// All there shall be after `changes`, as JSON.
    pub(crate) fn changed(&self, changes: &[ServeChange]) -> Result<Vec<u8>> {
        let stays = |name: &str, application: &Application| {
            // Put back, one that is being deleted would come to life again.
            application.status != ApplicationStatus::Deleting
                && application.source != Some(ServeSource::Imperative)
                && changes.iter().all(|change| change.name() != name)
        };
        let kept = self.applications.iter().filter(|(name, application)| stays(name, application));
        let mut applications: Vec<_> =
            kept.filter_map(|(_, application)| application.config.as_deref().map(Config::Kept)).collect();
        applications.extend(changes.iter().filter_map(|change| match change {
            ServeChange::Put(config) => Some(Config::Ours(config)),
            ServeChange::Delete(_) => None,
        }));
        let is_said = |value: &&RawValue| value.get() != "null";
        let wanted = Wanted {
            proxy_location: self.proxy_location.as_deref().filter(is_said),
            http_options: self.http_options.as_deref().filter(is_said),
            grpc_options: self.grpc_options.as_deref().filter(is_said),
            target_capacity: self.target_capacity.as_deref().filter(is_said),
            applications,
        };
        serde_json::to_vec(&wanted).map_err(|error| Error::malformed(error.to_string()))
    }
}

impl Dashboard {
    /// What Ray Serve is and does; nothing while it has not been started.
    ///
    /// # Errors
    /// As [`version`](Self::version); [`Error::Http`] where the cluster has no Ray Serve.
    pub async fn serve(&self) -> Result<Serve> {
        self.get(PATH).await
    }

    /// Changes applications, and leaves all others as they are. Once it returns Ray has taken note; how far
    /// it is [`serve`](Self::serve) tells.
    ///
    /// # Errors
    /// As [`serve`](Self::serve); [`Error::Http`] with status 400 for a config that breaks Ray's rules.
    pub async fn change_serve(&self, changes: &[ServeChange]) -> Result<()> {
        let wanted = self.serve().await?.changed(changes)?;
        self.door.send_within(PATIENCE, "PUT", PATH, Body::JsonText(wanted.into())).await.map(drop)
    }
}

/// An application, asked by way of a proxy of Ray Serve.
pub struct Route {
    door: Door,
    path: String,
}

/// What an application answers.
pub struct RouteAnswer {
    /// From 100 to 599.
    pub status: u16,
    body: LogStream,
}

impl Route {
    /// The application at `http://HOST:PORT/PATH`, or `https`.
    ///
    /// # Errors
    /// [`Error::Address`] for another URL; [`Error::Https`].
    pub fn at(url: &str) -> Result<Self> {
        let wrong = || Error::Address {
            given: url.to_owned(),
            why: "expected the URL of an application, such as http://head:8000/greet-greet".to_owned(),
        };
        let (scheme, place) = url.split_once("://").ok_or_else(wrong)?;
        let (place, path) = place.split_once('/').unwrap_or((place, ""));
        let has_port = place.rsplit(']').next().is_some_and(|end| end.contains(':'));
        let port = match scheme {
            "http" | "https" if has_port => "",
            "http" => ":80",
            "https" => ":443",
            _ => return Err(wrong()),
        };
        let door = Door::at(&format!("{scheme}://{place}{port}"), ConnectOptions::default())?;
        Ok(Self { door, path: format!("/{}", path.trim_end_matches('/')) })
    }

    /// Posts JSON to what stands below the application's own path, such as `?stream=1`.
    ///
    /// # Errors
    /// [`Error::Unreachable`]; an answer that says no is none.
    pub async fn post(&self, below: &str, json: String) -> Result<RouteAnswer> {
        self.exchange("POST", below, Body::JsonText(json.into())).await
    }

    /// Gets what stands below the application's own path, such as `/schema`.
    ///
    /// # Errors
    /// As [`post`](Self::post).
    pub async fn get(&self, below: &str) -> Result<RouteAnswer> {
        self.exchange("GET", below, Body::None).await
    }

    async fn exchange(&self, method: &'static str, below: &str, body: Body) -> Result<RouteAnswer> {
        let path = format!("{}{below}", self.path);
        let answer = self.door.exchange(method, &path, body).await?;
        Ok(RouteAnswer { status: answer.status().as_u16(), body: LogStream::of(answer.into_body()) })
    }
}

impl RouteAnswer {
    /// Whether it says yes.
    pub fn is_success(&self) -> bool {
        StatusCode::from_u16(self.status).is_ok_and(|status| status.is_success())
    }

    /// The next bytes of its body, and `None` after the last.
    ///
    /// # Errors
    /// [`Error::Closed`] when the connection broke.
    pub async fn next(&mut self) -> Result<Option<bytes::Bytes>> {
        self.body.next().await
    }

    /// All of its body.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn whole(mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while let Some(more) = self.next().await? {
            bytes.extend_from_slice(&more);
        }
        Ok(bytes)
    }
}

/// Reads what the dashboard tells of Ray Serve.
#[cfg(any(test, fuzzing))]
pub(crate) fn read_serve(bytes: &bytes::Bytes) -> Result<Serve> {
    super::read(PATH, bytes)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;

    const TOLD: &str = r#"{"proxy_location":"EveryNode","http_options":{"host":"0.0.0.0","port":8123,"root_path":"/x/"},
        "grpc_options":null,"target_capacity":null,"applications":{
        "a":{"route_prefix":"/a","status":"RUNNING","message":"","source":"declarative",
             "deployed_app_config":{"name":"a", "args":{"z":1.50,"a":[1e3]},  "import_path":"m:f"},
             "deployments":{"d":{"status":"HEALTHY","target_num_replicas":2,
                                 "replicas":[{"replica_id":"r","state":"RUNNING","pid":7,"node_ip":"n"}]}}},
        "b":{"route_prefix":"/b","status":"SOMETHING_NEW","deployed_app_config":{"name":"b"}},
        "c":{"status":"DELETING","deployed_app_config":{"name":"c"}},
        "d":{"status":"RUNNING","source":"imperative","deployed_app_config":null}}}"#;

    fn told() -> Serve {
        read_serve(&TOLD.into()).unwrap()
    }

    fn put(changes: &[ServeChange]) -> String {
        String::from_utf8(told().changed(changes).unwrap()).unwrap()
    }

    #[test]
    fn what_ray_tells_is_read() {
        let serve = told();
        assert_eq!(serve.http(), (8123, "/x".to_owned()));
        let a = &serve.applications["a"];
        assert_eq!((a.status, a.deployments["d"].replicas[0].pid), (ApplicationStatus::Running, Some(7)));
        assert_eq!(serve.applications["b"].status, ApplicationStatus::Other);
    }

    #[test]
    fn others_go_back_byte_for_byte() {
        let a = r#"{"name":"a", "args":{"z":1.50,"a":[1e3]},  "import_path":"m:f"}"#;
        let options = r#""http_options":{"host":"0.0.0.0","port":8123,"root_path":"/x/"}"#;
        let head = format!(r#"{{"proxy_location":"EveryNode",{options},"applications":["#);
        let added = put(&[ServeChange::Put(json!({ "name": "ours" }))]);
        assert_eq!(added, format!(r#"{head}{a},{{"name":"b"}},{{"name":"ours"}}]}}"#));
        assert_eq!(put(&[ServeChange::Delete("b".to_owned())]), format!("{head}{a}]}}"));
        let replaced = put(&[ServeChange::Put(json!({ "name": "b", "n": 1 }))]);
        assert_eq!(replaced, format!(r#"{head}{a},{{"name":"b","n":1}}]}}"#));
    }

    #[test]
    fn a_cluster_on_which_serve_was_never_started_is_empty() {
        let serve = read_serve(&r#"{"applications":{}}"#.into()).unwrap();
        assert_eq!(serve.http(), (8000, String::new()));
        assert_eq!(serve.changed(&[]).unwrap(), br#"{"applications":[]}"#);
    }

    #[test]
    fn a_route_is_the_url_of_an_application() {
        assert_eq!(Route::at("http://head:8000/greet/").unwrap().path, "/greet");
        assert_eq!(Route::at("http://head/a/b").unwrap().door.place(), "head:80");
        for wrong in ["ftp://head/greet", "head:8000", ""] {
            assert!(Route::at(wrong).is_err(), "{wrong}");
        }
    }
}
