//! One run of `cargo test`.

use std::time::{Duration, Instant};

use super::cargo::{self, Line};
use super::{BuildFailure, BuildRequest, manifest};

/// How the tests of a crate ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TestCounts {
    /// Tests that passed.
    pub passed: usize,
    /// Tests that failed.
    pub failed: usize,
    /// Tests that were not run.
    pub ignored: usize,
    /// Whether cargo was satisfied: all was compiled, and none failed.
    pub succeeded: bool,
    /// What it took, compiling included.
    pub elapsed: Duration,
}

/// Runs the tests of the crate in a plugin's folder: unit tests, those in
/// `tests/`, examples in its documentation. `report` gets what cargo and the
/// tests say.
///
/// # Errors
/// Cargo cannot be run there. Tests that fail, or do not compile, are no error.
pub fn run_tests(
    request: &BuildRequest<'_>,
    report: &mut dyn FnMut(&str),
) -> Result<TestCounts, BuildFailure> {
    let start = Instant::now();
    let key = request.key().map_err(|error| manifest::unreadable(request.folder, error))?;
    manifest::require_package(request)?;
    let mut test = cargo::command(request);
    test.args(["test", "--color", if request.color { "always" } else { "never" }]).args(&key.arguments);
    let mut child = cargo::start(request, test)?;
    let mut counts = TestCounts::default();
    cargo::for_each_line(&mut child, |line| {
        let (Line::Message(line) | Line::Status(line)) = line;
        counts.add(&line);
        report(&line);
    });
    let status = child.wait().map_err(|source| BuildFailure::Io {
        doing: "wait for",
        path: cargo::program(request).into(),
        source,
    })?;
    counts.succeeded = status.success();
    counts.elapsed = start.elapsed();
    Ok(counts)
}

impl TestCounts {
    /// Takes in `test result: ok. 4 passed; 0 failed; 1 ignored; …`.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.split_once("test result: ") else { return };
        let words: Vec<&str> = counts.split([' ', ';', '.']).filter(|word| !word.is_empty()).collect();
        for pair in words.windows(2) {
            let Ok(count) = pair[0].parse::<usize>() else { continue };
            match pair[1] {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_all_test_programs_add_up() {
        let mut counts = TestCounts::default();
        counts.add(
            "test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s",
        );
        counts.add("test result: \u{1b}[31mFAILED\u{1b}[0m. 3 passed; 2 failed; 0 ignored; 0 measured");
        counts.add("test passed ... ok");
        assert_eq!((counts.passed, counts.failed, counts.ignored), (7, 2, 1));
    }
}
