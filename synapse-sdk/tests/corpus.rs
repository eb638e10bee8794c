//! The check finds what the cases in `tests/corpus` say, with pointer and rule.
//!
//! Documents stand there as text: which names stand twice, and how numbers are
//! spelled, would not survive otherwise.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use synapse_sdk::schema::{Schema, pattern};

/// One file: schemas by name, and what becomes of documents under them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Theme {
    shapes: BTreeMap<String, Value>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    schema: String,
    document: String,
    violations: Vec<(String, String)>,
}

fn themes() -> Vec<(String, Theme)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let files = std::fs::read_dir(folder).expect("the folder is there");
    let read = |path: &Path| {
        let text = std::fs::read_to_string(path).expect("the file can be read");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    files
        .map(|file| file.expect("the folder can be read").path())
        .map(|path| (path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), read(&path)))
        .collect()
}

#[test]
fn every_case_has_just_its_violations() {
    pattern::enable();
    let mut wrong = Vec::new();
    let mut count = 0;
    for (name, theme) in themes() {
        let compile =
            |(name, json): (&String, &Value)| (name.clone(), Schema::compile(json).expect("it is supported"));
        let schemas: BTreeMap<String, Schema> = theme.shapes.iter().map(compile).collect();
        for case in theme.cases {
            count += 1;
            let found = violations(&schemas[&case.schema], &case.document);
            if found != case.violations {
                wrong.push(format!("{name}, {}: {}\n  {found:?}", case.schema, case.document));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 300, "only {count} cases were found");
}

/// Pointer and rule of each; what is accepted at once has none.
fn violations(schema: &Schema, document: &str) -> Vec<(String, String)> {
    let checked =
        schema.check_text(document.as_bytes()).unwrap_or_else(|error| panic!("{document}: {error}"));
    let found: Vec<_> = checked.violations.into_iter().map(|found| (found.pointer, found.rule)).collect();
    assert!(found.is_empty() || !schema.accepts(document.as_bytes()), "{document} was accepted");
    found
}
