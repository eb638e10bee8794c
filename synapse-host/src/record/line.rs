//! The lines of a record: one place for what is written and what is read.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use synapse_sdk::Env;
use synapse_sdk::events::{Event, Level, Rfc3339};

use super::Status;

/// How the lines begin that are no events; events begin with `{"event":`.
pub(super) const START: &[u8] = br#"{"type":"start","#;
pub(super) const GAP: &[u8] = br#"{"type":"gap","#;
pub(super) const TAIL: &[u8] = br#"{"type":"tail","#;
pub(super) const END: &[u8] = br#"{"type":"end","#;

/// The first line. What may be long comes last.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename = "start")]
pub(super) struct Start<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) plugin: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) version: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) action: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) mode: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) started: Cow<'a, str>,
    pub(super) pid: u32,
    #[serde(borrow, default)]
    pub(super) synapse: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) target: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) library: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) sha256: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) folder: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) request: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) env: Cow<'a, Env>,
    /// Parts that were too long for the line: each lies in a file of its name.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(super) beside: Vec<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) params: Option<&'a RawValue>,
}

/// Where lines were left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "gap")]
pub(super) struct GapLine {
    pub(super) dropped: u64,
    pub(super) bytes: u64,
}

/// The first line of a file of the tail: what came between the head and it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "tail")]
pub(super) struct TailLine {
    pub(super) dropped: u64,
    pub(super) bytes: u64,
}

/// The last line; the second, where the disk takes no more.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename = "end")]
pub(super) struct End<'a> {
    pub(super) status: Status,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) ended: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ms: Option<f64>,
    /// What kept the rest from being written.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) incomplete: Option<Cow<'a, str>>,
    /// As in the first line.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(super) beside: Vec<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) metrics: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) result: Option<&'a RawValue>,
}

/// What stands in the place of an event too long for a record.
#[derive(Serialize)]
pub(super) struct LeftOut<'a> {
    event: &'a str,
    datetime: Rfc3339,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<Level>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'a str>,
    /// Bytes of the line that is not here.
    left_out: usize,
}

impl<'a> LeftOut<'a> {
    pub(super) fn of(event: &'a Event<'_>, left_out: usize) -> Self {
        // Names are the plugin's and could be what is too long.
        let short = |name: &&str| name.len() <= 200;
        Self {
            event: Some(event.name()).filter(short).unwrap_or("log"),
            datetime: Rfc3339(event.time),
            level: event.level(),
            step: event.step.as_deref().filter(short),
            left_out,
        }
    }
}

/// Appends `value` to `out` as one line.
pub(super) fn push(out: &mut Vec<u8>, value: &impl Serialize) {
    let begin = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(begin);
        return;
    }
    // JSON that came as text may hold line breaks, between its tokens only.
    for byte in &mut out[begin..] {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    out.push(b'\n');
}

/// `text` as it is when it is JSON, as a JSON string when it is not.
pub(super) fn json(text: &str) -> Cow<'_, RawValue> {
    match serde_json::from_str::<&RawValue>(text) {
        Ok(raw) => Cow::Borrowed(raw),
        Err(_) => serde_json::value::to_raw_value(text).map_or(Cow::Borrowed(RawValue::NULL), Cow::Owned),
    }
}
