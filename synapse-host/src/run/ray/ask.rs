//! Asks endpoints, over HTTP as anybody would.

use serde_json::Value;
use synapse_ray::{Error, Route, RouteAnswer};
use synapse_sdk::errors::{Result, ResultExt};
use synapse_sdk::events::Event;
use synapse_sdk::{ErrorKind, PluginError};

use super::actor::{failure, runtime};
use super::endpoints::Endpoints;
use super::sent::SentEvents;
use crate::record::parse_event;

/// What an endpoint tells on its way to a result.
pub(crate) enum Answered {
    /// The action reported something.
    Event(Box<Event<'static>>),
}

impl Endpoints {
    /// The schema of the params of the endpoint at a URL.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub(crate) fn schema(url: &str) -> Result<Value> {
        runtime()?.block_on(async {
            let answer = Route::at(url).map_err(failure)?.get("/schema").await.map_err(unanswered)?;
            whole(answer).await
        })
    }

    /// Asks the endpoint at a URL, and gives its result. When it is `streamed`, what the action reports is told as it
    /// does.
    ///
    /// # Errors
    /// [`Remote`](ErrorKind::Remote) when nobody answers there; the endpoint's own.
    pub(crate) fn ask(
        url: &str,
        params: String,
        streamed: bool,
        mut tell: impl FnMut(Answered),
    ) -> Result<Value> {
        runtime()?.block_on(async {
            let route = Route::at(url).map_err(failure)?;
            let below = if streamed { "?stream=1" } else { "" };
            let mut answer = route.post(below, params).await.map_err(unanswered)?;
            if !streamed || !answer.is_success() {
                return whole(answer).await;
            }
            let mut events = SentEvents::default();
            while let Some(piece) = answer.next().await.map_err(failure)? {
                for (name, data) in events.take(&piece) {
                    match &*name {
                        "result" => return Ok(serde_json::from_str(&data)?),
                        "error" => return Err(told(data.as_bytes(), 200)),
                        _ => parse_event(&data)
                            .into_iter()
                            .for_each(|event| tell(Answered::Event(Box::new(event)))),
                    }
                }
            }
            Err(PluginError::new(ErrorKind::Remote, "the endpoint ended before it gave a result")
                .hint("its replica was stopped, or ran out of time; ask again"))
        })
    }
}

/// # Errors
/// What the answer tells, when it says no.
async fn whole(answer: RouteAnswer) -> Result<Value> {
    let (status, success) = (answer.status, answer.is_success());
    let body = answer.whole().await.map_err(failure)?;
    match success {
        true => serde_json::from_slice(&body).context("what the endpoint answered"),
        false => Err(told(&body, status)),
    }
}

/// An answer that says no: an endpoint's own, or the proxy's.
fn told(body: &[u8], status: u16) -> PluginError {
    if let Ok(document) = serde_json::from_slice::<Value>(body)
        && document["error"]["kind"].is_string()
    {
        return PluginError::from_json(document["error"].to_string().as_bytes());
    }
    let said = String::from_utf8_lossy(&body[..body.len().min(1000)]).trim().to_owned();
    match status {
        404 => PluginError::new(ErrorKind::NotFound, format!("there is no endpoint: {said}"))
            .hint("`synapse serve status` shows what there is"),
        _ => {
            PluginError::new(ErrorKind::Remote, format!("the endpoint answered with status {status}: {said}"))
        }
    }
}

fn unanswered(error: Error) -> PluginError {
    match &error {
        Error::Unreachable { place, why } => PluginError::new(
            ErrorKind::Remote,
            format!("the endpoint cannot be reached at {place}: {why}"),
        )
        .hint(
            "it is the port of Ray Serve's proxies; `synapse serve call URL` takes another address of a node",
        ),
        _ => failure(error),
    }
}
