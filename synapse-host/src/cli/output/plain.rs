//! Events as lines of a log: no bars, progress thinned.

use std::fmt::Write;
use std::time::Duration;

use synapse_sdk::events::{Event, EventBody, Level, Progress};

use super::figures::{duration, time_of_day};
use super::look::{DIM, Look, PLAIN};
use super::step::{metric_pairs, step_name, words};
use super::text::{clean, cut, one_line};

/// Progress is shown anew after this many percent …
const PERCENT: f64 = 10.0;
/// … or after this time.
const INTERVAL: Duration = Duration::from_secs(2);
/// Data of a log entry beyond this is left to the records.
const DATA_COLUMNS: usize = 400;

/// Turns events into lines. Times of day are UTC, as in the records.
#[derive(Debug)]
pub(super) struct Plain {
    look: Look,
    debug: bool,
    steps: Vec<PlainStep>,
}

#[derive(Debug)]
struct PlainStep {
    name: String,
    started: u64,
    shown: Option<Report>,
    held_back: Option<Report>,
    /// It has come to its end once: from then on only time counts, so that a
    /// loop in a loop does not fill the log.
    again: bool,
}

#[derive(Clone, Copy, Debug)]
struct Report {
    time: u64,
    progress: Progress,
}

impl Plain {
    pub(super) fn new(look: Look, debug: bool) -> Self {
        Self { look, debug, steps: Vec::new() }
    }

    /// The lines for `event`, or nothing.
    pub(super) fn event(&mut self, event: &Event<'_>) -> String {
        match &event.body {
            EventBody::Progress(progress) => self.progress(event, *progress),
            EventBody::Metrics { values } => metrics(event, values),
            _ => self.words(event),
        }
    }

    pub(super) fn note(&self, time: u64, text: &str) -> String {
        self.lines(time, DIM, "note", text)
    }

    /// Progress that was held back: how far each step came.
    pub(super) fn finish(&mut self) -> String {
        let last = self.steps.drain(..).filter_map(|step| {
            let report = step.held_back.filter(|report| step.says_more(*report))?;
            Some(step.line(report))
        });
        last.collect()
    }

    fn words(&self, event: &Event<'_>) -> String {
        let Some((level, text)) = words(event, self.debug) else { return String::new() };
        let style = if level == Level::Info { PLAIN } else { self.look.of_level(level).1 };
        let is_log = matches!(event.body, EventBody::Log { .. });
        let text = if is_log { cut(&text, DATA_COLUMNS, self.look.marks().cut) } else { text };
        match &event.step {
            Some(step) => self.lines(event.time, style, level.as_str(), &format!("[{step}] {text}")),
            None => self.lines(event.time, style, level.as_str(), &text),
        }
    }

    /// Further lines of a text stand below its first.
    fn lines(&self, time: u64, style: anstyle::Style, word: &str, text: &str) -> String {
        let text = clean(text);
        let text = text.trim_end_matches('\n').replace('\n', "\n               ");
        format!("{} {} {text}\n", time_of_day(time), self.look.paint(style, format_args!("{word:<5}")))
    }

    fn progress(&mut self, event: &Event<'_>, progress: Progress) -> String {
        let report = Report { time: event.time, progress };
        let step = self.step(step_name(event), event.time);
        if !step.is_due(report) {
            step.held_back = Some(report);
            return String::new();
        }
        step.held_back = None;
        step.shown = Some(report);
        step.again |= progress.current >= progress.total;
        step.line(report)
    }

    fn step(&mut self, name: &str, time: u64) -> &mut PlainStep {
        let known = self.steps.iter().position(|step| step.name == name);
        let index = known.unwrap_or_else(|| {
            let name = name.to_owned();
            self.steps.push(PlainStep { name, started: time, shown: None, held_back: None, again: false });
            self.steps.len() - 1
        });
        &mut self.steps[index]
    }
}

impl PlainStep {
    fn is_due(&self, report: Report) -> bool {
        let Some(shown) = self.shown else { return true };
        let waited = report.time.saturating_sub(shown.time) >= INTERVAL.as_nanos() as u64;
        if self.again {
            return waited;
        }
        let moved = report.progress.percent - shown.progress.percent;
        let ended = report.progress.current >= report.progress.total;
        ended || moved >= PERCENT || (waited && moved >= 1.0)
    }

    /// A loop and what it is in often report the same end one after the other.
    fn says_more(&self, report: Report) -> bool {
        self.shown.is_none_or(|shown| shown.progress.percent != report.progress.percent)
    }

    fn line(&self, report: Report) -> String {
        let Progress { current, total, percent, time_remaining, .. } = report.progress;
        let name = one_line(&self.name);
        let mut line = format!("{} {name} {}% {current}/{total}", time_of_day(report.time), percent as u64);
        let elapsed = report.time.saturating_sub(self.started) as f64 / 1e9;
        // Writing to a String cannot fail.
        let _ = match time_remaining {
            _ if current >= total => write!(line, ", took {}", duration(elapsed)),
            Some(seconds) => write!(line, ", {} left", duration(seconds)),
            None => Ok(()),
        };
        line + "\n"
    }
}

fn metrics(event: &Event<'_>, values: &str) -> String {
    let mut line = format!("{} {}", time_of_day(event.time), one_line(step_name(event)));
    for (name, value) in metric_pairs(values) {
        // Writing to a String cannot fail.
        let _ = write!(line, " {name}={value}");
    }
    line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: u64 = 1_769_860_800_000_000_000;
    const LOOK: Look = Look { color: false, unicode: true };

    fn at(millis: u64, step: Option<&'static str>, body: EventBody<'static>) -> Event<'static> {
        Event { time: NOON + millis * 1_000_000, step: step.map(Into::into), body }
    }

    fn message(level: Level, text: &'static str) -> Event<'static> {
        at(1_000, None, EventBody::Message { level, text: text.into() })
    }

    fn progress(millis: u64, current: u64, total: u64) -> Event<'static> {
        let percent = current as f64 * 100.0 / total as f64;
        let time_remaining = (current > 0).then_some(1.234);
        let progress = Progress { current, total, percent, time_remaining, overall: percent };
        at(millis, Some("train"), EventBody::Progress(progress))
    }

    fn log(name: &'static str, level: Level) -> Event<'static> {
        let data = r#"{"loss":0.5}"#.into();
        at(1_000, None, EventBody::Log { name: name.into(), level, data, file: Some("/tmp/a.png".into()) })
    }

    fn text(events: &[Event<'_>]) -> String {
        let mut plain = Plain::new(LOOK, true);
        let lines: String = events.iter().map(|event| plain.event(event)).collect();
        lines + &plain.finish()
    }

    #[test]
    fn messages_have_time_and_level_and_may_have_several_lines() {
        let events = [
            message(Level::Info, "loading"),
            message(Level::Warning, "12 images\nare \x1b[31mbroken\x1b[0m\n"),
            at(2_000, Some("train"), EventBody::Message { level: Level::Debug, text: "seed 1".into() }),
            log("visualization", Level::Info),
        ];
        let expected = "\
12:00:01 info  loading
12:00:01 warning 12 images
               are broken
12:00:02 debug [train] seed 1
12:00:01 info  visualization {\"loss\":0.5} /tmp/a.png
";
        assert_eq!(text(&events), expected);
    }

    #[test]
    fn without_debug_only_what_matters_is_left_of_debug_messages_and_log_entries() {
        let mut plain = Plain::new(LOOK, false);
        assert_eq!(plain.event(&message(Level::Debug, "seed 1")), "");
        assert_eq!(plain.event(&log("metric", Level::Info)), "");
        let kept = plain.event(&log("stderr", Level::Error));
        assert_eq!(kept, "12:00:01 error stderr {\"loss\":0.5} /tmp/a.png\n");
    }

    #[test]
    fn quick_progress_is_shown_every_ten_percent_with_first_and_last() {
        let events: Vec<_> = (0..=1000).map(|done| progress(done, done, 1000)).collect();
        let expected = "\
12:00:00 train 0% 0/1000
12:00:00 train 10% 100/1000, 1.2 s left
12:00:00 train 20% 200/1000, 1.2 s left
12:00:00 train 30% 300/1000, 1.2 s left
12:00:00 train 40% 400/1000, 1.2 s left
12:00:00 train 50% 500/1000, 1.2 s left
12:00:00 train 60% 600/1000, 1.2 s left
12:00:00 train 70% 700/1000, 1.2 s left
12:00:00 train 80% 800/1000, 1.2 s left
12:00:00 train 90% 900/1000, 1.2 s left
12:00:01 train 100% 1000/1000, took 1.0 s
";
        assert_eq!(text(&events), expected);
    }

    #[test]
    fn slow_progress_is_shown_every_two_seconds_and_where_it_stopped() {
        let events: Vec<_> = (0..8).map(|done| progress(done * 500, done, 100)).collect();
        let expected = "\
12:00:00 train 0% 0/100
12:00:02 train 4% 4/100, 1.2 s left
12:00:03 train 7% 7/100, 1.2 s left
";
        assert_eq!(text(&events), expected);
    }

    #[test]
    fn a_step_that_starts_over_is_thinned_by_time_alone() {
        let laps = |millis: u64| (0..=4).map(move |done| progress(millis + done, done, 4));
        let events: Vec<_> = (0..100).flat_map(|lap| laps(lap * 30)).collect();
        let expected = "\
12:00:00 train 0% 0/4
12:00:00 train 25% 1/4, 1.2 s left
12:00:00 train 50% 2/4, 1.2 s left
12:00:00 train 75% 3/4, 1.2 s left
12:00:00 train 100% 4/4, took 4 ms
12:00:02 train 0% 0/4
12:00:02 train 100% 4/4, took 3.0 s
";
        assert_eq!(text(&events), expected);
    }

    #[test]
    fn an_end_that_is_reported_twice_is_shown_once() {
        let events = [progress(0, 0, 4), progress(900, 4, 4), progress(900, 4, 4), progress(901, 1, 1)];
        assert_eq!(text(&events), "12:00:00 train 0% 0/4\n12:00:00 train 100% 4/4, took 0.9 s\n");
    }

    #[test]
    fn metrics_are_pairs() {
        let values = r#"{"loss":0.41234,"accuracy":0.93,"best":null}"#;
        let event = |step| at(1_000, step, EventBody::Metrics { values: values.into() });
        let expected = "\
12:00:01 train loss=0.4123 accuracy=0.93 best=-
12:00:01 run loss=0.4123 accuracy=0.93 best=-
";
        assert_eq!(text(&[event(Some("train")), event(None)]), expected);
    }
}
