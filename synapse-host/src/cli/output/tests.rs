//! Both streams of a whole command, as text and as JSON.

use serde_json::{Value, json};
use synapse_sdk::errors::{ErrorKind, ExecutionError, PluginError};
use synapse_sdk::events::{Event, EventBody, Level, Progress};

use super::look::Look;
use super::sink::Sink;
use super::{Device, Output, OutputOptions, table};

struct Streams {
    stdout: Sink,
    stderr: Sink,
}

fn output(options: OutputOptions) -> (Output, Streams) {
    output_on(false, options)
}

fn output_on(terminal: bool, options: OutputOptions) -> (Output, Streams) {
    let streams = Streams { stdout: Sink::memory(), stderr: Sink::memory() };
    let look = Look { color: false, unicode: true };
    let device = |sink: &Sink| Device { sink: sink.clone(), look, terminal };
    (Output::on(device(&streams.stdout), device(&streams.stderr), options), streams)
}

fn json_options() -> OutputOptions {
    OutputOptions { json: true, ..OutputOptions::default() }
}

fn at_noon(body: EventBody<'static>) -> Event<'static> {
    Event { time: 1_769_860_800_000_000_000, step: Some("train".into()), body }
}

fn half_done() -> Event<'static> {
    let progress = Progress { current: 2, total: 4, percent: 50.0, time_remaining: Some(3.5), overall: 50.0 };
    at_noon(EventBody::Progress(progress))
}

fn trained() -> Value {
    json!({
        "run": {"id": "20260131-120000-a1b2", "plugin": "digits", "action": "train", "mode": "local",
                "status": "succeeded", "started": "2026-01-31T12:00:00.000000Z", "ms": 1234},
        "result": {"accuracy": 0.93, "weights": "model.bin"},
        "metrics": {"train": {"loss": 0.41}},
    })
}

#[test]
fn text_goes_to_stdout_and_all_else_to_stderr() {
    let (mut output, streams) = output(OutputOptions::default());
    output.event(&at_noon(EventBody::Message { level: Level::Info, text: "loading".into() }));
    output.event(&half_done());
    output.result(&trained()).unwrap();
    assert_eq!(streams.stdout.taken(), "accuracy  0.93\nweights   model.bin\n");
    let expected = "\
12:00:00 info  [train] loading
12:00:00 train 50% 2/4, 3.5 s left
✓ train finished in 1.2 s · run 20260131-120000-a1b2
";
    assert_eq!(streams.stderr.taken(), expected);
}

#[test]
fn on_a_terminal_progress_that_was_held_back_is_drawn_in_the_end() {
    let (mut output, streams) = output_on(true, OutputOptions::default());
    output.note("compiled in 0.4 s");
    for _ in 0..1_000 {
        output.event(&half_done());
    }
    output.event(&at_noon(EventBody::Metrics { values: r#"{"loss":0.41}"#.into() }));
    output.error(&ExecutionError::new("no images"));
    let stderr = streams.stderr.taken();
    assert!(stderr.starts_with("compiled in 0.4 s\n"), "{stderr}");
    let end = &stderr[stderr.rfind('✗').unwrap()..];
    assert!(end.contains("50%  2/4  stopped after") && end.contains("loss 0.41"), "{end}");
    assert!(end.ends_with("error: no images\n"), "{end}");
}

#[test]
fn with_json_stdout_is_one_document_and_stderr_lines_of_json() {
    let (mut output, streams) = output(json_options());
    output.event(&half_done());
    output.note("compiled in 0.4 s");
    output.result(&trained()).unwrap();
    let stdout = streams.stdout.taken();
    assert_eq!(stdout.lines().count(), 1);
    assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap(), trained());
    let stderr = streams.stderr.taken();
    let (event, note) = stderr.split_once('\n').unwrap();
    let expected = concat!(
        r#"{"event":"progress","datetime":"2026-01-31T12:00:00.000000Z","step":"train","#,
        r#""data":{"current":2,"total":4,"percent":50.0,"time_remaining":3.5,"overall":50.0}}"#
    );
    assert_eq!(event, expected);
    let note: Value = serde_json::from_str(note).unwrap();
    assert_eq!((&note["event"], &note["data"]["content"]), (&json!("note"), &json!("compiled in 0.4 s")));
}

#[test]
fn with_json_the_error_is_the_last_line() {
    let (mut output, streams) = output(json_options());
    output.event(&half_done());
    output.error(&ExecutionError::new("no images").hint("see --dataset").with_backtrace("0: train"));
    let stderr = streams.stderr.taken();
    let expected = concat!(
        r#"{"error":{"kind":"execution","message":"no images","hint":"see --dataset","#,
        r#""backtrace":"0: train"}}"#
    );
    assert_eq!(stderr.lines().last(), Some(expected));
    assert_eq!(streams.stdout.taken(), "");
}

#[test]
fn quiet_leaves_the_result_and_errors() {
    let (mut output, streams) = output(OutputOptions { quiet: true, ..OutputOptions::default() });
    output.event(&half_done());
    output.note("compiled");
    output.result(&trained()).unwrap();
    assert_eq!(streams.stderr.taken(), "");
    assert_eq!(streams.stdout.taken(), "accuracy  0.93\nweights   model.bin\n");
    output.error(&PluginError::new(ErrorKind::NotFound, "no plugin `digit`"));
    assert_eq!(streams.stderr.taken(), "error: no plugin `digit`\n");
}

#[test]
fn a_job_that_was_followed_is_named_in_the_closing_line() {
    let (mut output, streams) = output(OutputOptions::default());
    let run = json!({"action": "train", "ms": 1200.0, "job_id": "raysubmit_7"});
    output.result(&json!({"run": run, "result": null, "metrics": {}})).unwrap();
    assert_eq!(streams.stdout.taken(), "");
    assert_eq!(streams.stderr.taken(), "✓ train finished in 1.2 s · job raysubmit_7\n");
}

#[test]
fn lists_are_tables_or_json() {
    let found = json!({"runs": [{"id": "r1"}]});
    let rows = [vec!["r1".to_owned()]];
    let (mut text, streams) = output(OutputOptions::default());
    text.document(&found, |columns| table(&["ID"], &rows, columns)).unwrap();
    assert_eq!(streams.stdout.taken(), "ID\nr1\n");
    let (mut json, streams) = output(json_options());
    json.document(&found, |columns| table(&["ID"], &rows, columns)).unwrap();
    assert_eq!(streams.stdout.taken(), "{\"runs\":[{\"id\":\"r1\"}]}\n");
}
