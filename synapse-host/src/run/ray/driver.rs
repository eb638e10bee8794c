//! The session that this process has with a cluster, while somebody needs it.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Weak};

use synapse_ray::{Client, Session, SessionOptions};
use synapse_sdk::errors::Result;
use tokio::sync::Mutex;

use super::actor::{failure, runtime};

/// Where actors have their names.
const NAMESPACE: &str = "synapse";

/// By host and port.
static OPEN: Mutex<Option<HashMap<String, Weak<Session>>>> = Mutex::const_new(None);

/// A share in a session: the cluster starts a process for each, which takes it
/// a second or three. It is closed with its last share.
#[derive(Clone)]
pub(crate) struct Driver(Option<Arc<Session>>);

impl Driver {
    /// A share in the session with a cluster; it is opened when there is none.
    ///
    /// # Errors
    /// The cluster opens none.
    pub(super) async fn of(client: &Client) -> Result<Self> {
        // Whoever comes while one is opened waits for it.
        let mut open = OPEN.lock().await;
        let open = open.get_or_insert_default();
        let known = open.get(client.place()).and_then(Weak::upgrade).filter(|session| session.is_open());
        if let Some(session) = known {
            return Ok(Self(Some(session)));
        }
        let options = SessionOptions { namespace: NAMESPACE.to_owned(), ..SessionOptions::default() };
        let session = Arc::new(client.session(options).await.map_err(failure)?);
        open.insert(client.place().to_owned(), Arc::downgrade(&session));
        Ok(Self(Some(session)))
    }
}

impl Deref for Driver {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.0.as_ref().expect("only dropping takes it")
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(session) = self.0.take().and_then(Arc::into_inner)
            && let Ok(runtime) = runtime()
        {
            // What the cluster cannot be told it notices.
            runtime.spawn(session.close());
        }
    }
}
