//! The files that a job leaves for who asks for it.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use synapse_sdk::events::{Event, EventBody, Rfc3339};

/// The last line of the events.
pub(crate) const ENDED: &str = r#"{"type":"ended"}"#;

/// The names of the files, for the name of a job.
pub(crate) fn events_file(job: &str) -> String {
    format!("job-driver-{job}.events.jsonl")
}

pub(crate) fn result_file(job: &str) -> String {
    format!("job-driver-{job}.result.json")
}

/// Where events and result go: into files beside the one that standard output is, and for a
/// reader of that to standard output itself.
pub(super) struct Desk {
    files: Option<Files>,
    /// Tenths of the last progress that was printed.
    shown: Option<(Option<String>, u64)>,
}

struct Files {
    events: BufWriter<File>,
    result: PathBuf,
}

impl Desk {
    /// Without files where standard output is none of a job's.
    pub(super) fn beside_stdout() -> Self {
        let files = fs::read_link("/proc/self/fd/1").ok().and_then(|log| Files::beside(&log));
        if files.is_none() {
            println!("standard output is no log of a job: events and result are not kept");
        }
        Self { files, shown: None }
    }

    pub(super) fn take(&mut self, events: &[Event<'_>]) {
        for event in events {
            if let Some(line) = self.line(event) {
                println!("{line}");
            }
        }
        let Some(files) = &mut self.files else { return };
        // A disk that is full is told when the result is stored.
        let _ = files.write(events);
    }

    /// Stores the document, and with the last line of the events tells that it is there.
    pub(super) fn close(self, document: &serde_json::Value) -> io::Result<()> {
        let Some(mut files) = self.files else {
            println!("{document}");
            return Ok(());
        };
        let new = files.result.with_extension("new");
        let mut file = BufWriter::new(File::create(&new)?);
        serde_json::to_writer(&mut file, document)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&new, &files.result)?;
        writeln!(files.events, "{ENDED}")?;
        files.events.flush()
    }

    /// An event as a person reads it in a log; progress in steps of a tenth.
    fn line(&mut self, event: &Event<'_>) -> Option<String> {
        let time = &Rfc3339(event.time).to_string()[11..19];
        let step = event.step.as_deref().map(|step| format!("{step} ")).unwrap_or_default();
        Some(match &event.body {
            EventBody::Message { level, text } => format!("{time} {} {step}{text}", level.as_str()),
            EventBody::Metrics { values } => format!("{time} metrics {step}{values}"),
            EventBody::Log { name, data, .. } => format!("{time} {name} {step}{data}"),
            EventBody::Progress(progress) => {
                let tenth = (event.step.as_deref().map(str::to_owned), (progress.percent / 10.0) as u64);
                if self.shown.as_ref() == Some(&tenth) {
                    return None;
                }
                self.shown = Some(tenth);
                format!(
                    "{time} progress {step}{}/{} {:.0} %",
                    progress.current, progress.total, progress.percent
                )
            }
            _ => return None,
        })
    }
}

impl Files {
    /// `log` is `…/job-driver-NAME.log`.
    fn beside(log: &Path) -> Option<Self> {
        let job = log.file_name()?.to_str()?.strip_prefix("job-driver-")?.strip_suffix(".log")?;
        let events = File::create(log.with_file_name(events_file(job))).ok()?;
        Some(Self { events: BufWriter::new(events), result: log.with_file_name(result_file(job)) })
    }

    fn write(&mut self, events: &[Event<'_>]) -> io::Result<()> {
        for event in events {
            serde_json::to_writer(&mut self.events, event)?;
            self.events.write_all(b"\n")?;
        }
        self.events.flush()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;
    use synapse_sdk::events::{Level, Progress};

    use super::*;

    fn event(body: EventBody<'static>) -> Event<'static> {
        Event { time: 1_769_860_800_000_001_000, step: Some("train".into()), body }
    }

    #[test]
    fn events_and_result_lie_beside_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::beside(&folder.path().join("job-driver-a-1.log"));
        let mut desk = Desk { files: Some(files.unwrap()), shown: None };
        let said = event(EventBody::Message { level: Level::Info, text: "hello".into() });
        desk.take(std::slice::from_ref(&said));
        desk.close(&json!({ "result": 7 })).unwrap();
        let read = |name: String| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read(events_file("a-1")), format!("{}\n{ENDED}\n", serde_json::to_string(&said).unwrap()));
        assert_eq!(read(result_file("a-1")), r#"{"result":7}"#);
        assert!(Files::beside(&folder.path().join("other.log")).is_none());
    }

    #[test]
    fn a_log_has_progress_in_tenths() {
        let mut desk = Desk { files: None, shown: None };
        let mut lines = Vec::new();
        for current in 0..=100 {
            let percent = f64::from(current as u32);
            let progress = Progress { current, total: 100, percent, time_remaining: None, overall: percent };
            lines.extend(desk.line(&event(EventBody::Progress(progress))));
        }
        assert_eq!(lines.len(), 11);
        assert_eq!(lines[3], "12:00:00 progress train 30/100 30 %");
    }
}
