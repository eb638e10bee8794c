//! Whether params that are found by their names are there.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::run::{ParamsOf, Stage};
use crate::errors::{PluginError, Result, ValidationError};
use crate::schema::types::{Field, Types, field, field_names, required};

/// What a check has found.
pub(super) struct Checked {
    /// Of each step, the params that are found by their names.
    pub(super) by_name: Vec<Vec<ByName>>,
    /// What works and may not be meant.
    pub(super) warnings: Vec<String>,
}

/// A param, and the step whose result has it; without one, what the pipeline is
/// started with.
pub(super) struct ByName {
    pub(super) field: String,
    pub(super) step: Option<usize>,
}

/// Finds the params of all steps.
///
/// # Errors
/// Every gap, and `mistakes` that were made before.
pub(super) fn check(stages: &[Stage], mistakes: &[String]) -> Result<Checked> {
    let by_name = |stage: &Stage| matches!(stage.params, ParamsOf::ByName);
    if mistakes.is_empty() && !stages.iter().any(by_name) {
        // Schemas take their time to make.
        let by_name = stages.iter().map(|_| Vec::new()).collect();
        return Ok(Checked { by_name, warnings: Vec::new() });
    }
    let mut search = Search::new(stages);
    search.gaps.extend(mistakes.iter().map(|mistake| Gap::other(mistake.clone())));
    let mut by_name = Vec::with_capacity(stages.len());
    for (index, stage) in stages.iter().enumerate() {
        by_name.push(match stage.params {
            ParamsOf::ByName => search.step(index),
            ParamsOf::Start | ParamsOf::Made(_) => Vec::new(),
        });
    }
    match search.gaps.is_empty() {
        true => Ok(Checked { by_name, warnings: search.warnings }),
        false => Err(invalid(&search.gaps)),
    }
}

/// Something that keeps a pipeline from working.
struct Gap {
    pointer: String,
    rule: &'static str,
    message: String,
    hint: Option<String>,
}

impl Gap {
    fn other(message: String) -> Self {
        Self { pointer: String::new(), rule: "pipeline", message, hint: None }
    }
}

fn invalid(gaps: &[Gap]) -> PluginError {
    let count = if gaps.len() == 1 { "1 gap".to_owned() } else { format!("{} gaps", gaps.len()) };
    let lines = gaps.iter().map(|gap| {
        let hint = gap.hint.as_ref().map(|hint| format!("\n  hint: {hint}"));
        format!("\n{}{}", gap.message, hint.unwrap_or_default())
    });
    let details = gaps.iter().map(|gap| {
        json!({
            "pointer": gap.pointer, "rule": gap.rule, "given": null, "allowed": gap.hint,
            "message": gap.message,
        })
    });
    let message = format!("the steps of this pipeline do not fit: {count}{}", lines.collect::<String>());
    ValidationError::new(message).details(details.collect())
}

struct Search<'s> {
    stages: &'s [Stage],
    /// Of each step, whether another stands before it.
    before: Vec<Vec<bool>>,
    /// What the pipeline is started with.
    start: Value,
    /// Of each step.
    results: Vec<Value>,
    /// The steps that give a field, the first one first.
    giving: HashMap<String, Vec<usize>>,
    warnings: Vec<String>,
    gaps: Vec<Gap>,
}

impl<'s> Search<'s> {
    fn new(stages: &'s [Stage]) -> Self {
        let mut before: Vec<Vec<bool>> = Vec::with_capacity(stages.len());
        for stage in stages {
            let mut of_stage = vec![false; stages.len()];
            for earlier in &stage.before {
                of_stage[*earlier] = true;
                before[*earlier].iter().zip(&mut of_stage).for_each(|(is, both)| *both |= is);
            }
            before.push(of_stage);
        }
        let results: Vec<Value> = stages.iter().map(|stage| stage.def.result_schema()).collect();
        let mut giving: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, result) in results.iter().enumerate() {
            for name in field_names(result, result) {
                giving.entry(name.to_owned()).or_default().push(index);
            }
        }
        let start = stages.first().map(|stage| stage.def.params_schema()).unwrap_or_default();
        Self { stages, before, start, results, giving, warnings: Vec::new(), gaps: Vec::new() }
    }

    fn step(&mut self, index: usize) -> Vec<ByName> {
        let schema = self.stages[index].def.params_schema();
        let needed = required(&schema, &schema);
        let mut found = Vec::new();
        for name in field_names(&schema, &schema) {
            let wanted = types_of(&schema, name);
            match self.find(index, name) {
                Some(step) => {
                    self.compare(index, name, wanted, step);
                    found.push(ByName { field: name.to_owned(), step });
                }
                None if needed.contains(&name) => self.missing(index, name, wanted),
                None => {}
            }
        }
        found
    }

    /// Where a param comes from: `Some(None)` is what the pipeline is started with.
    fn find(&mut self, index: usize, name: &str) -> Option<Option<usize>> {
        let earlier = |step: &&usize| self.before[index][**step];
        let steps: Vec<usize> =
            self.giving.get(name).into_iter().flatten().filter(earlier).copied().collect();
        let given = matches!(field(&self.start, &self.start, name), Field::Known(_));
        let Some(last) = steps.last().copied() else { return given.then_some(None) };
        let shown = |step: usize| format!("`{}`", self.stages[step].name);
        if let Some(other) = steps.iter().find(|step| **step != last && !self.before[last][**step]) {
            // Of two that run in no order neither is the last.
            let message = format!(
                "`{name}` of step {} is given by step {} and by step {}",
                shown(index),
                shown(*other),
                shown(last)
            );
            self.gap(index, name, "ambiguous", message);
        } else if given {
            let (step, by) = (shown(index), shown(last));
            let message = format!(
                "`{name}` of step {step} comes from the result of step {by}, in place of the param of that \
                 name that the pipeline is started with"
            );
            self.warnings.push(message);
        }
        Some(Some(last))
    }

    fn compare(&mut self, index: usize, name: &str, wanted: Types, step: Option<usize>) {
        let (root, who) = match step {
            Some(step) => (&self.results[step], format!("step `{}` gives", self.stages[step].name)),
            None => (&self.start, "the param that the pipeline is started with is".to_owned()),
        };
        let given = types_of(root, name);
        if !given.may_be(wanted) {
            let message =
                format!("`{name}` of step `{}` takes {wanted}, but {who} {given}", self.stages[index].name);
            self.gap(index, name, "type", message);
        }
    }

    fn missing(&mut self, index: usize, name: &str, wanted: Types) {
        let message = format!(
            "step `{}` needs `{name}` ({wanted}), which no step before it gives",
            self.stages[index].name
        );
        self.gap(index, name, "required", message);
    }

    fn gap(&mut self, index: usize, name: &str, rule: &'static str, message: String) {
        let stage = &self.stages[index];
        let hint = format!("give it: `.then_with::<{}>(|results| …)`", stage.def.facts().item);
        self.gaps.push(Gap { pointer: format!("/{}/{name}", stage.name), rule, message, hint: Some(hint) });
    }
}

fn types_of(schema: &Value, name: &str) -> Types {
    match field(schema, schema, name) {
        Field::Known(described) => Types::of_schema(schema, described),
        Field::Open | Field::Missing => Types::ANY,
    }
}
