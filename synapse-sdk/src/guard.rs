//! Panics stop here: they become errors before they could cross into the host.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

use serde_json::json;

use crate::errors::{ErrorKind, PluginError, Result};

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    static NOTE: RefCell<Option<Note>> = const { RefCell::new(None) };
}

/// What the panic hook saw, kept for whoever catches the panic.
struct Note {
    location: Option<String>,
    backtrace: Option<String>,
}

/// Runs `work`; a panic in it becomes an error with its message and place.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    install_hook();
    let outer = GUARDED.replace(true);
    // The state behind `work` is dropped or was behind locks that notice.
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(outer);
    outcome.unwrap_or_else(|payload| Err(panic_error(payload)))
}

/// The default hook prints and cannot be asked; ours notes place and backtrace
/// on threads that run an action, and leaves all other threads to the old one.
fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| if GUARDED.get() { take_note(info) } else { previous(info) }));
    });
}

fn take_note(info: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    let captured = backtrace.status() == BacktraceStatus::Captured;
    let note = Note {
        location: info.location().map(ToString::to_string),
        backtrace: captured.then(|| backtrace.to_string()),
    };
    // A thread that is ending has no place for it any more, nor a use.
    let _ = NOTE.try_with(|slot| slot.replace(Some(note)));
}

fn panic_error(payload: Box<dyn Any + Send>) -> PluginError {
    let message = text_of(payload);
    let mut error = PluginError::new(ErrorKind::Panic, format!("the action panicked: {message}"));
    let mut details = json!({ "panic": message });
    if let Some(note) = NOTE.try_with(RefCell::take).ok().flatten() {
        if let Some(location) = note.location {
            details["location"] = location.as_str().into();
            error = error.at(location);
        }
        if let Some(backtrace) = note.backtrace {
            error = error.with_backtrace(backtrace);
        }
    }
    error.details(details).hint(hint_for(&message))
}

/// The text a panic carries. Anything else is kept for ever.
pub(crate) fn text_of(payload: Box<dyn Any + Send>) -> String {
    let payload = match payload.downcast::<String>() {
        Ok(text) => return *text,
        Err(other) => other,
    };
    match payload.downcast::<&'static str>() {
        Ok(text) => (*text).to_owned(),
        Err(other) => {
            // Its drop is foreign code that may panic again.
            std::mem::forget(other);
            "(the panic carries no text)".to_owned()
        }
    }
}

fn hint_for(message: &str) -> &'static str {
    if message.contains("no reactor running") || message.contains("Tokio 1.x runtime") {
        "code that needs tokio wants the SDK's `async` feature: \
         synapse-sdk = { …, features = [\"async\"] }"
    } else {
        "a panic is a bug in the plugin; RUST_BACKTRACE=1 shows how it came about"
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_message_and_place() {
        let error = guarded::<()>(|| panic!("weights of {} rows", 3)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Panic);
        assert_eq!(error.to_string(), "the action panicked: weights of 3 rows");
        assert!(error.location().unwrap().starts_with("synapse-sdk/src/guard.rs:"), "{error:?}");
    }

    #[test]
    fn a_payload_without_text_is_told_apart() {
        struct PanicsWhenDropped;
        impl Drop for PanicsWhenDropped {
            fn drop(&mut self) {
                panic!("again");
            }
        }
        let error = guarded::<()>(|| panic::panic_any(PanicsWhenDropped)).unwrap_err();
        assert_eq!(error.to_string(), "the action panicked: (the panic carries no text)");
    }

    #[test]
    fn a_missing_tokio_runtime_is_answered_with_the_feature() {
        let error = guarded::<()>(|| {
            panic!("there is no reactor running, must be called from the context of a Tokio 1.x runtime")
        });
        assert!(error.unwrap_err().hint_text().unwrap().contains("features = [\"async\"]"));
    }
}
