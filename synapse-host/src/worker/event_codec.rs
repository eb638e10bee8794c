//! Events as bytes, as they lie in a batch: each after its length. Ends of
//! invocations that run in order lie there too.

use synapse_sdk::Level;
use synapse_sdk::events::{Event, EventBody, Progress};

use super::frame::Fields;

const MESSAGE: u8 = 1;
const LOG: u8 = 2;
const PROGRESS: u8 = 3;
const METRICS: u8 = 4;
const RESULT: u8 = 5;
const ERROR: u8 = 6;
const NOT_BEGUN: u8 = 7;

/// Stands for a text that is not there.
const ABSENT: u32 = u32::MAX;

/// Bytes of an event within a batch.
pub(crate) fn encoded_size(event: &Event<'_>) -> usize {
    let optional = |text: Option<&str>| 4 + text.map_or(0, str::len);
    let head = 4 + 8 + 8 + 1 + 1 + optional(event.step.as_deref());
    head + match &event.body {
        EventBody::Message { text, .. } => text.len(),
        EventBody::Log { name, data, file, .. } => {
            optional(Some(name)) + optional(file.as_deref()) + data.len()
        }
        EventBody::Progress(_) => 5 * 8,
        EventBody::Metrics { values } => values.len(),
        _ => 0,
    }
}

/// Writes an event of an invocation into exactly [`encoded_size`] bytes.
pub(crate) fn encode(invocation: u64, event: &Event<'_>, into: &mut [u8]) {
    let mut out = Out { into, at: 0 };
    let length = out.into.len() - 4;
    out.u32(u32::try_from(length).unwrap_or(u32::MAX));
    out.u64(invocation);
    out.u64(event.time);
    let kind = match &event.body {
        EventBody::Message { .. } => MESSAGE,
        EventBody::Log { .. } => LOG,
        EventBody::Progress(_) => PROGRESS,
        EventBody::Metrics { .. } => METRICS,
        _ => 0,
    };
    out.bytes(&[kind, event.level().unwrap_or_default() as u8]);
    out.optional(event.step.as_deref());
    match &event.body {
        EventBody::Message { text, .. } => out.bytes(text.as_bytes()),
        EventBody::Log { name, data, file, .. } => {
            out.optional(Some(name));
            out.optional(file.as_deref());
            out.bytes(data.as_bytes());
        }
        EventBody::Progress(progress) => {
            out.u64(progress.current);
            out.u64(progress.total);
            out.bytes(&progress.percent.to_le_bytes());
            out.bytes(&progress.time_remaining.unwrap_or(f64::NAN).to_le_bytes());
            out.bytes(&progress.overall.to_le_bytes());
        }
        EventBody::Metrics { values } => out.bytes(values.as_bytes()),
        _ => {}
    }
}

struct Out<'a> {
    into: &'a mut [u8],
    at: usize,
}

impl Out<'_> {
    fn bytes(&mut self, bytes: &[u8]) {
        self.into[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    fn u32(&mut self, number: u32) {
        self.bytes(&number.to_le_bytes());
    }

    fn u64(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }

    fn optional(&mut self, text: Option<&str>) {
        self.u32(text.map_or(ABSENT, |text| u32::try_from(text.len()).unwrap_or(ABSENT)));
        self.bytes(text.unwrap_or_default().as_bytes());
    }
}

/// What lies in a batch.
#[derive(Debug)]
pub(crate) enum Entry<'a> {
    Event(Event<'a>),
    End(End, &'a [u8]),
}

/// How an invocation ended that runs in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With this result.
    Result,
    /// With this error.
    Error,
    /// It was called back before it began.
    NotBegun,
}

/// Bytes of an end within a batch, with so many bytes of result or error.
pub(crate) fn end_size(bytes: usize) -> usize {
    4 + 8 + 8 + 1 + 1 + 4 + bytes
}

/// Writes an end into exactly [`end_size`] bytes.
pub(crate) fn encode_end(invocation: u64, end: End, bytes: &[u8], into: &mut [u8]) {
    let mut out = Out { into, at: 0 };
    let length = out.into.len() - 4;
    out.u32(u32::try_from(length).unwrap_or(u32::MAX));
    out.u64(invocation);
    out.u64(0);
    let kind = match end {
        End::Result => RESULT,
        End::Error => ERROR,
        End::NotBegun => NOT_BEGUN,
    };
    out.bytes(&[kind, 0]);
    out.optional(None);
    out.bytes(bytes);
}

/// What lies in a batch, with the invocation each entry belongs to. Ends early
/// at what cannot be read; entries of unknown kinds are passed over.
pub(crate) fn entries(batch: &[u8]) -> impl Iterator<Item = (u64, Entry<'_>)> {
    let mut rest = batch;
    let entries = std::iter::from_fn(move || {
        let mut fields = Fields::new(rest);
        let entry = fields.counted()?;
        rest = fields.rest();
        Some(entry)
    });
    entries.filter_map(decode)
}

fn decode(entry: &[u8]) -> Option<(u64, Entry<'_>)> {
    let mut fields = Fields::new(entry);
    let (invocation, time) = (fields.u64()?, fields.u64()?);
    let (kind, level) = (fields.u8()?, fields.u8()?);
    let level = *Level::ALL.get(usize::from(level))?;
    let step = optional(&mut fields)?;
    let body = match kind {
        MESSAGE => EventBody::Message { level, text: String::from_utf8_lossy(fields.rest()) },
        LOG => {
            let (name, file) = (optional(&mut fields)??, optional(&mut fields)?);
            EventBody::Log { name, level, data: String::from_utf8_lossy(fields.rest()), file }
        }
        PROGRESS => {
            let (current, total, percent) = (fields.u64()?, fields.u64()?, fields.f64()?);
            let time_remaining = Some(fields.f64()?).filter(|seconds| !seconds.is_nan());
            EventBody::Progress(Progress { current, total, percent, time_remaining, overall: fields.f64()? })
        }
        METRICS => EventBody::Metrics { values: String::from_utf8_lossy(fields.rest()) },
        RESULT => return Some((invocation, Entry::End(End::Result, fields.rest()))),
        ERROR => return Some((invocation, Entry::End(End::Error, fields.rest()))),
        NOT_BEGUN => return Some((invocation, Entry::End(End::NotBegun, fields.rest()))),
        _ => return None,
    };
    Some((invocation, Entry::Event(Event { time, step, body })))
}

type Text<'a> = std::borrow::Cow<'a, str>;

/// The outer `None` is a text that is cut short.
fn optional<'a>(fields: &mut Fields<'a>) -> Option<Option<Text<'a>>> {
    match fields.u32()? {
        ABSENT => Some(None),
        length => fields.take(length as usize).map(String::from_utf8_lossy).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some_of_each() -> Vec<Event<'static>> {
        let progress = Progress { current: 2, total: 5, percent: 40.0, time_remaining: None, overall: 12.5 };
        let timed = Progress { time_remaining: Some(1.5), ..progress };
        let log = |file: Option<&'static str>| EventBody::Log {
            name: "metric".into(),
            level: Level::Critical,
            data: "{}".into(),
            file: file.map(Into::into),
        };
        vec![
            Event::message(Level::Warning, "grüße"),
            Event::now(Some("train"), log(None)),
            Event::now(None, log(Some("/tmp/a.png"))),
            Event::now(Some("load"), EventBody::Progress(progress)),
            Event::now(None, EventBody::Progress(timed)),
            Event::now(Some(""), EventBody::Metrics { values: r#"{"loss":0.5}"#.into() }),
        ]
    }

    fn events(batch: &[u8]) -> impl Iterator<Item = (u64, Event<'_>)> {
        entries(batch).filter_map(|(invocation, entry)| match entry {
            Entry::Event(event) => Some((invocation, event)),
            Entry::End(..) => None,
        })
    }

    #[test]
    fn ends_come_out_as_they_went_in() {
        let sent = [(3, End::Result, &b"{\"a\":1}"[..]), (4, End::Error, b"{}"), (5, End::NotBegun, b"")];
        let mut batch = batch(&some_of_each()[..1]);
        for (invocation, end, text) in sent {
            let mut bytes = vec![0xAA; end_size(text.len())];
            encode_end(invocation, end, text, &mut bytes);
            batch.extend(bytes);
        }
        let ends = entries(&batch).filter_map(|(invocation, entry)| match entry {
            Entry::End(end, bytes) => Some((invocation, end, bytes)),
            Entry::Event(_) => None,
        });
        assert_eq!(ends.collect::<Vec<_>>(), sent);
        assert_eq!(events(&batch).count(), 1);
    }

    fn batch(events: &[Event<'_>]) -> Vec<u8> {
        let encoded = events.iter().flat_map(|event| {
            let mut bytes = vec![0xAA; encoded_size(event)];
            encode(9, event, &mut bytes);
            bytes
        });
        encoded.collect()
    }

    #[test]
    fn events_come_out_as_they_went_in() {
        let sent = some_of_each();
        let batch = batch(&sent);
        let got: Vec<_> = events(&batch).collect();
        assert_eq!(got.len(), sent.len());
        for ((invocation, got), sent) in got.iter().zip(&sent) {
            assert_eq!(*invocation, 9);
            assert_eq!(format!("{got:?}"), format!("{sent:?}"));
        }
    }

    #[test]
    fn what_is_cut_short_or_damaged_ends_quietly() {
        let mut batch = batch(&some_of_each());
        let whole = events(&batch).count();
        for length in 0..batch.len() {
            assert!(events(&batch[..length]).count() < whole, "{length}");
        }
        for at in 0..batch.len() {
            let before = std::mem::replace(&mut batch[at], 0xFF);
            let _ = events(&batch).count();
            batch[at] = before;
        }
        assert_eq!(events(&batch).count(), whole);
    }
}
