//! What an action tells the world while it runs: messages, log entries,
//! progress and metrics.
//!
//! An [`Event`] serialises to one JSON object, the shape in which records,
//! `--json` and backends carry it:
//!
//! ```json
//! {"event":"message","datetime":"2026-01-31T12:00:00.000000Z","level":"info","step":"train","data":{"content":"…"}}
//! ```

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// How a message is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// For developers.
    Debug,
    /// Neutral.
    #[default]
    Info,
    /// Something went well.
    Success,
    /// Something may be wrong.
    Warning,
    /// Something is wrong for the user.
    Danger,
    /// Something failed.
    Error,
    /// Something failed that ends the run.
    Critical,
}

impl Level {
    /// All levels, mildest first.
    pub const ALL: [Self; 7] =
        [Self::Debug, Self::Info, Self::Success, Self::Warning, Self::Danger, Self::Error, Self::Critical];

    /// The level as a word, such as `info`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Success => "success",
            Self::Warning => "warning",
            Self::Danger => "danger",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }

    pub(crate) const fn from_index(index: u32) -> Self {
        let index = index as usize;
        if index < Self::ALL.len() { Self::ALL[index] } else { Self::Info }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(word: &str) -> Result<Self, UnknownLevel> {
        Self::ALL
            .into_iter()
            .find(|level| level.as_str().eq_ignore_ascii_case(word))
            .ok_or_else(|| UnknownLevel(word.to_owned()))
    }
}

/// A word that is no [`Level`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLevel(String);

impl fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no level `{}`; levels are", self.0)?;
        for (index, level) in Level::ALL.iter().enumerate() {
            write!(f, "{} {level}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownLevel {}

/// What may stand where a level is asked for: a [`Level`], its word, or
/// nothing (`()` or `None`), which means [`Level::Info`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no level",
    label = "expected a level",
    note = "write `Level::Warning`, its word `\"warning\"`, or `()` for a plain message"
)]
pub trait IntoLevel {
    /// The level.
    ///
    /// # Errors
    /// The word is no level.
    fn into_level(self) -> Result<Level, UnknownLevel>;
}

#[diagnostic::do_not_recommend]
impl IntoLevel for Level {
    fn into_level(self) -> Result<Level, UnknownLevel> {
        Ok(self)
    }
}

#[diagnostic::do_not_recommend]
impl IntoLevel for &str {
    fn into_level(self) -> Result<Level, UnknownLevel> {
        self.parse()
    }
}

#[diagnostic::do_not_recommend]
impl IntoLevel for () {
    fn into_level(self) -> Result<Level, UnknownLevel> {
        Ok(Level::Info)
    }
}

#[diagnostic::do_not_recommend]
impl IntoLevel for Option<Level> {
    fn into_level(self) -> Result<Level, UnknownLevel> {
        Ok(self.unwrap_or_default())
    }
}

/// How far a step, and the whole run, has come.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Units done, `0..=total`.
    pub current: u64,
    /// Units in all.
    pub total: u64,
    /// Of the step, `0.0..=100.0`, two decimals.
    pub percent: f64,
    /// Seconds the step will still take, at its pace so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_remaining: Option<f64>,
    /// Of the run, `0.0..=100.0`, two decimals; never falls.
    pub overall: f64,
}

/// What an event says. Text that is JSON already is carried unparsed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EventBody<'a> {
    /// A message for the user.
    Message {
        /// How it is meant.
        level: Level,
        /// The text.
        text: Cow<'a, str>,
    },
    /// A named entry with data: `metric`, `visualization`, `dev_event`, or a
    /// name of the author's.
    Log {
        /// The event's name.
        name: Cow<'a, str>,
        /// How it is meant.
        level: Level,
        /// JSON text.
        data: Cow<'a, str>,
        /// A file that belongs to it.
        file: Option<Cow<'a, str>>,
    },
    /// Progress of the step the event names, or of the run when it names none.
    Progress(Progress),
    /// Values measured in the step the event names: a JSON object as text.
    Metrics {
        /// JSON text of an object.
        values: Cow<'a, str>,
    },
}

/// The time, in nanoseconds since 1970-01-01 UTC.
pub fn now() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}

/// One event of a run.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// Nanoseconds since 1970-01-01 UTC.
    pub time: u64,
    /// The step it belongs to.
    pub step: Option<Cow<'a, str>>,
    /// What it says.
    pub body: EventBody<'a>,
}

impl<'a> Event<'a> {
    /// An event that happens now.
    pub fn now(step: Option<&'a str>, body: EventBody<'a>) -> Self {
        Self { time: now(), step: step.map(Cow::Borrowed), body }
    }

    /// A message for the user that happens now.
    pub fn message(level: Level, text: &'a str) -> Self {
        Self::now(None, EventBody::Message { level, text: Cow::Borrowed(text) })
    }

    /// The same event, owning all it says.
    pub fn into_owned(self) -> Event<'static> {
        Event {
            time: self.time,
            step: self.step.map(own),
            body: match self.body {
                EventBody::Message { level, text } => EventBody::Message { level, text: own(text) },
                EventBody::Log { name, level, data, file } => {
                    EventBody::Log { name: own(name), level, data: own(data), file: file.map(own) }
                }
                EventBody::Progress(progress) => EventBody::Progress(progress),
                EventBody::Metrics { values } => EventBody::Metrics { values: own(values) },
            },
        }
    }

    /// The event's name: `message`, `progress`, `metrics`, or that of a log entry.
    pub fn name(&self) -> &str {
        match &self.body {
            EventBody::Message { .. } => "message",
            EventBody::Log { name, .. } => name,
            EventBody::Progress(_) => "progress",
            EventBody::Metrics { .. } => "metrics",
        }
    }

    /// The level, for messages and log entries.
    pub fn level(&self) -> Option<Level> {
        match &self.body {
            EventBody::Message { level, .. } | EventBody::Log { level, .. } => Some(*level),
            EventBody::Progress(_) | EventBody::Metrics { .. } => None,
        }
    }

    /// When it happened.
    pub fn system_time(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.time)
    }
}

fn own(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

impl Serialize for Event<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("event", self.name())?;
        map.serialize_entry("datetime", &Rfc3339(self.time))?;
        if let Some(level) = self.level() {
            map.serialize_entry("level", &level)?;
        }
        if let Some(step) = &self.step {
            map.serialize_entry("step", step)?;
        }
        match &self.body {
            EventBody::Message { text, .. } => map.serialize_entry("data", &Content { content: text })?,
            EventBody::Log { data, file, .. } => {
                serialize_json_text(&mut map, data)?;
                if let Some(file) = file {
                    map.serialize_entry("file", file)?;
                }
            }
            EventBody::Progress(progress) => map.serialize_entry("data", progress)?,
            EventBody::Metrics { values } => serialize_json_text(&mut map, values)?,
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Content<'a> {
    content: &'a str,
}

/// Data comes from plugins, so text that is not JSON after all is carried as a
/// string, and JSON on several lines is put on one: an event is a line.
fn serialize_json_text<M: SerializeMap>(map: &mut M, text: &str) -> Result<(), M::Error> {
    if text.contains(['\n', '\r']) {
        let value: Value = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
        return map.serialize_entry("data", &value);
    }
    match serde_json::from_str::<&RawValue>(text) {
        Ok(raw) => map.serialize_entry("data", raw),
        Err(_) => map.serialize_entry("data", text),
    }
}

/// Nanoseconds since 1970 as `2026-01-31T12:00:00.000000Z`.
#[derive(Clone, Copy)]
pub struct Rfc3339(
    /// Nanoseconds since 1970-01-01 UTC.
    pub u64,
);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1_000_000_000;
        let micros = self.0 % 1_000_000_000 / 1_000;
        let (year, month, day) = civil_date(seconds / 86_400);
        let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
    }
}

impl Serialize for Rfc3339 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian
/// calendar; years start in March here, so that the leap day comes last.
fn civil_date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    fn at_noon(body: EventBody<'_>) -> serde_json::Value {
        let event = Event { time: 1_769_860_800_000_001_000, step: Some("train".into()), body };
        serde_json::to_value(event).unwrap()
    }

    #[test]
    fn events_have_one_json_shape() {
        assert_eq!(
            at_noon(EventBody::Message { level: Level::Success, text: "done".into() }),
            json!({"event": "message", "datetime": "2026-01-31T12:00:00.000001Z", "level": "success",
                   "step": "train", "data": {"content": "done"}})
        );
        assert_eq!(
            at_noon(EventBody::Log {
                name: "metric".into(),
                level: Level::Info,
                data: r#"{"loss":0.5}"#.into(),
                file: Some("/tmp/a.png".into()),
            }),
            json!({"event": "metric", "datetime": "2026-01-31T12:00:00.000001Z", "level": "info",
                   "step": "train", "data": {"loss": 0.5}, "file": "/tmp/a.png"})
        );
        let progress = Progress { current: 1, total: 4, percent: 25.0, time_remaining: None, overall: 12.5 };
        assert_eq!(
            at_noon(EventBody::Progress(progress))["data"],
            json!({"current": 1, "total": 4, "percent": 25.0, "overall": 12.5})
        );
    }

    #[test]
    fn data_that_is_not_json_is_kept_as_text() {
        assert_eq!(at_noon(EventBody::Metrics { values: "{oops".into() })["data"], json!("{oops"));
    }

    #[test]
    fn an_event_is_one_line() {
        let event = Event::now(None, EventBody::Metrics { values: "{\n  \"loss\": 0.5\n}".into() });
        let line = serde_json::to_string(&event).unwrap();
        assert!(line.ends_with(r#""data":{"loss":0.5}}"#), "{line}");
    }

    #[test]
    fn dates_are_right_around_leap_days() {
        let text = |seconds: u64| Rfc3339(seconds * 1_000_000_000).to_string();
        assert_eq!(text(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(text(951_782_400), "2000-02-29T00:00:00.000000Z");
        assert_eq!(text(951_868_800), "2000-03-01T00:00:00.000000Z");
        assert_eq!(text(4_107_542_399), "2100-02-28T23:59:59.000000Z");
        assert_eq!(text(4_107_542_400), "2100-03-01T00:00:00.000000Z");
    }

    #[test]
    fn levels_are_read_from_words_and_unknown_ones_named() {
        assert_eq!("Warning".into_level(), Ok(Level::Warning));
        assert_eq!(().into_level(), Ok(Level::Info));
        let error = "inof".into_level().unwrap_err();
        assert!(error.to_string().starts_with("no level `inof`; levels are debug, info"), "{error}");
    }
}
