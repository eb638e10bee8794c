//! A connection to Ray Client, and what needs no session.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prost::Message;

use crate::address::Address;
use crate::error::{Error, Result};
use crate::grpc::Channel;
use crate::proto::{
    ClusterInfo, ClusterInfoRequest, ClusterInfoResponse, Empty, InfoType, KvDelRequest, KvDelResponse,
    KvExistsRequest, KvExistsResponse, KvGetRequest, KvGetResponse, KvListRequest, KvListResponse,
    KvPutRequest, KvPutResponse, PinRequest,
};
use crate::tls::{Tls, TlsFiles};

/// How to connect.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// How long connecting may take; 5 s unless set.
    pub patience: Duration,
    /// The cluster's token, for clusters that ask for one.
    pub token: Option<String>,
    /// The files of TLS, for clusters that use it.
    pub tls: Option<TlsFiles>,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self { patience: Duration::from_secs(5), token: None, tls: None }
    }
}

impl ConnectOptions {
    /// With the token that Ray's own tools would use: `RAY_AUTH_TOKEN`, or the
    /// file that `RAY_AUTH_TOKEN_PATH` names, or with `RAY_AUTH_MODE=token`
    /// the one in `~/.ray/auth_token`; and with their files of TLS: with
    /// `RAY_USE_TLS=1` those that `RAY_TLS_SERVER_CERT`, `RAY_TLS_SERVER_KEY` and
    /// `RAY_TLS_CA_CERT` name.
    pub fn from_env() -> Self {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let usual = || {
            set("RAY_AUTH_MODE").filter(|mode| mode == "token")?;
            Some(format!("{}/.ray/auth_token", set("HOME")?))
        };
        let of_file = || std::fs::read_to_string(set("RAY_AUTH_TOKEN_PATH").or_else(usual)?).ok();
        let token = set("RAY_AUTH_TOKEN").or_else(of_file).map(|token| token.trim().to_owned());
        let file = |name| set(name).map(PathBuf::from).unwrap_or_default();
        let uses_tls = set("RAY_USE_TLS").is_some_and(|it| matches!(&*it.to_ascii_lowercase(), "1" | "true"));
        let tls = uses_tls.then(|| TlsFiles {
            certificate: file("RAY_TLS_SERVER_CERT"),
            key: file("RAY_TLS_SERVER_KEY"),
            authority: file("RAY_TLS_CA_CERT"),
        });
        Self { token, tls, ..Self::default() }
    }
}

/// A connection to the Ray Client port of a cluster.
///
/// Calls of this type are answered by the port's own process: they take about a
/// millisecond and start nothing in the cluster. A [`Session`](crate::Session)
/// does the rest.
///
/// ```no_run
/// # async fn example() -> Result<(), synapse_ray::Error> {
/// use synapse_ray::{Address, Client};
///
/// let client = Client::connect(&Address::resolve("ray://head:10001")?).await?;
/// client.kv_put("greeting", "hello", true).await?;
/// assert_eq!(client.kv_get("greeting").await?.as_deref(), Some(&b"hello"[..]));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    pub(crate) channel: Channel,
    pub(crate) id: Arc<str>,
    pub(crate) options: ConnectOptions,
}

/// How long a call that starts nothing in the cluster may take.
const ANSWER: Duration = Duration::from_secs(50);

const KV_GET: &str = "/ray.rpc.RayletDriver/KVGet";
const KV_PUT: &str = "/ray.rpc.RayletDriver/KVPut";
const KV_DEL: &str = "/ray.rpc.RayletDriver/KVDel";
const KV_LIST: &str = "/ray.rpc.RayletDriver/KVList";
const KV_EXISTS: &str = "/ray.rpc.RayletDriver/KVExists";
const PIN: &str = "/ray.rpc.RayletDriver/PinRuntimeEnvURI";
const CLUSTER_INFO: &str = "/ray.rpc.RayletDriver/ClusterInfo";

impl Client {
    /// Connects, with the token and the files of TLS that the environment names.
    ///
    /// # Errors
    /// [`Error::Unreachable`]; [`Error::Tls`].
    pub async fn connect(address: &Address) -> Result<Self> {
        Self::connect_with(address, ConnectOptions::from_env()).await
    }

    /// Connects.
    ///
    /// # Errors
    /// [`Error::Unreachable`]; [`Error::Tls`].
    pub async fn connect_with(address: &Address, options: ConnectOptions) -> Result<Self> {
        let tls = options.tls.as_ref().map(Tls::read).transpose()?;
        let (place, token) = (address.client(), options.token.as_deref());
        let channel = Channel::connect(place, token, tls, options.patience).await?;
        Ok(Self { channel, id: fresh_id().into(), options })
    }

    /// Host and port it leads to.
    pub fn place(&self) -> &str {
        self.channel.place()
    }

    /// Another connection to the same place, for whom the cluster does not know.
    pub(crate) async fn anew(&self) -> Result<Self> {
        let channel = self.channel.again(self.options.patience).await?;
        Ok(Self { channel, id: fresh_id().into(), options: self.options.clone() })
    }

    /// Asks whether the port answers, and waits as long as for a connection.
    ///
    /// # Errors
    /// It does not, or refuses the token.
    pub async fn ping(&self) -> Result<()> {
        self.within(self.options.patience, CLUSTER_INFO, self.info(InfoType::Ping)).await.map(drop)
    }

    /// The value of a key in the cluster's store.
    ///
    /// # Errors
    /// The call fails.
    pub async fn kv_get(&self, key: impl Into<Bytes>) -> Result<Option<Bytes>> {
        let answer: KvGetResponse = self.unary(KV_GET, &KvGetRequest { key: key.into() }).await?;
        Ok(answer.value)
    }

    /// Sets a key, or leaves the value it has unless told to `overwrite` it.
    /// True when there was one.
    ///
    /// # Errors
    /// The call fails.
    pub async fn kv_put(
        &self,
        key: impl Into<Bytes>,
        value: impl Into<Bytes>,
        overwrite: bool,
    ) -> Result<bool> {
        let request = KvPutRequest { key: key.into(), value: value.into(), overwrite };
        let answer: KvPutResponse = self.unary(KV_PUT, &request).await?;
        Ok(answer.already_exists)
    }

    /// Removes a key, if it is there: the port does not tell.
    ///
    /// # Errors
    /// The call fails.
    pub async fn kv_del(&self, key: impl Into<Bytes>) -> Result<()> {
        let request = KvDelRequest { key: key.into(), del_by_prefix: false };
        self.unary::<KvDelResponse>(KV_DEL, &request).await.map(drop)
    }

    /// The keys that begin with `prefix`.
    ///
    /// # Errors
    /// The call fails.
    pub async fn kv_list(&self, prefix: impl Into<Bytes>) -> Result<Vec<Bytes>> {
        let answer: KvListResponse = self.unary(KV_LIST, &KvListRequest { prefix: prefix.into() }).await?;
        Ok(answer.keys)
    }

    /// Whether a key has a value.
    ///
    /// # Errors
    /// The call fails.
    pub async fn kv_exists(&self, key: impl Into<Bytes>) -> Result<bool> {
        let answer: KvExistsResponse = self.unary(KV_EXISTS, &KvExistsRequest { key: key.into() }).await?;
        Ok(answer.exists)
    }

    /// Keeps a package of a runtime environment from being removed for a while.
    ///
    /// # Errors
    /// The call fails; so it does when there is no such package.
    pub async fn pin(&self, uri: &str, time: Duration) -> Result<()> {
        let expiration_s = i32::try_from(time.as_secs()).unwrap_or(i32::MAX);
        let request = PinRequest { uri: uri.to_owned(), expiration_s };
        self.unary::<Empty>(PIN, &request).await.map(drop)
    }

    pub(crate) async fn info(&self, what: InfoType) -> Result<Option<ClusterInfo>> {
        let request = ClusterInfoRequest { r#type: what as i32 };
        let answer: ClusterInfoResponse = self.unary(CLUSTER_INFO, &request).await?;
        Ok(answer.info)
    }

    pub(crate) async fn resources(&self, what: InfoType) -> Result<BTreeMap<String, f64>> {
        match self.info(what).await? {
            Some(ClusterInfo::Resources(resources)) => Ok(resources.table.into_iter().collect()),
            _ => Err(Error::malformed("a table of resources")),
        }
    }

    pub(crate) async fn json(&self, what: InfoType) -> Result<serde_json::Value> {
        match self.info(what).await? {
            Some(ClusterInfo::Json(text)) => {
                serde_json::from_str(&text).map_err(|error| Error::malformed(error.to_string()))
            }
            _ => Err(Error::malformed("facts about the cluster")),
        }
    }

    async fn unary<A: Message + Default>(&self, call: &'static str, request: &impl Message) -> Result<A> {
        self.within(ANSWER, call, self.channel.unary(call, &self.id, request)).await
    }

    /// What listens there may be no cluster, and never answer.
    async fn within<T>(
        &self,
        limit: Duration,
        call: &'static str,
        answer: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| {
            let what = format!("an answer of {} to {call}", self.channel.place());
            Err(Error::TimedOut { what, after: limit })
        })
    }
}

/// A name that no other client has: 128 bits that the system drew by lot.
fn fresh_id() -> String {
    let half = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", half(), half())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_and_files_are_those_of_rays_own_tools() {
        let variables = [("RAY_USE_TLS", "true"), ("RAY_TLS_CA_CERT", "ca"), ("RAY_AUTH_TOKEN", " t\n")];
        let of = |name: &str| Some(variables.iter().find(|(known, _)| *known == name)?.1.to_owned());
        let options = ConnectOptions::from_variables(of);
        assert_eq!(options.token.as_deref(), Some("t"));
        let files = TlsFiles { authority: "ca".into(), ..TlsFiles::default() };
        assert_eq!(options.tls, Some(files));
        let off = ConnectOptions::from_variables(|name| (name == "RAY_USE_TLS").then(|| "0".to_owned()));
        assert_eq!((off.token, off.tls), (None, None));
    }

    #[test]
    fn no_two_clients_have_one_name() {
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| fresh_id()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() == 32));
    }
}
