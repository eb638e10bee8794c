//! A config.yaml: it can be used, or every problem is told by its line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use synapse_host::config;

fuzz_target!(|text: &str| {
    let problems = match config::parse(text) {
        Ok(loaded) => {
            assert!(!loaded.config.code.is_empty());
            loaded.warnings
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            problems
        }
    };
    let lines = text.lines().count() + 1;
    for problem in &problems {
        assert!((1..=lines).contains(&problem.line) && problem.column >= 1, "{problem:?}");
    }
    let _ = config::render(&problems, "config.yaml");
});
