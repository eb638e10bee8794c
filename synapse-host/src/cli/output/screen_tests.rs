//! What a terminal shows after it was fed the frames.

use std::num::NonZero;
use std::time::Duration;

use synapse_sdk::events::{Event, EventBody, Level, Progress};

use super::look::Look;
use super::screen::{Screen, Size};

const LOOK: Look = Look { color: false, unicode: true };
const SIZE: Size = Size { columns: 60, rows: 8 };

/// A screen before a terminal that is emulated.
struct Viewer {
    screen: Screen,
    terminal: vt100::Parser,
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn progress(step: &'static str, current: u64, total: u64) -> Event<'static> {
    let percent = current as f64 * 100.0 / total as f64;
    let progress = Progress { current, total, percent, time_remaining: Some(9.0), overall: percent };
    Event::now(Some(step), EventBody::Progress(progress))
}

fn metrics(step: &'static str, values: &'static str) -> Event<'static> {
    Event::now(Some(step), EventBody::Metrics { values: values.into() })
}

impl Viewer {
    fn new() -> Self {
        let of = |count: usize| NonZero::new(count as u16).unwrap();
        let terminal = vt100::Parser::new(of(SIZE.rows), of(SIZE.columns), 100);
        Self { screen: Screen::new(LOOK, true, SIZE), terminal }
    }

    fn event(&mut self, at: u64, event: &Event<'_>) {
        self.screen.event(event, millis(at));
    }

    fn draw(&mut self, at: u64) {
        let frame = self.screen.frame(SIZE, millis(at));
        // The terminal driver sends a carriage return before each line feed.
        self.terminal.process(frame.replace('\n', "\r\n").as_bytes());
    }

    fn finish(&mut self, at: u64, success: bool) {
        self.screen.finish(success, millis(at));
        self.draw(at);
        self.screen.release();
    }

    fn rows(&self) -> Vec<String> {
        let rows = self.terminal.screen().rows(0, SIZE.columns as u16);
        let mut rows: Vec<String> = rows.map(|row| row.trim_end().to_owned()).collect();
        while rows.last().is_some_and(String::is_empty) {
            rows.pop();
        }
        rows
    }
}

#[test]
fn messages_scroll_above_the_bars() {
    let mut viewer = Viewer::new();
    viewer.event(0, &progress("load", 1, 2));
    viewer.draw(0);
    viewer.event(1, &Event::message(Level::Warning, "3 images\nare broken"));
    viewer.event(900, &progress("load", 2, 2));
    viewer.event(900, &progress("train", 1, 4));
    viewer.draw(1_000);
    viewer.event(1_100, &metrics("train", r#"{"loss": 0.5}"#));
    viewer.event(1_100, &Event::message(Level::Info, "epoch 1"));
    viewer.draw(1_200);
    assert_eq!(
        viewer.rows(),
        [
            "! 3 images",
            "  are broken",
            "· epoch 1",
            "✓ load   0.9 s",
            "  train  ━━━─────────   25%  1/4  8.7 s left  loss 0.5"
        ]
    );
}

#[test]
fn on_success_all_steps_are_done_and_later_lines_come_below() {
    let mut viewer = Viewer::new();
    viewer.event(0, &progress("train", 3, 4));
    viewer.draw(0);
    viewer.finish(2_000, true);
    viewer.screen.note("wrote result.json");
    viewer.draw(2_100);
    assert_eq!(viewer.rows(), ["✓ train  2.0 s", "wrote result.json"]);
}

#[test]
fn on_failure_steps_stay_where_they_were() {
    let mut viewer = Viewer::new();
    viewer.event(0, &progress("load", 0, 2));
    viewer.event(500, &progress("load", 2, 2));
    viewer.event(500, &progress("train", 3, 4));
    viewer.draw(600);
    viewer.finish(2_500, false);
    assert_eq!(viewer.rows(), ["✓ load   0.5 s", "✗ train   75%  3/4  stopped after 2.0 s"]);
}

#[test]
fn a_step_that_starts_over_gets_its_bar_back() {
    let mut viewer = Viewer::new();
    viewer.event(0, &progress("batches", 0, 4));
    viewer.event(100, &progress("batches", 4, 4));
    viewer.draw(100);
    viewer.event(200, &progress("batches", 2, 4));
    viewer.draw(200);
    assert_eq!(viewer.rows(), ["  batches  ━━━━━━──────   50%  2/4  9.0 s left"]);
    viewer.event(700, &progress("batches", 4, 4));
    viewer.draw(700);
    assert_eq!(viewer.rows(), ["✓ batches  0.5 s"]);
}

#[test]
fn done_steps_scroll_away_where_rows_are_few() {
    let mut viewer = Viewer::new();
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    for (index, name) in names.into_iter().enumerate() {
        viewer.event(index as u64 * 1_000, &progress(name, 0, 2));
        viewer.draw(index as u64 * 1_000);
        viewer.event(index as u64 * 1_000 + 500, &progress(name, 2, 2));
        viewer.draw(index as u64 * 1_000 + 500);
    }
    let shown = ["d", "e", "f", "g", "h", "i", "j"].map(|name| format!("✓ {name}  0.5 s"));
    assert_eq!(viewer.rows(), shown);
    viewer.terminal.screen_mut().set_scrollback(100);
    assert_eq!(viewer.rows()[..3], ["a", "b", "c"].map(|name| format!("✓ {name}  0.5 s")));
}

#[test]
fn failed_steps_are_all_told_even_where_rows_are_few() {
    let mut viewer = Viewer::new();
    for name in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] {
        viewer.event(0, &progress(name, 1, 2));
    }
    viewer.draw(0);
    viewer.finish(1_000, false);
    viewer.terminal.screen_mut().set_scrollback(100);
    let first = ["a", "b", "c"].map(|name| format!("✗ {name}   50%  1/2  stopped after 1.0 s"));
    assert_eq!(viewer.rows()[..3], first);
}

#[test]
fn a_plugin_cannot_write_to_the_terminal_but_text() {
    let mut viewer = Viewer::new();
    viewer.event(0, &Event::message(Level::Info, "kept"));
    viewer.event(0, &Event::message(Level::Info, "\x1b[2J\x1b[H\x1b[31mevil\u{9b}A"));
    viewer.event(0, &progress("st\x1b[1Aep\nname", 1, 2));
    viewer.event(0, &metrics("st\x1b[1Aep\nname", "{\"lo\\u001b[2Jss\": \"\\u001b[H1\"}"));
    viewer.draw(0);
    assert_eq!(
        viewer.rows(),
        ["· kept", "· evil\\u{9b}A", "  step name  ━━━━━━──────   50%  1/2  9.0 s left  loss 1"]
    );
}

#[test]
fn progress_waits_for_the_next_frame_but_errors_do_not() {
    let mut viewer = Viewer::new();
    viewer.event(0, &progress("train", 1, 4));
    viewer.draw(0);
    viewer.event(50, &progress("train", 2, 4));
    assert!(!viewer.screen.is_due(millis(50)));
    assert!(viewer.screen.is_due(millis(100)));
    viewer.event(60, &Event::message(Level::Error, "out of memory"));
    assert!(viewer.screen.is_due(millis(60)));
}

#[test]
fn a_frame_that_changes_nothing_writes_nothing() {
    let mut screen = Screen::new(LOOK, true, SIZE);
    screen.event(&progress("train", 4, 4), millis(0));
    assert_eq!(screen.frame(SIZE, millis(0)), "✓ train  0 ms\x1b[K\n");
    assert_eq!(screen.frame(SIZE, millis(500)), "");
}

#[test]
fn a_narrower_terminal_has_wrapped_the_lines_that_are_drawn_over() {
    let mut screen = Screen::new(LOOK, true, SIZE);
    screen.event(&progress("train", 1, 4), millis(0));
    screen.frame(SIZE, millis(0));
    let narrow = Size { columns: 30, ..SIZE };
    assert_eq!(screen.frame(narrow, millis(0)), "\r\x1b[2A\x1b[J  train   25%  9.0 s left\x1b[K\n");
}
