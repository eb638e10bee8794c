//! The action: items out of a file of JSON lines, each held against the rules.

use std::fs;

use synapse_sdk::prelude::*;

use crate::rules;

/// Stands in for a file where none is named.
const SAMPLE: &str = include_str!("../data/sample.jsonl");

/// What to check, and how strictly.
#[params]
pub struct ValidateParams {
    /// A file with one JSON object a line; the plugin's sample without it
    items: Option<String>,
    /// Labels an item may have
    #[param(default = ["cat", "dog"], items(min = 1, unique))]
    labels: Vec<String>,
    /// The shortest side an item may have, in pixels
    #[param(default = 2.0, ge = 0)]
    min_size: f64,
    /// Findings to list; all are counted
    #[param(default = 100, le = 10_000)]
    limit: usize,
}

/// What was found.
#[result]
pub struct ValidateResult {
    /// Items looked at
    checked: usize,
    /// Items that keep all rules
    passed: usize,
    /// What is wrong, the first of it
    findings: Vec<Finding>,
}

/// Something that is wrong with an item.
#[result]
pub struct Finding {
    /// Line of the item, from 1
    line: usize,
    field: String,
    message: String,
}

/// Checks items against the rules.
#[action(
    category = DataValidation,
    example = {} => { "checked": 4, "passed": 2 },
    example = { "labels": ["cat", "dog", "cow"], "min_size": 0 } => { "passed": 4, "findings": [] },
)]
pub fn validate(params: ValidateParams, ctx: &Context) -> Result<ValidateResult> {
    let text = match &params.items {
        Some(path) => fs::read_to_string(path).with_context(|| format!("reading {path}"))?,
        None => SAMPLE.to_owned(),
    };
    let lines: Vec<&str> = text.lines().collect();
    let mut result = ValidateResult {
        checked: lines.len(),
        passed: 0,
        findings: Vec::new(),
    };
    for (index, line) in lines.iter().enumerate() {
        let found = check_line(line, &params);
        result.passed += usize::from(found.is_empty());
        let room = params.limit.saturating_sub(result.findings.len());
        let listed = found.into_iter().take(room);
        result
            .findings
            .extend(listed.map(|(field, message)| Finding {
                line: index + 1,
                field: field.to_owned(),
                message,
            }));
        ctx.set_progress(index + 1, lines.len(), "validate")?;
    }
    let failed = result.checked - result.passed;
    ctx.set_metrics(
        json!({ "passed": result.passed, "failed": failed }),
        "validate",
    )?;
    let level = if failed == 0 {
        Level::Success
    } else {
        Level::Warning
    };
    ctx.log_message(
        format!("{failed} of {} items break a rule", result.checked),
        level,
    );
    Ok(result)
}

fn check_line(line: &str, params: &ValidateParams) -> Vec<rules::Finding> {
    match line.parse::<Value>() {
        Ok(item) => rules::check(&item, &params.labels, params.min_size),
        Err(error) => vec![("", format!("is no JSON: {error}"))],
    }
}
