//! A panic in Synapse itself: a report file, and exit code 70.

use std::backtrace::Backtrace;
use std::fs;
use std::io;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;
use synapse_sdk::ErrorKind;

use super::version::version;
use crate::home::Home;

/// Runs `work`; a panic in it, or in a thread it starts, leaves a report file
/// and is told. Panics of plugins do not come here: their images catch them.
pub(crate) fn reported(work: impl FnOnce() -> ExitCode) -> ExitCode {
    panic::set_hook(Box::new(tell));
    let code = panic::catch_unwind(AssertUnwindSafe(work));
    code.unwrap_or_else(|_| ExitCode::from(ErrorKind::Internal.exit_code()))
}

fn tell(info: &PanicHookInfo<'_>) {
    let report = format!(
        "synapse {}\n{info}\n\narguments: {:?}\n\n{}\n",
        version(),
        std::env::args_os().collect::<Vec<_>>(),
        Backtrace::force_capture()
    );
    let (message, hint) = match write(&report, Home::from_env().as_ref()) {
        Ok(file) => (
            format!("a fault of synapse itself: {info}"),
            format!("please report it with {}", file.display()),
        ),
        Err(error) => (
            format!("a fault of synapse itself: {report}"),
            format!("no report file could be written: {error}"),
        ),
    };
    if std::env::args_os().any(|argument| argument == "--json") {
        let kind = ErrorKind::Internal.as_str();
        eprintln!("{}", json!({ "error": { "kind": kind, "message": message, "hint": hint } }));
    } else {
        eprintln!("error: {message}\n  hint: {hint}");
    }
}

/// Into the home's folder of reports, else among the temporary files.
fn write(report: &str, home: Option<&Home>) -> io::Result<PathBuf> {
    let name = format!("synapse-report-{}.txt", std::process::id());
    let reports = home.map(|home| home.path().join("reports"));
    if let Some(folder) = reports.filter(|folder| fs::create_dir_all(folder).is_ok()) {
        let file = folder.join(&name);
        if fs::write(&file, report).is_ok() {
            return Ok(file);
        }
    }
    let file = std::env::temp_dir().join(name);
    fs::write(&file, report).map(|()| file)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_report_lies_at_home_or_else_among_the_temporary_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = write("what happened", Some(&Home::at(folder.path()))).unwrap();
        assert!(file.starts_with(folder.path().join("reports")));
        assert_eq!(fs::read_to_string(&file).unwrap(), "what happened");

        let unwritable = Home::at("/proc/nowhere");
        let file = write("what happened", Some(&unwritable)).unwrap();
        assert!(file.starts_with(std::env::temp_dir()));
        fs::remove_file(file).unwrap();
    }
}
