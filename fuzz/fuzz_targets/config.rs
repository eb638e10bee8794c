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
    // YAML takes a lone carriage return for the end of a line.
    let lines = text.matches(['\n', '\r']).count() + 1;
    for problem in &problems {
        assert!((1..=lines).contains(&problem.line) && problem.column >= 1, "{problem:?}");
    }
    let _ = config::render(&problems, "config.yaml");
});
