//! What was asked over HTTP.

use synapse_sdk::errors::Result;
use synapse_sdk::{ErrorKind, PluginError};

use super::{Fields, malformed};

/// A request, without its headers.
pub(super) struct Ask<'a> {
    method: &'a str,
    /// Below the endpoint's own.
    path: &'a str,
    query: &'a str,
    pub(super) body: &'a [u8],
}

/// What a request wants.
#[derive(Debug)]
pub(super) enum Wanted {
    Run { streamed: bool },
    Schema,
    Form,
    Health,
    Nothing { status: u16, error: PluginError },
}

impl<'a> Ask<'a> {
    /// The payload of a request's frame: method, path and query in a counted text, then the body.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn read(payload: &'a [u8]) -> Result<Self> {
        let mut fields = Fields::new(payload);
        let head = fields.counted().and_then(|head| std::str::from_utf8(head).ok());
        let (method, target) = head
            .and_then(|head| head.split_once(' '))
            .ok_or_else(|| malformed("request", "it has no head"))?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Ok(Self { method, path: path.trim_end_matches('/'), query, body: fields.rest() })
    }

    pub(super) fn wanted(&self) -> Wanted {
        let (method, wanted) = match self.path {
            "" => ("POST", Wanted::Run { streamed: self.has("stream") }),
            "/schema" => ("GET", Wanted::Schema),
            "/form" => ("GET", Wanted::Form),
            "/healthz" => ("GET", Wanted::Health),
            path => {
                let error = PluginError::new(ErrorKind::NotFound, format!("there is nothing at {path}"));
                return Wanted::Nothing { status: 404, error: error.hint(WHAT_THERE_IS) };
            }
        };
        if self.method == method {
            return wanted;
        }
        let message = format!("{} is not answered here, {method} is", self.method);
        Wanted::Nothing {
            status: 405,
            error: PluginError::new(ErrorKind::Usage, message).hint(WHAT_THERE_IS),
        }
    }

    /// Whether the query says `name=1`, or `name` alone.
    fn has(&self, name: &str) -> bool {
        self.query.split('&').any(|pair| match pair.split_once('=') {
            Some((key, value)) => key == name && matches!(value, "1" | "true"),
            None => pair == name,
        })
    }
}

const WHAT_THERE_IS: &str = "POST / with the params as JSON runs the action, with ?stream=1 it reports on the way; GET /schema, /form, /healthz";

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn wanted(head: &str) -> String {
        let payload = [&(head.len() as u32).to_le_bytes(), head.as_bytes(), b"{}"].concat();
        let ask = Ask::read(&payload).unwrap();
        assert_eq!(ask.body, b"{}");
        match ask.wanted() {
            Wanted::Nothing { status, .. } => status.to_string(),
            wanted => format!("{wanted:?}"),
        }
    }

    #[test]
    fn a_request_is_known_by_method_and_path() {
        let run = |streamed: bool| format!("{:?}", Wanted::Run { streamed });
        assert_eq!(wanted("POST /"), run(false));
        assert_eq!(wanted("POST "), run(false));
        assert_eq!(wanted("POST /?a=b&stream=1"), run(true));
        assert_eq!(wanted("POST /?stream"), run(true));
        assert_eq!(wanted("POST /?stream=0"), run(false));
        assert_eq!(wanted("GET /schema"), "Schema");
        assert_eq!(wanted("GET /form/"), "Form");
        assert_eq!(wanted("GET /healthz?x"), "Health");
        assert_eq!(wanted("GET /"), "405");
        assert_eq!(wanted("POST /schema"), "405");
        assert_eq!(wanted("GET /other"), "404");
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        for payload in [&b""[..], b"\x05\0\0\0POST", b"\x04\0\0\0POST", b"\x02\0\0\0\xff\xff"] {
            assert!(Ask::read(payload).is_err(), "{payload:?}");
        }
    }
}
