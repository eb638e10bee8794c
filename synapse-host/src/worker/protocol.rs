//! The frames that host and worker exchange. `docs/worker-protocol.md` says
//! the same in words.

use serde::{Deserialize, Serialize};
use synapse_sdk::errors::Result;
use synapse_sdk::{ErrorKind, PluginError};

use super::frame::{Fields, MAX_PAYLOAD};

/// The first bytes of a hello.
pub(crate) const MAGIC: [u8; 8] = *b"SYNWORK\0";
/// Raised when old sides can no longer be served.
pub(crate) const MAJOR: u16 = 1;
/// Raised when frames or fields are added.
pub(crate) const MINOR: u16 = 0;

/// Exit code of a worker that cannot use its descriptor any more.
pub(crate) const LOST_DESCRIPTOR: i32 = 97;

/// Flag of an invoke frame: the params were checked against their schema.
pub(crate) const PARAMS_CHECKED: u16 = 1;
/// Flag of a cancel frame to an agent: the action did not stop, so its worker is ended.
pub(crate) const END_WORKER: u16 = 1;
/// Flag of an invoke frame: a result that breaks its schema fails the call.
pub(crate) const STRICT_RESULT: u16 = 2;
/// Flag of an invoke frame: it runs after those that came before it with this
/// flag, and no two of them at once.
pub(crate) const IN_ORDER: u16 = 4;
/// Flag of a reply and a chunk: another chunk follows.
pub(crate) const MORE: u16 = 1;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $number:literal $name:literal $sender:literal;)*) => {
        /// What a frame means.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub(crate) enum Kind { $($(#[$doc])* $kind = $number,)* }

        impl Kind {
            /// Number, name and sender of each.
            #[cfg(test)]
            pub(crate) const ALL: &[(u16, &str, &str)] = &[$(($number, $name, $sender),)*];

            pub(crate) fn of(number: u16) -> Option<Self> {
                match number {
                    $($number => Some(Self::$kind),)*
                    _ => None,
                }
            }

            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }
        }
    };
}

kinds! {
    /// Version and limits of the sender.
    Hello = 1 "hello" "both";
    /// Set limits and load this plugin.
    Load = 2 "load" "host";
    /// The plugin is loaded.
    Loaded = 3 "loaded" "worker";
    /// Make the object of an action.
    Instantiate = 4 "instantiate" "host";
    /// Run an action.
    Invoke = 5 "invoke" "host";
    /// What was asked for is done.
    Result = 6 "result" "worker";
    /// What was asked for failed.
    Error = 7 "error" "worker";
    /// What invocations report.
    Events = 8 "events" "worker";
    /// An invocation should stop.
    Cancel = 9 "cancel" "host";
    /// An action asks a service of the host.
    Call = 10 "call" "worker";
    /// What the service says.
    Answer = 11 "answer" "host";
    /// Send no more events of an invocation for now.
    Pause = 12 "pause" "host";
    /// Send them again.
    Resume = 13 "resume" "host";
    /// Are you there?
    Ping = 14 "ping" "both";
    /// Yes.
    Pong = 15 "pong" "both";
    /// End yourself.
    Shutdown = 16 "shutdown" "host";
    /// The sender of this does not know the frame it names.
    Unsupported = 17 "unsupported" "both";
    /// Check the params of an action, and run nothing.
    Validate = 18 "validate" "host";
    /// Give back what is to run in order and has not begun.
    Recall = 19 "recall" "host";
    /// A request over HTTP.
    Request = 20 "request" "host";
    /// The answer to one, or its beginning.
    Reply = 21 "reply" "worker";
    /// More of an answer.
    Chunk = 22 "chunk" "worker";
}

impl Kind {
    /// Numbers above are no frames in any minor version.
    pub(crate) const HIGHEST: u16 = 255;
}

/// What a side says of itself.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Hello {
    /// For people.
    pub(crate) software: String,
    /// Longest payload it takes.
    pub(crate) max_payload: usize,
    /// Invocations it takes before one of them has ended.
    pub(crate) max_outstanding: usize,
    /// Invocations it runs at once.
    pub(crate) threads: usize,
}

impl Default for Hello {
    fn default() -> Self {
        Self {
            software: concat!("synapse ", env!("CARGO_PKG_VERSION")).to_owned(),
            max_payload: MAX_PAYLOAD,
            max_outstanding: 4096,
            threads: 64,
        }
    }
}

impl Hello {
    /// The payload of a hello.
    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        let mut payload = MAGIC.to_vec();
        payload.extend(MAJOR.to_le_bytes());
        payload.extend(MINOR.to_le_bytes());
        payload.extend(serde_json::to_vec(self)?);
        Ok(payload)
    }

    /// Reads a hello.
    ///
    /// # Errors
    /// It is none, or of another major version.
    pub(crate) fn decode(payload: &[u8]) -> Result<Self> {
        let mut fields = Fields::new(payload);
        let version = || Some((fields.take(8)?, fields.u16()?, fields.u16()?, fields.rest()));
        let malformed = || malformed("hello", "it does not begin with SYNWORK and a version");
        let (magic, major, minor, facts) = { version }().ok_or_else(malformed)?;
        if magic != MAGIC {
            return Err(malformed());
        }
        if major != MAJOR {
            let message = format!(
                "the other side speaks version {major}.{minor} of the worker protocol; this one speaks \
                 {MAJOR}.{MINOR}"
            );
            return Err(PluginError::new(ErrorKind::IncompatiblePlugin, message)
                .hint("use synapse and synapse-worker of one installation"));
        }
        Ok(serde_json::from_slice(facts)?)
    }
}

/// The plugin to load, and what the worker may use.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Load {
    /// The plugin's file.
    pub(crate) library: std::path::PathBuf,
    /// Bytes of memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) memory: Option<u64>,
    /// Open files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) open_files: Option<u64>,
    /// Numbers of the processor cores to keep to; empty for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) cores: Vec<usize>,
}

/// What a worker says once it has loaded a plugin.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Loaded {
    /// The plugin's code.
    pub(crate) plugin: String,
    /// A file of the worker's that holds events not sent yet, as the number of
    /// its descriptor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unsent_events: Option<i32>,
    /// The protocol's own descriptor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) protocol: Option<i32>,
}

/// The payload of an invoke frame before the params.
pub(crate) fn invoke_head(action: &str) -> Vec<u8> {
    let mut head = Vec::with_capacity(4 + action.len());
    push_counted(&mut head, action.as_bytes());
    head
}

/// Action and params of an invoke frame.
///
/// # Errors
/// The payload is too short, or the name no UTF-8.
pub(crate) fn read_invoke(payload: &[u8]) -> Result<(&str, &[u8])> {
    let mut fields = Fields::new(payload);
    let action = fields.counted().and_then(|name| std::str::from_utf8(name).ok());
    Ok((action.ok_or_else(|| malformed("invoke", "the action's name is missing"))?, fields.rest()))
}

/// A service call: which invocation asks, what for, and with which bytes.
pub(crate) struct ServiceCall<'a> {
    pub(crate) invocation: u64,
    pub(crate) service: &'a str,
    pub(crate) request: &'a [u8],
    pub(crate) body: &'a [u8],
}

impl<'a> ServiceCall<'a> {
    /// All but the body.
    pub(crate) fn head(&self) -> Vec<u8> {
        let mut head = Vec::with_capacity(16 + self.service.len() + self.request.len());
        head.extend(self.invocation.to_le_bytes());
        push_counted(&mut head, self.service.as_bytes());
        push_counted(&mut head, self.request);
        head
    }

    pub(crate) fn decode(payload: &'a [u8]) -> Option<Self> {
        let mut fields = Fields::new(payload);
        let invocation = fields.u64()?;
        let service = std::str::from_utf8(fields.counted()?).ok()?;
        let request = fields.counted()?;
        Some(Self { invocation, service, request, body: fields.rest() })
    }
}

/// Status and bytes of an answer frame.
pub(crate) fn read_answer(payload: &[u8]) -> Option<(i32, &[u8])> {
    let mut fields = Fields::new(payload);
    let status = fields.u32()?;
    Some((status.cast_signed(), fields.rest()))
}

/// What is said to a frame that is not known.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Unsupported {
    pub(crate) kind: u16,
    /// Its name, when it is known but not expected here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    pub(crate) protocol: String,
}

impl Unsupported {
    pub(crate) fn of(kind: u16) -> Self {
        let name = Kind::of(kind).map(|kind| kind.name().to_owned());
        Self { kind, name, protocol: format!("{MAJOR}.{MINOR}") }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

pub(crate) fn malformed(frame: &str, why: &str) -> PluginError {
    PluginError::new(ErrorKind::Internal, format!("a {frame} frame cannot be read: {why}"))
}

fn push_counted(into: &mut Vec<u8>, bytes: &[u8]) {
    into.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    into.extend(bytes);
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_documents_frame_table_is_the_codes() {
        let document = include_str!("../../../docs/worker-protocol.md");
        let rows = document.lines().filter_map(|line| {
            let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
            let number = cells.next().filter(|cell| !cell.starts_with('+'))?.parse().ok()?;
            Some((number, cells.next()?.trim_matches('`'), cells.next()?))
        });
        assert_eq!(rows.collect::<Vec<_>>(), Kind::ALL);
        let version = format!("version {MAJOR}.{MINOR}");
        assert!(document.contains(&version), "the document does not say {version}");
    }

    #[test]
    fn another_major_version_is_named() {
        let mut payload = Hello::default().encode().unwrap();
        assert_eq!(Hello::decode(&payload).unwrap().max_payload, MAX_PAYLOAD);
        payload[8] = 9;
        let error = Hello::decode(&payload).unwrap_err();
        assert!(error.message().contains("speaks version 9.0 of the worker protocol"), "{error}");
        assert!(Hello::decode(b"GET / HTTP/1.1\r\n\r\n").is_err());
        assert!(Hello::decode(b"").is_err());
    }

    #[test]
    fn calls_and_invocations_are_read_as_written_and_never_beyond_their_end() {
        let call = ServiceCall { invocation: 7, service: "state.save/1", request: b"{}", body: b"bytes" };
        let payload = [&call.head(), call.body].concat();
        let read = ServiceCall::decode(&payload).unwrap();
        assert_eq!((read.invocation, read.service), (7, "state.save/1"));
        assert_eq!((read.request, read.body), (&b"{}"[..], &b"bytes"[..]));
        for length in 0..call.head().len() {
            assert!(ServiceCall::decode(&payload[..length]).is_none(), "{length}");
        }
        let invoke = [&invoke_head("greet"), &b"{}"[..]].concat();
        assert_eq!(read_invoke(&invoke).unwrap(), ("greet", &b"{}"[..]));
        assert!(read_invoke(&invoke[..5]).is_err());
    }
}
