//! Events as they were before they became lines.

use std::time::UNIX_EPOCH;

use serde::Deserialize;
use serde_json::value::RawValue;
use synapse_sdk::events::{Event, EventBody, Level, Progress};

/// A line of a record, `--json`, or a backend.
#[derive(Deserialize)]
struct Line<'a> {
    event: String,
    datetime: &'a str,
    level: Option<Level>,
    step: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    file: Option<String>,
    /// Bytes of an event that was too long for the record.
    left_out: Option<u64>,
}

#[derive(Deserialize)]
struct Content {
    content: String,
}

/// The event that became `line`; `None` when it is no event.
pub(crate) fn parse(line: &str) -> Option<Event<'static>> {
    let line: Line<'_> = serde_json::from_str(line).ok()?;
    let time = humantime::parse_rfc3339(line.datetime).ok()?.duration_since(UNIX_EPOCH).ok()?;
    let time = u64::try_from(time.as_nanos()).ok()?;
    let step = line.step.clone().map(Into::into);
    Some(Event { time, step, body: body(line) })
}

/// What does not look as its name says is an entry of that name.
fn body(line: Line<'_>) -> EventBody<'static> {
    let data = line.data.map_or("null", RawValue::get);
    let level = line.level.unwrap_or_default();
    match line.event.as_str() {
        "message" => {
            if let Ok(Content { content }) = serde_json::from_str(data) {
                return EventBody::Message { level, text: content.into() };
            }
        }
        "progress" => {
            if let Ok(progress) = serde_json::from_str::<Progress>(data) {
                return EventBody::Progress(progress);
            }
        }
        "metrics" if line.left_out.is_none() => {
            return EventBody::Metrics { values: data.to_owned().into() };
        }
        _ => {}
    }
    let data = match line.left_out {
        Some(bytes) => format!("{{\"left_out\":{bytes}}}"),
        None => data.to_owned(),
    };
    EventBody::Log { name: line.event.into(), level, data: data.into(), file: line.file.map(Into::into) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const NOON: u64 = 1_769_860_800_000_001_000;

    fn again(body: EventBody<'_>) {
        for step in [None, Some("train".into())] {
            let event = Event { time: NOON, step, body: body.clone() };
            let line = serde_json::to_string(&event).unwrap();
            assert_eq!(serde_json::to_string(&parse(&line).unwrap()).unwrap(), line);
        }
    }

    #[test]
    fn what_became_a_line_is_read_from_it() {
        again(EventBody::Message { level: Level::Warning, text: "12 \"images\"\n".into() });
        again(EventBody::Metrics { values: r#"{"loss":0.50}"#.into() });
        let (percent, time_remaining) = (25.0, Some(1.5));
        again(EventBody::Progress(Progress { current: 1, total: 4, percent, time_remaining, overall: 12.5 }));
        let (name, data) = ("metric".into(), r#"{"loss":0.5}"#.into());
        again(EventBody::Log { name, level: Level::Info, data, file: Some("/tmp/a.png".into()) });
        let entry_with_a_taken_name = "message".into();
        again(EventBody::Log {
            name: entry_with_a_taken_name,
            level: Level::Info,
            data: "1".into(),
            file: None,
        });
    }

    #[test]
    fn an_event_that_was_too_long_says_so() {
        let line = r#"{"event":"metrics","datetime":"2026-01-31T12:00:00.000001Z","left_out":2000000}"#;
        let event = parse(line).unwrap();
        assert!(matches!(&event.body, EventBody::Log { data, .. } if data == r#"{"left_out":2000000}"#));
    }

    #[test]
    fn other_lines_are_no_events() {
        for line in
            ["", "{}", r#"{"type":"gap","dropped":1,"bytes":2}"#, r#"{"event":"a","datetime":"noon"}"#]
        {
            assert!(parse(line).is_none(), "{line}");
        }
    }
}
