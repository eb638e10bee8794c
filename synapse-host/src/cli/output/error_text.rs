//! Errors as text for people and as JSON for programs.

use serde_json::{Value, json};
use synapse_sdk::errors::{ErrorKind, PluginError};

use super::look::{ACCENT, BOLD, DIM, FATAL, Look};
use super::result_text::block;
use super::text::{clean, one_line};

/// `error: what happened`, then what is known about it, a line each.
pub(super) fn human(error: &PluginError, backtrace: bool, look: Look) -> String {
    let violations = violations(error.details_json(), look);
    let message = clean(error.message());
    // The sentence of a validation error repeats the violations in its further lines.
    let message = if violations.is_some() { message.lines().next().unwrap_or_default() } else { &message };
    let mut text = format!("{}{}\n", look.paint(FATAL, "error: "), indented(message));
    text.push_str(&violations.unwrap_or_default());
    for cause in error.causes() {
        text.push_str(&line(look, DIM, "caused by", cause));
    }
    if let Some(location) = error.location() {
        text.push_str(&line(look, DIM, "at", location));
    }
    text.push_str(&facts(error, look));
    if let Some(hint) = error.hint_text() {
        text.push_str(&line(look, ACCENT, "hint:", hint));
    }
    if let Some(trace) = error.backtrace().filter(|_| backtrace) {
        text.push_str(&line(look, DIM, "backtrace:", &format!("\n{}", trace.trim_end())));
    }
    text
}

/// `{"error": {"kind", "message", …}}` on one line.
pub(super) fn json_line(error: &PluginError, backtrace: bool) -> String {
    let mut body = error.to_json();
    if let Some(fields) = body.as_object_mut().filter(|_| !backtrace) {
        fields.remove("backtrace");
    }
    format!("{}\n", json!({ "error": body }))
}

fn line(look: Look, style: anstyle::Style, label: &str, text: &str) -> String {
    format!("  {} {}\n", look.paint(style, label), indented(&clean(text)))
}

fn indented(text: &str) -> String {
    text.trim_end_matches('\n').replace('\n', "\n  ")
}

/// A line for each violation, when `details` is a list of them.
fn violations(details: &Value, look: Look) -> Option<String> {
    let items = details.as_array().filter(|items| !items.is_empty())?;
    items.iter().map(|item| violation(item, look)).collect()
}

fn violation(item: &Value, look: Look) -> Option<String> {
    let pointer = match item.get("pointer")?.as_str()? {
        "" => "/",
        pointer => pointer,
    };
    let message = match item.get("message").and_then(Value::as_str) {
        Some(message) => message.to_owned(),
        None => format!("breaks the rule `{}`", item.get("rule")?.as_str()?),
    };
    Some(format!("  {}: {}\n", look.paint(BOLD, one_line(pointer)), indented(&clean(&message))))
}

/// What an author attached to an error. Other kinds say it all in their message.
fn facts(error: &PluginError, look: Look) -> String {
    match error.details_json() {
        Value::Object(fields) if error.kind() == ErrorKind::Execution => block(fields, 2, look),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use synapse_sdk::errors::{ExecutionError, ValidationError};
    use synapse_sdk::schema::{Violation, invalid_params};

    const LOOK: Look = Look { color: false, unicode: true };

    fn violation(pointer: &str, rule: &str, message: &str) -> Violation {
        let (given, allowed) = (Value::Null, Value::Null);
        Violation { pointer: pointer.into(), rule: rule.into(), given, allowed, message: message.into() }
    }

    #[test]
    fn every_violation_is_one_line_with_its_pointer() {
        let error = invalid_params(
            "train",
            &[
                violation("/epochs", "minimum", "expected at least 1, not 0"),
                violation("", "required", "`batch_size` is missing"),
            ],
        );
        let expected = "\
error: params of `train`: 2 violations
  /epochs: expected at least 1, not 0
  /: `batch_size` is missing
  hint: see `synapse plugin schema train`
";
        assert_eq!(human(&error.hint("see `synapse plugin schema train`"), true, LOOK), expected);
    }

    #[test]
    fn a_failed_action_tells_causes_facts_and_hint() {
        let error = ExecutionError::new("No space left on device (os error 28)")
            .context("writing weights.bin")
            .context("saving the model\nafter epoch 3")
            .details(json!({"epoch": 3, "bytes": 1_048_576}))
            .hint("free some space");
        let expected = "\
error: saving the model
  after epoch 3
  caused by writing weights.bin
  caused by No space left on device (os error 28)
  epoch  3
  bytes  1048576
  hint: free some space
";
        assert_eq!(human(&error, true, LOOK), expected);
    }

    #[test]
    fn a_panic_names_its_place_and_shows_the_backtrace_only_on_request() {
        let error = PluginError::new(ErrorKind::Panic, "the action panicked: index out of bounds")
            .details(json!({"panic": "index out of bounds", "location": "src/lib.rs:3:9"}))
            .at("src/lib.rs:3:9")
            .with_backtrace("0: train\n1: main\n");
        let brief = "error: the action panicked: index out of bounds\n  at src/lib.rs:3:9\n";
        assert_eq!(human(&error, false, LOOK), brief);
        let traced = format!("{brief}  backtrace: \n  0: train\n  1: main\n");
        assert_eq!(human(&error, true, LOOK), traced);
    }

    #[test]
    fn escape_codes_in_an_error_stay_text() {
        let error = ExecutionError::new("\x1b[2Jboom").hint("\x1b]0;t\x07fix");
        assert_eq!(human(&error, true, LOOK), "error: boom\n  hint: fix\n");
    }

    #[test]
    fn programs_get_one_line_with_kind_and_details() {
        let details =
            json!([{"pointer": "/epochs", "rule": "minimum", "given": 0, "allowed": 1, "message": "m"}]);
        let error = ValidationError::new("a\nb").details(details).hint("h").with_backtrace("0: main");
        let expected = concat!(
            r#"{"error":{"kind":"validation","message":"a\nb","hint":"h","details":"#,
            r#"[{"pointer":"/epochs","rule":"minimum","given":0,"allowed":1,"message":"m"}]}}"#,
            "\n"
        );
        assert_eq!(json_line(&error, false), expected);
        assert!(json_line(&error, true).contains(r#""backtrace":"0: main""#));
    }
}
